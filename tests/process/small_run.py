"""A run of a second over the repository's own files, and what is in its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from program import Outcome, Program, Running

MANIFEST = Path(__file__).with_name("small.toml")
MODELS = ("small-a", "small-b")
DATASET = "emoji-in-small-chunks"
CHUNK = 32
# What no two runs have alike: the times in the record, which the page shows.
TIMED = frozenset({"run.json", "report.html"})
# What was done by whom: the work list (work.jsonl) and the shards' records.
OF_SHARDS = ("work.json", "shards/")
# How half-written files of runs and of reports are named.
PARTIAL = (".partial-", ".retally-")


@dataclass(frozen=True)
class FileMark:
    """What changes when a file is written again, even with the same bytes."""

    inode: int
    modified_ns: int
    size: int

    @classmethod
    def of(cls, path: Path) -> FileMark:
        """The mark of a file."""
        status = path.stat()
        return cls(status.st_ino, status.st_mtime_ns, status.st_size)


@dataclass(frozen=True)
class SmallRun:
    """The command and its parameters."""

    program: Program
    limit: int = 160
    models: tuple[str, ...] = MODELS
    dataset: str = DATASET
    chunk: int = CHUNK
    manifests: tuple[Path, ...] = (MANIFEST,)
    offline: bool = True

    def arguments(self, out: Path, *further: str) -> list[str]:
        """The words after the program's name."""
        words = ["run", "starter", "--data", self.dataset, "--limit", str(self.limit), "--out", str(out)]
        words += [word for manifest in self.manifests for word in ("--manifest", str(manifest))]
        words += [word for model in self.models for word in ("--model", model)]
        words += ["--offline"] if self.offline else []
        return [*words, *further]

    def start(self, out: Path, *further: str) -> Running:
        """Starts it."""
        return self.program.start(*self.arguments(out, *further))

    def run(self, out: Path, *further: str) -> Outcome:
        """Runs it to its end."""
        return self.start(out, *further).wait()

    def chunk_sizes(self) -> list[int]:
        """Samples of each chunk of one model."""
        return [min(self.chunk, self.limit - start) for start in range(0, self.limit, self.chunk)]

    def chunk_count(self) -> int:
        """Chunks of all models."""
        return len(self.models) * len(self.chunk_sizes())


def chunk_files(out: Path) -> list[Path]:
    """The whole chunk files of a run, by name."""
    return sorted((out / "chunks").glob("*.safetensors"))


def has_chunk(out: Path) -> bool:
    """Whether a chunk is stored."""
    return bool(chunk_files(out))


def chunk_marks(out: Path) -> dict[str, FileMark]:
    """Every whole chunk file of a run with its mark."""
    return {path.name: FileMark.of(path) for path in chunk_files(out)}


def partial_files(out: Path) -> list[Path]:
    """Files that were being written when something ended the writer."""
    return sorted(path for path in out.rglob(".*") if path.name.startswith(PARTIAL) and path.is_file())


def results(out: Path) -> dict[str, bytes]:
    """Every file of a finished run that must be the same in each run, by its path in the folder."""
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    named = {str(path.relative_to(out)): path for path in files}
    return {
        name: path.read_bytes()
        for name, path in named.items()
        if name not in TIMED and not path.name.startswith(".") and not name.startswith(OF_SHARDS)
    }


def chunks_of_models(out: Path) -> dict[str, list[str]]:
    """The names of each model's chunks in sample order, as a finished run records them."""
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    return {model["id"]: model["chunks"] for model in record["models"]}
