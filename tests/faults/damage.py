"""Files that are not what they were: chunks, stored models, records."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from broken_bytes import Damage, cut, emptied, flipped, flipped_digit, zeroed
from case import DONE, INVALID, Bench, case, expect, expect_code, expect_failure, expect_said
from kill_results import COMPUTED
from program import Outcome
from small_run import CHUNK, MANIFEST, SmallRun, chunk_files

MODEL = "noto-world-model-conditioned-encoder.onnx"
ARTIFACT = """
[[artifact]]
id = "cut.onnx"
kind = "model"
sha256 = "{digest}"
bytes = {length}
licence = "Apache-2.0"
provenance = "The first half of a model."
sources = ["file:cut.onnx"]
"""


@case("a chunk with a flipped bit, cut, emptied or full of zeros: found, said, computed again alone")
def damaged_chunk(bench: Bench) -> None:
    """One chunk at a time; the others are not computed again."""
    out = bench.folder / "run"
    expect_code(bench.run.run(out), DONE)
    for damage in (flipped, cut, emptied, zeroed):
        chunk = chunk_files(out)[3]
        chunk.write_bytes(damage(chunk.read_bytes()))
        ended = bench.run.run(out)
        expect_code(ended, DONE)
        expect_said(ended, str(chunk), "is damaged (", "it is computed again")
        counts = [int(count) for _, count in COMPUTED.findall(ended.stderr)]
        expect(counts == [CHUNK], f"{damage.__name__}: {counts} images were computed, not those of one chunk")
        bench.expect_same_results(out)


@case("a chunk of another run under a chunk's name: found, said, computed again")
def exchanged_chunk(bench: Bench) -> None:
    """A whole file with a right seal, in another's place."""
    out = bench.folder / "run"
    expect_code(bench.run.run(out), DONE)
    first, second = chunk_files(out)[:2]
    first.write_bytes(second.read_bytes())
    ended = bench.run.run(out)
    expect_code(ended, DONE)
    expect_said(ended, str(first), "is damaged (", "it is computed again")
    bench.expect_same_results(out)


@case(
    "a measurement file that is cut or full of zeros: found, said, measured again",
)
def damaged_measurement(bench: Bench) -> None:
    """What is stored of a tap is read only if it is whole."""
    for damage in (cut, zeroed):
        path, ended = run_with_damaged_measurement(bench, damage)
        expect_said(ended, str(path), "is damaged (", "it is measured again")


@case(
    "a measurement file with another number in it: found, said, measured again",
)
def changed_measurement(bench: Bench) -> None:
    """It is good JSON and of the right form, and not what was measured."""
    path, ended = run_with_damaged_measurement(bench, flipped_digit)
    expect_said(ended, str(path), "is damaged (", "it is measured again")


def run_with_damaged_measurement(bench: Bench, damage: Damage) -> tuple[Path, Outcome]:
    """A finished run that is run again with one damaged file; the file, and how it ended."""
    out = bench.folder / damage.__name__
    expect_code(bench.run.run(out), DONE)
    path = sorted((out / "measured").iterdir())[0]
    path.write_bytes(damage(path.read_bytes()))
    ended = bench.run.run(out)
    expect_code(ended, DONE)
    bench.expect_same_results(out)
    return path, ended


@case("a truncated or changed model in the store, its source there: found, said, fetched again")
def damaged_model_is_mended(bench: Bench) -> None:
    """The source is a file of the repository, which needs no network."""
    for damage in (cut, flipped):
        run = bench.with_own_store(bench.folder / damage.__name__)
        model = stored_model(run)
        damage_object(model, damage)
        out = bench.folder / f"run-{damage.__name__}"
        ended = run.run(out)
        expect_code(ended, DONE)
        expect_said(ended, str(model), "the manifest says", "fetching it again")
        bench.expect_same_results(out)


@case("a truncated or changed model in the store, its source gone: exit 2, nothing is computed with it")
def damaged_model_is_refused(bench: Bench) -> None:
    """Without the repository's files and without a network there is nowhere to get it from."""
    for damage in (cut, flipped):
        run = bench.with_own_store(bench.folder / damage.__name__)
        model = stored_model(run)
        damage_object(model, damage)
        program = run.program.with_environment(RETALLY_ROOT=str(bench.folder / "nowhere"))
        out = bench.folder / f"run-{damage.__name__}"
        ended = SmallRun(program).run(out)
        expect_failure(
            ended,
            INVALID,
            str(model),
            MODEL,
            "the network is forbidden",
            f"run `retally fetch {MODEL}` where there is a network",
        )
        expect(not chunk_files(out), "it computed with a damaged model")


@case("a truncated model whose manifest names the truncated bytes: exit 2, the model is named, no panic")
def truncated_model(bench: Bench) -> None:
    """Somebody exported a model on a full disk and took the digest afterwards."""
    content = cut(stored_model(bench.run).read_bytes())
    (bench.folder / "cut.onnx").write_bytes(content)
    manifest = bench.folder / "cut.toml"
    text = MANIFEST.read_text(encoding="utf-8").replace(MODEL, "cut.onnx")
    digest = hashlib.sha256(content).hexdigest()
    manifest.write_text(text + ARTIFACT.format(digest=digest, length=len(content)), encoding="utf-8")
    run = replace(bench.with_own_store(bench.folder / "store"), manifests=(manifest,))
    expect_failure(run.run(bench.folder / "run"), INVALID, "model `small-a`")
    expect(not chunk_files(bench.folder / "run"), "it computed with a truncated model")


@case("a damaged model in the store: `verify` lists it, exit 2")
def verify_lists_it(bench: Bench) -> None:
    """Without running anything."""
    run = bench.with_own_store(bench.folder / "store")
    model = stored_model(run)
    damage_object(model, flipped)
    ended = run.program.run("verify")
    expect_code(ended, INVALID)
    expect(MODEL in ended.stdout + ended.stderr, f"not named: {ended.stdout}")


def stored_model(run: SmallRun) -> Path:
    """The file of the first model in the run's store."""
    digest = "931f6c7a6546084c774bc661d236b1084aa4441d1d5bf8abf7ba0cd0db6039fa"
    home = Path(run.program.environment["RETALLY_HOME"])
    return home / "objects" / "sha256" / digest[:2] / digest[2:]


def damage_object(path: Path, damage: Damage) -> None:
    """Objects are read-only for everybody but root."""
    path.chmod(0o644)
    path.write_bytes(damage(path.read_bytes()))
