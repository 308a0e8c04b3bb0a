#!/usr/bin/env python3
"""Shards in a real Slurm on this machine: one killed, one pre-empted, merged, compared with a run without shards."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "process"))

from array_job import ArrayJob, make_reachable
from cluster import Cluster, ClusterError
from guarded import guarded
from program import ProcessError, find_binary, own_store
from small_run import SmallRun, chunk_files, results

COUNTS = (1, 3, 8)
# Exit codes.
DONE, INCOMPLETE = 0, 4
# 64 chunks: with eight tasks each has eight. Three at most are in flight when one is stopped: a chunk is two batches,
# and a few batches are prepared ahead.
LIMIT = 1024


class Failed(Exception):
    """Something that must hold does not."""


def main() -> int:
    """The exit code: 0 if everything holds."""
    arguments = parse()
    return guarded("slurm", lambda folder: shown(arguments, folder), (Failed, ClusterError, ProcessError, OSError))


def shown(arguments: argparse.Namespace, folder: Path) -> int:
    """Proves everything in the folder, and says so."""
    make_reachable(folder)
    print(prove(arguments, folder))
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, help="the program to test; by default target/release/retally")
    parser.add_argument("--tasks", type=int, nargs="+", default=list(COUNTS), help="sizes of the arrays")
    return parser.parse_args()


def prove(arguments: argparse.Namespace, folder: Path) -> str:
    """Everything, in order; the line that says so."""
    program = own_store(find_binary(arguments.binary), folder / "store")
    run = SmallRun(program, limit=LIMIT)
    reference = folder / "reference"
    ended = run.run(reference)
    expect(ended.code == 0, f"the run without shards ended with {ended.code}:\n{ended.stderr}")
    with Cluster(folder) as cluster:
        print(f"{cluster.version()}, nodes {' '.join(cluster.run('sinfo', '--noheader', '--format=%N').split())}")
        cluster.environment.update({**program.environment, **cluster.own_variables()})
        for count in arguments.tasks:
            prove_count(ArrayJob(cluster, run, count, folder / f"tasks-{count}"), results(reference))
    counts = ", ".join(map(str, arguments.tasks))
    return f"PASSED: {counts} tasks: one killed and requeued, one pre-empted and requeued, merged to the same bytes"


def prove_count(job: ArrayJob, reference: dict[str, bytes]) -> None:
    """One array: a kill, a pre-emption, the rest, the merge, the comparison."""
    killed, pre_empted = 1, min(2, job.tasks)
    job.kill(killed)
    job.pre_empt(pre_empted)
    expect_status(job, INCOMPLETE)
    job.release()
    merged = job.wait_for_merge()
    expect_status(job, DONE)
    check_ends(job, killed, pre_empted)
    expect(merged.code == 0, f"the merge ended with {merged.code}:\n{merged.stderr}{all_output(job)}")
    found = results(job.out)
    for name, content in reference.items():
        expect(found.get(name) == content, f"{job.tasks} tasks: `{name}` is not what the run without shards wrote")
    ends = ", ".join(f"task {end.task}: {end.code}" for end in job.ends())
    print(f"{job.tasks} tasks: {ends}; {len(reference)} files are the same bytes", flush=True)


def expect_status(job: ArrayJob, code: int) -> None:
    """`retally status` counts the chunks that are there, and its exit code says whether some are missing."""
    ended = job.run.program.run("status", job.out, "--json")
    expect(ended.code == code, f"`status` ended with {ended.code}, not with {code}: {ended.stderr}")
    chunks, stored, total = ended.document()["chunks"], len(chunk_files(job.out)), job.run.chunk_count()
    wanted = {"total": total, "done": stored, "missing": total - stored}
    expect(chunks == wanted, f"`status` says {chunks}, and there are {wanted}")


def check_ends(job: ArrayJob, killed: int, pre_empted: int) -> None:
    """Each task ended as it was made to, and well in the end."""
    for task in range(1, job.tasks + 1):
        codes = job.codes(task)
        wanted = [137] * (task == killed) + [4] * (task == pre_empted)
        expect(
            codes[: len(wanted)] == wanted and set(codes[len(wanted) : -1]) <= {4} and codes[-1:] == [0],
            f"task {task} of {job.tasks} ended with {codes}, not with {[*wanted, 0]}:\n{job.output(task)}",
        )
        if job.tasks > 1:
            line = f"shard {task}/{job.tasks} (Slurm array)"
            expect(line in job.output(task), f"task {task} did not print `{line}`:\n{job.output(task)}")


def all_output(job: ArrayJob) -> str:
    """What every task printed, for a failure."""
    return "\n".join(f"--- task {task}\n{job.output(task)}" for task in range(1, job.tasks + 1))


def expect(holds: bool, otherwise: str) -> None:
    """Fails with a message."""
    if not holds:
        raise Failed(otherwise)


if __name__ == "__main__":
    sys.exit(main())
