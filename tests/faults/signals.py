"""SIGTERM, SIGINT and SIGHUP: the chunk in flight is finished, exit 4; a second signal ends at once; both continue."""

from __future__ import annotations

import random
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from case import DONE, INCOMPLETE, Bench, Failed, case, expect, expect_code, expect_failure, expect_said
from kill_results import Survivors, expect_nothing_lost
from program import Running, run_in_slices
from small_run import MANIFEST, SmallRun, chunk_files, partial_files

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ANNOUNCED = "stopping after the chunk in flight; interrupt again to stop at once"
KEPT = ("stopped before the end; what is done is kept in", "and the same command continues")
ATTEMPTS, SECOND_SIGNALS = 10, 60
# Within this time after its beginning a run opens its sessions.
OPENING_S = 0.05
# A chunk of 16 batches is never finished by the time that the next one begins.
LARGE_CHUNK, CHUNKS = 256, 4


@case("SIGTERM, SIGINT and SIGHUP: the chunk in flight is finished, exit 4, the same command continues")
def finish_the_chunk(bench: Bench) -> None:
    """One signal with one chunk stored: the second is finished, no third is begun."""
    bench = with_large_chunks(bench)
    for number in SIGNALS:
        out, running = start_and_hold(bench, number.name, with_chunks=1)
        survivors = Survivors(out)
        survivors.look()
        running.send(number)
        running.send(signal.SIGCONT)
        expect_failure(running.wait(), INCOMPLETE, ANNOUNCED, *KEPT, str(out))
        expect(len(chunk_files(out)) == 2, f"{len(chunk_files(out))} chunks after {number.name}, not 2")
        expect(not partial_files(out), "it left a half-written file")
        ended = bench.run.run(out)
        expect_code(ended, DONE)
        expect_nothing_lost(survivors, ended)
        bench.expect_same_results(out)


@case(
    "a second signal ends at once, exit 4, the same command continues",
)
def second_signal(bench: Bench) -> None:
    """Both wait when the stopped process goes on: no chunk can be finished between them. Many times, as threads run."""
    bench, draw, codes = with_large_chunks(bench), random.Random(bench.seed), []
    for number in range(SECOND_SIGNALS):
        out, running = start_and_hold(bench, f"run-{number}", with_chunks=0)
        moment = time.monotonic() + draw.uniform(0, OPENING_S)
        run_in_slices(running.pid, partial(is_past, moment), slice_s=0.005)
        before = len(chunk_files(out))
        for signalled in (*draw.sample(SIGNALS, 2), signal.SIGCONT):
            running.send(signalled)
        ended = running.wait()
        codes.append(ended.code)
        expect_said(ended, ANNOUNCED)
        expect(len(chunk_files(out)) == before, "it finished a chunk after the second signal")
    expect_code(bench.run.run(out), DONE)
    bench.expect_same_results(out)
    expect(set(codes) == {INCOMPLETE}, f"exit codes {codes}, expected {INCOMPLETE}")


def is_past(moment: float) -> bool:
    """Whether a moment has come."""
    return time.monotonic() >= moment


@case("a signal before anything is computed: exit 4, the same command continues")
def early_signal(bench: Bench) -> None:
    """The run's folder is there and nothing in it."""
    out, running = start_and_hold(bench, "run", with_chunks=0)
    running.send(signal.SIGTERM)
    running.send(signal.SIGCONT)
    expect_failure(running.wait(), INCOMPLETE, ANNOUNCED, *KEPT)
    expect_code(bench.run.run(out), DONE)
    bench.expect_same_results(out)


def start_and_hold(bench: Bench, name: str, with_chunks: int) -> tuple[Path, Running]:
    """A run that stands still as soon as it has its folder and this many chunks, and no more."""
    for attempt in range(ATTEMPTS):
        out = bench.folder / f"{name}-{attempt}"
        running = bench.run.start(out)
        is_there = run_in_slices(running.pid, partial(has_come_to, out, with_chunks), slice_s=0.005)
        if is_there and len(chunk_files(out)) == with_chunks:
            return out, running
        running.send(signal.SIGKILL)
        running.wait()
    raise Failed(f"it was faster {ATTEMPTS} times")


def has_come_to(out: Path, chunks: int) -> bool:
    """Whether a run has begun and stored so many chunks."""
    return (out / ".lock").exists() and len(chunk_files(out)) >= chunks


def with_large_chunks(bench: Bench) -> Bench:
    """The small run with one model in a few large chunks, and its own undisturbed run."""
    manifest = bench.folder / "large.toml"
    text = MANIFEST.read_text(encoding="utf-8").replace("chunk = 32", f"chunk = {LARGE_CHUNK}")
    manifest.write_text(text, encoding="utf-8")
    run = large_run(bench.run, manifest)
    reference = bench.folder / "reference"
    expect_code(run.run(reference), DONE)
    return replace(bench, run=run, reference=reference)


def large_run(run: SmallRun, manifest: Path) -> SmallRun:
    """One model in a few large chunks."""
    models, limit = run.models[:1], LARGE_CHUNK * CHUNKS
    return replace(run, manifests=(manifest,), chunk=LARGE_CHUNK, limit=limit, models=models)
