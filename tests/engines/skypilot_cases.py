"""The file of `--format skypilot`: jobs whose machine goes away, that are told to stop, that are killed; exit codes; the merge."""

from __future__ import annotations

import shutil
import signal
from functools import partial
from pathlib import Path

from case import Skipped, expect
from cases import AT_ONCE, SHARDS, Bench, JobFile, case, expect_codes, expect_noticed
from container import why_not
from disturb import hold_in_the_middle, retally_under, stand_in_for_retally, wish
from program import STOPPED, send, state_of, wait_for
from skypilot_jobs import FAILED, PREEMPTED, SUCCEEDED, ManagedJob, Sky

VOLUME, PLACE = "shared", "starter"
IMAGE = "registry.example/retally@sha256:" + "0" * 64
# By rank.
PREEMPTED_JOB, TOLD_JOB, KILLED_JOB = 0, 1, 2
# What shells give a meaning; a `!` in double quotes is taken for the history by the shell that SkyPilot starts.
ODD_PLACE = "it's !here, 100 % of $HOME"


def job_file(bench: Bench, *words: str) -> JobFile:
    """What is printed, unchanged."""
    return bench.plan("skypilot", "--image", IMAGE, "--volume", VOLUME, *words)


def cloud(bench: Bench) -> Sky:
    """A volume with the filled store."""
    if reason := why_not():
        raise Skipped(f"no containers here: {reason}")
    sky = Sky(bench.folder, bench.image(), VOLUME, AT_ONCE)
    shutil.copytree(bench.store, sky.volume / "store")
    return sky


@case("skypilot: five jobs, two at once, one machine lost, one told to stop, one killed, merged to the same bytes")
def disturbed(bench: Bench) -> str:
    """Every command that the file says to give, the first one twice, as it says."""
    return prove_disturbed(bench, job_file(bench))


def prove_disturbed(bench: Bench, file: JobFile, place: str = PLACE) -> str:
    """The same for any file, so that a wrong one can be shown to it."""
    sky = cloud(bench)
    out = sky.volume / place
    launch, queue, merge = file.commands
    sky.on_start = lambda job: disturb(job, out)
    first = sky.give(launch, file.text)
    expect_ends(first, sky)
    # "The first command again after a failure computes what is missing."
    sky.on_start = lambda _job: None
    sky.give(launch, file.text)
    sky.give(queue, file.text)
    (merged,) = sky.give(merge, file.text)
    expect_codes("the merge", merged.ends, [0])
    expect(merged.task.name == "retally-starter-merge", f"the merge is called {merged.task.name}")
    return f"jobs ended with {[job.ends for job in first]}, then with 0; {bench.expect_same_results(out)}"


def disturb(job: ManagedJob, out: Path) -> None:
    """Does to the first try of three jobs what clouds do. No other job runs at that moment."""
    if job.rank not in (PREEMPTED_JOB, TOLD_JOB, KILLED_JOB) or job.ends:
        return
    cluster = job.cluster
    assert cluster is not None
    pid = retally_under(cluster.pid, cluster.has_ended, f"job {job.number}", job.text)
    # An interactive shell takes a program that stands still for one that is done: the shell must stand still as long.
    cluster.send(signal.SIGSTOP)
    wait_for(lambda: state_of(cluster.pid) in STOPPED, "the job's shell to stop")
    hold_in_the_middle(pid, out, f"job {job.number}", job.text)
    if job.rank == PREEMPTED_JOB:
        job.preempt()
        return
    send(pid, signal.SIGTERM if job.rank == TOLD_JOB else signal.SIGKILL)
    send(pid, signal.SIGCONT)
    wait_for(lambda: state_of(pid) not in STOPPED, "retally to go on")
    cluster.send(signal.SIGCONT)
    cluster.wait()


def expect_ends(jobs: list[ManagedJob], sky: Sky) -> None:
    """A lost machine and exit code 4 start the job again; what was killed stays so."""
    wanted = {PREEMPTED_JOB: [PREEMPTED, 0], TOLD_JOB: [4, 0], KILLED_JOB: [137]}
    for job in jobs:
        expect(job.ends == wanted.get(job.rank, [0]), f"job {job.number} ended with {job.ends}:\n{job.text()}")
        expect(job.status == (FAILED if job.rank == KILLED_JOB else SUCCEEDED), f"job {job.number} is {job.status}")
        expect("event not found" not in job.text(), f"job {job.number} looked for history:\n{job.text()}")
        line = f"shard {job.rank + 1}/{SHARDS} (by --shard)"
        expect(line in job.text(), f"job {job.number} did not print `{line}`:\n{job.text()}")
    expect(len(jobs) == SHARDS, f"{len(jobs)} jobs were launched\n{sky.texts()}")


@case("skypilot: a folder's name with everything that shells give a meaning")
def odd_words(bench: Bench) -> str:
    """The shell is an interactive one."""
    file = job_file(bench, "--out-dir", f"/retally/{ODD_PLACE}")
    return prove_disturbed(bench, file, ODD_PLACE)


