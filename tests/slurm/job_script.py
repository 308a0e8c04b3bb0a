#!/usr/bin/env python3
"""The script that `retally plan --format slurm` prints, submitted to a real Slurm on this machine as a user would.

    sudo tests/slurm/job_script.py [--binary target/release/retally]

A program stands in for retally, so that tasks end as each case wants it: told by the time limit, temporary, hopeless, cancelled. Then
the real program, from `plan` to a merged report with two commands, compared with a run without shards.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "process"))

from cluster import Cluster, ClusterError
from program import ProcessError, Program, find_binary, own_store
from small_run import SmallRun

# What shells and Slurm give a meaning.
OUT = "runs/100 % of it's $HOME"
PATIENCE_S = 600.0

# Ends each shard as the file `wish-SHARD` says, once; without one it is done.
STAND_IN = """#!/bin/bash
case "$1" in
  run) ;;
  merge) [ "$(ls done-* | wc -l)" -eq 3 ] || exit 4; echo report > "$2/report.html"; exit 0 ;;
  *) exit 0 ;;
esac
while [ "$1" != --shard ]; do shift; done
shard=${2%%/*}
wish=$(cat "wish-$shard" 2> /dev/null)
case "$wish" in
  wait)
    told=no
    trap 'told=yes' TERM
    touch "waits-$shard"
    until [ $told = yes ]; do sleep 0.1; done
    # The chunk in flight.
    sleep 2
    touch "chunk-$shard"
    rm -f "wish-$shard" "waits-$shard"
    exit 4 ;;
  3) rm "wish-$shard"; exit 3 ;;
  2) exit 2 ;;
esac
touch "done-$shard"
"""


class Failed(Exception):
    """Something that must hold does not."""


def main() -> int:
    """The exit code: 0 if everything holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, help="the program to test; by default target/release/retally")
    parser.add_argument("--stand-in-only", action="store_true", help="leave out the case with the real program")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="retally-job-script-") as folder:
            # Jobs of a cluster find their files as other users.
            os.chmod(folder, 0o755)
            prove(arguments, Path(folder))
    except (Failed, ClusterError, ProcessError, OSError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


def prove(arguments: argparse.Namespace, folder: Path) -> None:
    """Every case, in order."""
    binary = find_binary(arguments.binary)
    cluster_folder = folder / "cluster"
    cluster_folder.mkdir(mode=0o755)
    with Cluster(cluster_folder) as cluster:
        print(cluster.version(), flush=True)
        for case in (all_is_well, told_by_the_limit_and_temporary, hopeless_then_mended, cancelled):
            place = folder / case.__name__
            place.mkdir()
            case(Submitted(cluster, binary, place))
            print(f"ok: {case.__name__.replace('_', ' ')}", flush=True)
        if not arguments.stand_in_only:
            two_commands(cluster, own_store(binary, folder / "store"), folder / "real")
            print("ok: from plan to the report with two commands", flush=True)


class Submitted:
    """A script in a folder of its own, with a program that stands in for retally."""

    def __init__(self, cluster: Cluster, binary: Path, folder: Path) -> None:
        self.cluster, self.folder, self.out = cluster, folder, folder / OUT
        stand_in = folder / "a retally"
        stand_in.write_text(STAND_IN, encoding="utf-8")
        stand_in.chmod(0o755)
        words = ["plan", "starter", "--format", "slurm", "--shards", "3", "--threads", "1", "--out", "job.sh"]
        words += ["--out-dir", OUT, "--program", "./a retally", "--time", "2", "--notice", "60"]
        command(binary, *words, folder=folder, environment=cluster.environment)
        self.array = self.merge = ""

    def wish(self, shard: int, what: str) -> None:
        """How a shard ends, once."""
        (self.folder / f"wish-{shard}").write_text(what, encoding="utf-8")

    def submit(self) -> None:
        """What the user does."""
        said = command("bash", "job.sh", folder=self.folder, environment=self.cluster.environment)
        first = next(line for line in said.splitlines() if line.startswith("submitted:")).replace(",", "").split()
        self.array, self.merge = first[first.index("job") + 1], first[-1]

    def merge_ends(self) -> str:
        """The state in which the merge is left."""
        return wait_for_end(self.cluster, self.merge)

    def log(self, name: str) -> str:
        """What a job has written."""
        return (self.out / "logs" / f"{name}.txt").read_text(encoding="utf-8")

    def has(self, name: str) -> bool:
        """Whether a file of the stand-in is there."""
        return (self.folder / name).exists()


def command(*words: str | Path, folder: Path, environment: dict[str, str]) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def expect(holds: bool, otherwise: str) -> None:
    """Ends the test if something does not hold."""
    if not holds:
        raise Failed(otherwise)


def wait_until(ready: Callable[[], bool], what: str) -> None:
    """Waits, but not for ever."""
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        expect(time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}")
        time.sleep(0.5)


def job(cluster: Cluster, number: str) -> dict[str, str]:
    """What Slurm knows of a job."""
    text = cluster.run("scontrol", "show", "job", "--oneliner", number)
    return dict(word.split("=", 1) for word in text.split() if "=" in word)


def wait_for_end(cluster: Cluster, number: str) -> str:
    """The state in which a job is left, and its exit code."""
    unfinished = {"PENDING", "RUNNING", "CONFIGURING", "COMPLETING"}
    wait_until(lambda: job(cluster, number)["JobState"] not in unfinished, f"the end of job {number}")
    fields = job(cluster, number)
    return f"{fields['JobState']} {fields['ExitCode']}"


def all_is_well(script: Submitted) -> None:
    """Three tasks, and the merge after them."""
    script.submit()
    expect((state := script.merge_ends()) == "COMPLETED 0:0", state)
    expect("all as claimed" in script.log("merge"), script.log("merge"))
    for shard in (1, 2, 3):
        expect(f"task {shard} of 3" in script.log(f"shard-{shard}"), script.log(f"shard-{shard}"))


def told_by_the_limit_and_temporary(script: Submitted) -> None:
    """Slurm tells one task of its limit, another fails for now: both start again, and the merge waits for them."""
    script.wish(2, "wait")
    script.wish(3, "3")
    script.submit()
    expect((state := script.merge_ends()) == "COMPLETED 0:0", f"{state}\n{script.log('shard-2')}")
    expect(script.has("chunk-2"), "the chunk in flight was not waited for")
    for shard in (2, 3):
        expect("started again 1 times" in script.log(f"shard-{shard}"), script.log(f"shard-{shard}"))


def hopeless_then_mended(script: Submitted) -> None:
    """Exit code 2 fails the task for good and removes the merge; the same command after mending finishes."""
    script.wish(1, "2")
    script.submit()
    expect((state := script.merge_ends()).startswith("CANCELLED"), state)
    expect("started again 0 times" in script.log("shard-1"), script.log("shard-1"))
    (script.folder / "wish-1").unlink()
    script.submit()
    expect((state := script.merge_ends()) == "COMPLETED 0:0", state)


def cancelled(script: Submitted) -> None:
    """A task that its user cancels does not come back."""
    script.wish(2, "wait")
    script.submit()
    wait_until(lambda: script.has("waits-2"), "task 2 to start")
    script.cluster.run("scancel", f"{script.array}_2")
    expect((state := script.merge_ends()).startswith("CANCELLED"), state)
    time.sleep(10)
    expect(not script.has("done-2"), "the task came back")
    expect("started again 1 times" not in script.log("shard-2"), script.log("shard-2"))


def two_commands(cluster: Cluster, program: Program, folder: Path) -> None:
    """What a user of a cluster types, with the real program."""
    folder.mkdir()
    small = SmallRun(program)
    environment = cluster.environment | program.environment
    run = small.arguments(Path("out"))
    chosen = run[run.index("starter") + 1 :]
    at = chosen.index("--out")
    del chosen[at : at + 2]
    words = ["plan", "starter", "--format", "slurm", "--shards", "3", "--threads", "1", "--out", "job.sh"]
    words += ["--out-dir", OUT, "--program", str(program.binary), *chosen]
    command(program.binary, *words, folder=folder, environment=environment)
    said = command("bash", "job.sh", folder=folder, environment=environment)
    merge = next(line for line in said.splitlines() if line.startswith("submitted:")).split()[-1]
    state = wait_for_end(cluster, merge)
    logs = "\n".join(file.read_text(encoding="utf-8") for file in sorted((folder / OUT / "logs").iterdir()))
    expect(state in ("COMPLETED 0:0", "FAILED 1:0"), f"{state}\n{logs}")
    expect((folder / OUT / "report.html").exists(), f"no report\n{logs}")
    whole = subprocess.run(
        [program.binary, *small.arguments(Path("whole"), "--threads", "1")],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )
    expect(whole.returncode == int(state.split()[1][0]), f"a run without shards ended with {whole.returncode}: {whole.stderr}")
    measured = [(folder / name / "measurements.json").read_bytes() for name in (OUT, "whole")]
    expect(measured[0] == measured[1], "measurements.json differs from that of a run without shards")


if __name__ == "__main__":
    sys.exit(main())
