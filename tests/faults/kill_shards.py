"""`kill -9` of shards that work in one folder at the same time, and of the merge: no chunk is lost, the same bytes."""

from __future__ import annotations

import random
import signal
import time
from functools import partial
from pathlib import Path

from case import DONE, Bench, case, expect, expect_code
from inotify import Watch
from kill_count import share
from kill_results import Survivors, expect_nothing_lost
from phases import PHASE, Tally, kill_in, make_folders, wait_for_events
from program import Outcome, Running
from shards import require_shards, run_shards
from small_run import chunk_files

MOST_SHARDS, MOST_KILLS_OF_A_ROUND = 4, 6
# Rounds for each kill at most; where a machine is so fast that shards end before they are hit, that is said.
ROUNDS_FOR_A_KILL = 10


@case("kill -9 of shards in one folder: no finished chunk is lost, merged to the same bytes")
def kill_shards(bench: Bench) -> str:
    """Rounds of a few shards that run side by side."""
    require_shards(bench)
    draw, tally, wanted = random.Random(bench.seed), Tally(), share(bench.kills, "shards")
    for number in range(ROUNDS_FOR_A_KILL * wanted):
        if tally.total >= wanted:
            break
        out = bench.folder / f"run-{number}"
        survivors = kill_some_shards(bench, out, draw, tally, wanted - tally.total)
        ended = bench.program.run("merge", out)
        expect_code(ended, DONE)
        expect_nothing_lost(survivors, ended)
        bench.expect_same_results(out)
    expect(tally.total >= wanted, f"shards were faster than the kills: {tally}")
    return str(tally)


@case("kill -9 of the merge: the same command ends in the same bytes")
def kill_merges(bench: Bench) -> str:
    """A folder whose chunks are all there and nothing else."""
    require_shards(bench)
    draw, tally, wanted = random.Random(bench.seed), Tally(), share(bench.kills, "merge")
    for number in range(ROUNDS_FOR_A_KILL * wanted):
        if tally.total >= wanted:
            break
        out = bench.folder / f"run-{number}"
        run_shards(bench, out, 1, 2, count=2)
        survivors = Survivors(out)
        survivors.look()
        for name in draw.choices(("measure", "report"), k=min(3, wanted - tally.total)):
            if kill_in(PHASE[name], partial(bench.program.start, "merge", out), out, draw):
                tally.count(name)
        ended = bench.program.run("merge", out)
        expect_code(ended, DONE)
        expect_nothing_lost(survivors, ended)
        bench.expect_same_results(out)
    expect(tally.total >= wanted, f"merges were faster than the kills: {tally}")
    return str(tally)


def kill_some_shards(bench: Bench, out: Path, draw: random.Random, tally: Tally, most: int) -> Survivors:
    """Lets some shards work in one folder, kills and restarts one after the other, and waits for all."""
    count, survivors = draw.randint(2, MOST_SHARDS), Survivors(out)
    kills = min(draw.randint(1, MOST_KILLS_OF_A_ROUND), most)
    with Watch(make_folders(out)) as watch:
        running = {index: start_shard(bench, out, index, count) for index in range(1, count + 1)}
        for _ in range(kills):
            index = draw.choice(sorted(running))
            phase = PHASE[draw.choice(("inference", "write"))]
            wait_for_events(watch, running[index], 1, partial(phase.begins, out))
            time.sleep(draw.uniform(0, phase.within_s))
            if was_killed(running[index]):
                tally.count(phase.name)
            survivors.look()
            running[index] = start_shard(bench, out, index, count)
        ended = [process.wait() for process in running.values()]
    expect_shares(bench, count, ended)
    expect(len(chunk_files(out)) == bench.run.chunk_count(), "there are more or fewer chunks than the run has")
    return survivors


def expect_shares(bench: Bench, count: int, ended: list[Outcome]) -> None:
    """Each shard says what it did, and together they are the run."""
    for outcome in ended:
        expect_code(outcome, DONE)
    documents = [outcome.document() for outcome in ended]
    shards = [(document["shard"]["index"], document["shard"]["count"]) for document in documents]
    expect(shards == [(index, count) for index in range(1, count + 1)], f"they say that they are {shards}")
    chunks = [document["chunks"] for document in documents]
    expect(all(one["own"] == one["computed"] + one["stored"] for one in chunks), f"chunks do not add up: {chunks}")
    expect(sum(one["own"] for one in chunks) == bench.run.chunk_count(), f"shards are not the whole: {chunks}")


def start_shard(bench: Bench, out: Path, index: int, count: int) -> Running:
    """One shard; with one thread, as beside others."""
    return bench.run.start(out, "--shard", f"{index}/{count}", "--threads", "1", "--json")


def was_killed(running: Running) -> bool:
    """Kills a shard; false if it had ended before."""
    running.send(signal.SIGKILL)
    code = running.wait().code
    expect(code in {DONE, -signal.SIGKILL}, f"a shard ended with {code} by itself")
    return code == -signal.SIGKILL
