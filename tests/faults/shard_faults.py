"""Shards that are there twice, too early, damaged, or beside a whole run."""

from __future__ import annotations

import signal
from pathlib import Path

from broken_bytes import cut, flipped
from case import DONE, INCOMPLETE, INVALID, TEMPORARY, Bench, case, expect, expect_code, expect_failure
from kill_results import Survivors, expect_nothing_lost
from program import Outcome, Running, run_in_slices
from shards import require_shards, run_shards
from small_run import chunk_files, has_chunk


def started_shard(bench: Bench, out: Path) -> Running:
    """The first of two shards, which stands still with a chunk stored."""
    running = bench.run.start(out, "--shard", "1/2", "--threads", "1")
    expect(run_in_slices(running.pid, lambda: has_chunk(out)), "it ended by itself")
    return running


def said(outcome: Outcome) -> str:
    """Both outputs."""
    return outcome.stdout + outcome.stderr


@case("shards: one shard is started twice, or a whole run or a merge beside it: exit 3, the first goes on")
def beside_a_shard(bench: Bench) -> None:
    """Another shard of the same run may join."""
    require_shards(bench)
    out = bench.folder / "run"
    first = started_shard(bench, out)
    expect_failure(bench.run.run(out, "--shard", "1/2"), TEMPORARY, "another process", str(out), "wait for it")
    expect_failure(bench.run.run(out), TEMPORARY, "another process", str(out), "wait for it")
    expect_failure(bench.program.run("merge", out), TEMPORARY, "another process", str(out), "wait for it")
    expect_code(bench.run.run(out, "--shard", "2/2"), DONE)
    first.send(signal.SIGCONT)
    expect_code(first.wait(), DONE)
    expect_code(bench.program.run("merge", out), DONE)
    bench.expect_same_results(out)


@case("shards: SIGTERM: the chunk in flight is finished, exit 4; `status` says so; the same command continues")
def signalled_shard(bench: Bench) -> None:
    """As for a whole run."""
    require_shards(bench)
    out = bench.folder / "run"
    running = started_shard(bench, out)
    running.send(signal.SIGTERM)
    running.send(signal.SIGCONT)
    expect_failure(running.wait(), INCOMPLETE, "stopping after the chunk in flight", "the same command continues")
    expect_code(bench.program.run("status", out), INCOMPLETE)
    run_shards(bench, out, 1, 2, count=2)
    expect_code(bench.program.run("status", out), DONE)
    expect_code(bench.program.run("merge", out), DONE)
    bench.expect_same_results(out)


@case("shards: a merge while one is missing: exit 4, which ones, as an array; the whole run ends in the same bytes")
def merge_too_early(bench: Bench) -> None:
    """One shard of three never ran."""
    require_shards(bench)
    out = bench.folder / "run"
    run_shards(bench, out, 1, 3, count=3)
    for command in ("status", "merge"):
        ended = bench.program.run(command, out)
        expect_code(ended, INCOMPLETE)
        expect("--array=2" in said(ended), f"`{command}` does not say that shard 2 is missing: {said(ended)}")
    expect(not (out / "measurements.json").exists(), "there are measurements of two thirds")
    expect_code(bench.run.run(out), DONE)
    bench.expect_same_results(out)


@case("shards: a chunk with a flipped bit or cut: `status --verify` and `merge` name it, exit 4, computed again")
def damaged_chunk_of_a_shard(bench: Bench) -> None:
    """Whoever merges has neither images nor models, and cannot compute it."""
    require_shards(bench)
    out = bench.folder / "run"
    run_shards(bench, out, 1, 2, count=2)
    for damage in (flipped, cut):
        chunk = chunk_files(out)[4]
        chunk.write_bytes(damage(chunk.read_bytes()))
        for words in (("status", out, "--verify"), ("merge", out)):
            ended = bench.program.run(*words)
            expect_code(ended, INCOMPLETE)
            expect(chunk.stem in said(ended), f"`{words[0]}` does not name the damaged chunk: {said(ended)}")
        expect(not (out / "measurements.json").exists(), "a damaged chunk was measured")
        run_shards(bench, out, 1, 2, count=2)
    expect_code(bench.program.run("merge", out), DONE)
    bench.expect_same_results(out)


@case("shards: a work list that is cut or changed: exit 2, the file is named; removed, it is written again")
def damaged_work_list(bench: Bench) -> None:
    """It says which chunks there must be; nothing is done by a damaged one."""
    require_shards(bench)
    for damage in (flipped, cut):
        out = bench.folder / damage.__name__
        run_shards(bench, out, 1, 2, count=2)
        survivors = Survivors(out)
        survivors.look()
        work = out / "work.jsonl"
        work.write_bytes(damage(work.read_bytes()))
        for words in (("merge", str(out)), ("status", str(out)), bench.run.arguments(out, "--shard", "1/2")):
            expect_failure(bench.program.run(*words), INVALID, str(work), "remove it", "chunks are kept")
        expect(not (out / "measurements.json").exists(), "it was measured by a damaged list")
        work.unlink()
        run_shards(bench, out, 1, 2, count=2)
        ended = bench.program.run("merge", out)
        expect_code(ended, DONE)
        expect_nothing_lost(survivors, ended)
        bench.expect_same_results(out)