@case("skypilot: 3 is tried three times on the machine, 4 as often as it takes, 1, 2 and 137 once")
def exit_codes(bench: Bench) -> str:
    """A program that stands in for retally."""
    return prove_exit_codes(bench, job_file(bench))


def prove_exit_codes(bench: Bench, file: JobFile) -> str:
    """The same for any file."""
    sky = cloud(bench)
    stand_in_for_retally(sky.image)
    # What retally ends with, how often it is called, and how the job ends.
    wanted = {
        0: ([3, 3, 0], 3, [0]),
        1: ([3, 3, 3, 0], 3, [3]),
        2: ([4, 4, 4, 4, 4, 4, 0], 7, [4, 4, 4, 4, 4, 4, 0]),
        3: ([2, 0], 1, [2]),
        4: ([137, 0], 1, [137]),
    }
    for rank, (codes, _, _) in wanted.items():
        wish(sky.image, rank, *codes)
    launch, _, merge = file.commands
    for job in sky.give(launch, file.text):
        _, calls, ends = wanted[job.rank]
        expect_codes(f"the job of rank {job.rank}", job.ends, ends)
        found = job.text().count(" ended with ")
        expect(found == calls, f"rank {job.rank} called retally {found} times, expected {calls}")
    wish(sky.image, "merge", 3, 1, 0)
    (merged,) = sky.give(merge, file.text)
    expect_codes("the merge", merged.ends, [1])
    return f"jobs ended with {[ends for _, _, ends in wanted.values()]}, the merge with [1]"


@case("skypilot: another number of jobs than planned computes nothing")
def another_count(bench: Bench) -> str:
    """Exit code 2, which is not tried again."""
    sky, file = cloud(bench), job_file(bench)
    launched = file.commands[0].replace("--num-jobs 5", "--num-jobs 3")
    for job in [*sky.give(launched, file.text), *sky.give(file.commands[0].replace("--num-jobs 5 ", ""), file.text)]:
        expect_codes(f"job {job.number}", job.ends, [2])
        expect(f"give --num-jobs {SHARDS}" in job.text(), f"job {job.number} does not say what to do: {job.text()}")
    expect(not (sky.volume / PLACE).exists(), "something was computed")
    return "4 jobs ended with 2"


# What is wrong on purpose.


@case("skypilot, wrong on purpose: exit code 4 is not recovered from")
def no_recovery(bench: Bench) -> str:
    """The line is gone."""
    file = job_file(bench).with_text("    recover_on_exit_codes: [4]\n", "")
    return expect_noticed(lambda: prove_disturbed(bench, file), "job 2 ended with [4]")


@case("skypilot, wrong on purpose: what will never work is tried again")
def restarts(bench: Bench) -> str:
    """Restarts on any error."""
    file = job_file(bench).with_text("max_restarts_on_errors: 0", "max_restarts_on_errors: 1")
    return expect_noticed(lambda: prove_exit_codes(bench, file), "rank 1 ended with [3, 0]")


@case("skypilot, wrong on purpose: ranks counted from 1")
def wrong_rank(bench: Bench) -> str:
    """The last shard does not exist, and the first one is missing."""
    file = job_file(bench).with_text("$((SKYPILOT_JOB_RANK + 1))", "$((SKYPILOT_JOB_RANK))")
    return expect_noticed(lambda: prove_disturbed(bench, file), "job 1 ended", "0/5")


@case("skypilot, wrong on purpose: no count of jobs in the command")
def no_count(bench: Bench) -> str:
    """One job is not five."""
    file = job_file(bench)
    wrong = JobFile(file.text, (file.commands[0].replace("--num-jobs 5 ", ""), *file.commands[1:]))
    return expect_noticed(lambda: prove_disturbed(bench, wrong), "launched as 1 jobs: give --num-jobs 5")


@case("skypilot, wrong on purpose: a `!` where the shell looks for history, a volume that is not there, unknown fields")
def refused(bench: Bench) -> str:
    """Each by its reason."""
    file, sky = job_file(bench), cloud(bench)
    history = file.with_text("  attempt() {", '  echo "done !at once"\n\n  attempt() {')
    for job in sky.give(file.commands[0], history.text):
        expect("event not found" in job.text(), f"the history was not looked for: {job.text()}")
    wrong = [
        ('  /retally: "shared"', '  /retally: "another"', "another"),
        ("envs:\n", "num_nodes: 2\n\nenvs:\n", "num_nodes"),
        ("    max_restarts_on_errors: 0\n", "    max_restarts_on_errors: 0\n    strategy: FAILOVER\n", "strategy"),
    ]
    for old, new, reason in wrong:
        expect_noticed(partial(sky.give, file.commands[0], file.with_text(old, new).text), reason)
    return f"{1 + len(wrong)} files"
