"""Less memory than a run wants. Whatever gives up first, no result is wrong and nothing that is finished is lost."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from case import DONE, TEMPORARY, Bench, Skipped, case, expect, expect_code
from kill_results import Survivors, expect_nothing_lost
from program import Outcome
from small_run import results

MEGABYTE = 1 << 20
# Up to the first sizes with which the run comes to its end.
ADDRESS_SPACE = (100, 150, 160, 170, 180, 190, 200, 220, 250, 300, 350, 500)
DATA = (8, 16, 20, 24, 28, 32, 40, 48, 64)
# Where a foreign allocator gives up, the process ends by SIGABRT or, in the C library's loader, with 127.
ABORTED = (-signal.SIGABRT, 127)
NOT_OURS = (*ABORTED, -signal.SIGSEGV)


@case("memory limits (ulimit -v, -d): no wrong result, nothing finished is lost, the same command continues")
def limited(bench: Bench) -> str:
    """Every limit on one folder, then none."""
    out = bench.folder / "run"
    survivors = Survivors(out)
    codes: dict[int, int] = {}
    for kind, megabytes in limits():
        ended = run_within(bench, out, kind, megabytes)
        if ended.code == DONE:
            bench.expect_same_results(out)
        codes[ended.code] = codes.get(ended.code, 0) + 1
        survivors.look()
    ended = bench.run.run(out)
    expect_code(ended, DONE)
    expect_nothing_lost(survivors, ended)
    bench.expect_same_results(out)
    return "exit codes " + ", ".join(f"{code} ({count})" for code, count in sorted(codes.items()))


@case(
    "memory limits (ulimit -v, -d): exit 3 with a message, or aborted by the system; never 2, never a panic",
)
def limited_messages(bench: Bench) -> None:
    """Each limit on a folder of its own."""
    wrong = []
    for number, (kind, megabytes) in enumerate(limits()):
        ended = run_within(bench, bench.folder / str(number), kind, megabytes)
        if ended.code not in {DONE, TEMPORARY, *ABORTED} or "panicked" in ended.stderr or not said_why(ended):
            words = " ".join(ended.stderr.split())[:160]
            wrong.append(
                f"{'ulimit -v' if kind == resource.RLIMIT_AS else 'ulimit -d'} {megabytes} MiB: {ended.code}, {words}"
            )
    expect(not wrong, "; ".join(wrong))


def said_why(ended: Outcome) -> bool:
    """Success needs no word."""
    return ended.code == DONE or bool(ended.stderr.strip())


def limits() -> Iterator[tuple[int, int]]:
    """Kinds of limits with their sizes in MiB."""
    for megabytes in ADDRESS_SPACE:
        yield resource.RLIMIT_AS, megabytes
    for megabytes in DATA:
        yield resource.RLIMIT_DATA, megabytes


def run_within(bench: Bench, out: Path, kind: int, megabytes: int) -> Outcome:
    """A run with a limit of the kernel's."""

    def limit() -> None:
        resource.setrlimit(kind, (megabytes * MEGABYTE, megabytes * MEGABYTE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    arguments = bench.run.arguments(out, "--threads", "2")
    return bench.program.start(*arguments, preexec_fn=limit).wait()


@case(
    "a control group's memory limit: killed by the kernel (137), nothing finished is lost, continues", needs_root=True
)
def control_group(bench: Bench) -> None:
    """What a container's or a Slurm job's memory limit does."""
    out = bench.folder / "run"
    with memory_group(24 * MEGABYTE) as join:
        ended = bench.program.start(*bench.run.arguments(out), preexec_fn=join).wait()
    expect_code(ended, -signal.SIGKILL, TEMPORARY)
    survivors = Survivors(out)
    survivors.look()
    expect("measurements.json" not in results(out), "a killed run has measurements")
    ended = bench.run.run(out)
    expect_code(ended, DONE)
    expect_nothing_lost(survivors, ended)
    bench.expect_same_results(out)


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[Callable[[], None]]:
    """A control group of either version with a limit; how a process joins it."""
    root, name = next(((Path(root), name) for root, name in GROUPS if (Path(root) / marker(name)).exists()), (None, ""))
    if root is None:
        raise Skipped("there are no control groups for memory")
    group = root / f"retally-faults-{os.getpid()}"
    try:
        group.mkdir()
        (group / name).write_text(str(limit), encoding="utf-8")
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        raise Skipped(f"control groups cannot be made here: {error}") from error

    def join() -> None:
        (group / "cgroup.procs").write_text("0", encoding="utf-8")

    try:
        yield join
    finally:
        group.rmdir()


GROUPS = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"))


def marker(name: str) -> str:
    """A file of the root that only this version has."""
    return name if name == "memory.limit_in_bytes" else "cgroup.controllers"
