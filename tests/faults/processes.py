"""Two processes on one run's folder, and on one store."""

from __future__ import annotations

import signal

from case import DONE, TEMPORARY, Bench, case, expect, expect_code, expect_failure
from program import run_in_slices
from small_run import chunk_files, has_chunk
from stores import empty_store


@case("two processes on one run: the second is refused, exit 3, the first goes on")
def second_process(bench: Bench) -> None:
    """The first one stands still with a chunk stored."""
    out = bench.folder / "run"
    first = bench.run.start(out)
    expect(run_in_slices(first.pid, lambda: has_chunk(out)), "it ended by itself")
    stored = len(chunk_files(out))
    second = bench.run.run(out)
    expect_failure(second, TEMPORARY, "another process is running in", str(out), "wait for it", "--out")
    expect(len(chunk_files(out)) == stored, "the refused process has computed something")
    first.send(signal.SIGCONT)
    expect_code(first.wait(), DONE)
    bench.expect_same_results(out)


@case("a killed process leaves no lock behind")
def lock_of_the_dead(bench: Bench) -> None:
    """The lock ends with its process."""
    out = bench.folder / "run"
    first = bench.run.start(out)
    expect(run_in_slices(first.pid, lambda: has_chunk(out)), "it ended by itself")
    first.send(signal.SIGKILL)
    first.wait()
    expect_code(bench.run.run(out), DONE)
    bench.expect_same_results(out)


@case("two processes fill one store: both end well")
def one_store(bench: Bench) -> None:
    """Each artifact is fetched by one of them; the other waits for it."""
    run = bench.with_own_store(bench.folder / "store")
    empty_store(bench.folder / "store")
    outs = [bench.folder / name for name in ("first", "second")]
    running = [run.start(out) for out in outs]
    for process, out in zip(running, outs, strict=True):
        expect_code(process.wait(), DONE)
        bench.expect_same_results(out)
