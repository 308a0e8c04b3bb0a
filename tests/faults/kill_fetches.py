"""`kill -9` while a run fetches its model: the next start goes on where the part on the disk ends."""

from __future__ import annotations

import random
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from case import DONE, Bench, case, expect, expect_code
from kill_count import share
from program import REPOSITORY, wait_for
from server import SLICE, Answer, Request, Server, proper, serve
from small_run import MANIFEST, SmallRun

ENCODER = REPOSITORY / "suites" / "iwm" / "world-models" / "conditioned-encoder.onnx"
BUILT_IN, SERVED = "noto-world-model-conditioned-encoder.onnx", "served-encoder.onnx"
DIGEST = "931f6c7a6546084c774bc661d236b1084aa4441d1d5bf8abf7ba0cd0db6039fa"
MOST_KILLS_OF_A_FETCH = 8

ARTIFACT = f"""
[[artifact]]
id = "{SERVED}"
kind = "model"
sha256 = "{DIGEST}"
bytes = {{length}}
licence = "Apache-2.0"
provenance = "The repository's own, from a server that takes its time."
sources = ["{{address}}"]
"""


@case("kill -9 while a model is fetched: continued from the part on the disk, the same bytes in the end")
def kill_fetches(bench: Bench) -> str:
    """Rounds of kills on a store each."""
    draw, wanted, kills, rounds = random.Random(bench.seed), share(bench.kills, "fetch"), 0, 0
    while kills < wanted:
        most = min(MOST_KILLS_OF_A_FETCH, wanted - kills)
        kills += kill_one_fetch(bench, bench.folder / str(rounds), draw, most)
        rounds += 1
        expect(rounds < MOST_KILLS_OF_A_FETCH * wanted + 20, f"it was always faster; {kills} kills")
    return f"{kills} kills in {rounds} fetches"


def kill_one_fetch(bench: Bench, folder: Path, draw: random.Random, most: int) -> int:
    """Kills one fetch a few times and lets it end; how often it was hit."""
    folder.mkdir()
    content = ENCODER.read_bytes()
    run, out = bench.with_own_store(folder / "store"), folder / "run"
    object_path(folder).unlink()

    def slowly(request: Request) -> Answer:
        return replace(proper(content, request.offset), pause_s=0.002)

    kept: list[Kept] = []
    with serve(slowly) as server:
        run = replace(run, offline=False, manifests=(served_manifest(folder, server, len(content)),))
        while len(kept) < most and kill_after(run, server, out, draw.randrange(0, len(content), SLICE)):
            kept.append(Kept(len(server.requests), part_size(folder)))
        ended = run.run(out)
    expect_code(ended, DONE)
    bench.expect_same_results(out)
    # A part that was whole when the kill came is asked for no more.
    for before in (one for one in kept if one.bytes < len(content)):
        expect(
            len(server.requests) > before.requests, f"{before.bytes} bytes were there, and nobody asked for the rest"
        )
        offset = server.requests[before.requests].offset
        expect(offset == before.bytes, f"it went on at byte {offset}, and {before.bytes} bytes were there")
    return len(kept)


@dataclass(frozen=True)
class Kept:
    """After a kill: the requests so far, and the size of the part on the disk."""

    requests: int
    bytes: int


def kill_after(run: SmallRun, server: Server, out: Path, count: int) -> bool:
    """Kills a run once the server has sent so many more bytes; false if it had all before that."""
    before = server.sent
    running = run.start(out)
    wait_for(lambda: server.sent - before > count or running.has_ended() or has_encoder(out), "bytes", pause_s=0.0005)
    running.send(signal.SIGKILL)
    running.wait()
    return not has_encoder(out)


def has_encoder(out: Path) -> bool:
    """Whether the fetch is over."""
    return object_path(out.parent).exists()


def object_path(folder: Path) -> Path:
    """Where the store has the model."""
    return folder / "store" / "objects" / "sha256" / DIGEST[:2] / DIGEST[2:]


def part_size(folder: Path) -> int:
    """Bytes that have come so far."""
    path = folder / "store" / "partial" / f"{DIGEST}.part"
    return path.stat().st_size if path.exists() else 0


def served_manifest(folder: Path, server: Server, length: int) -> Path:
    """The small run's manifest, with a model that comes from a server."""
    text = MANIFEST.read_text(encoding="utf-8").replace(BUILT_IN, SERVED)
    manifest = folder / "served.toml"
    manifest.write_text(text + ARTIFACT.format(length=length, address=server.address), encoding="utf-8")
    return manifest
