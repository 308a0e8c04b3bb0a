"""Disks that are full or let nobody write."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from case import DONE, INVALID, TEMPORARY, Bench, Failed, case, expect, expect_code, expect_failure, expect_said
from kill_results import Survivors, expect_nothing_lost
from mounts import grow, read_only, small_disk
from program import Outcome
from small_run import chunk_files, partial_files
from stores import empty_store, small_objects

NO_SPACE = "No space left on device"
CONTINUES = "the same command continues"
# From no room for a chunk to room for all but the page: every kind of file meets the end of the disk.
KILOBYTES = (16, 48, 64, 100, 128, 144, 150, 160, 176, 200, 224, 240, 256, 300, 400)
ENOUGH_KILOBYTES = 4096


@case(
    "a full disk, wherever a run meets it: exit 3; with more room the same command ends in the same bytes",
    needs_root=True,
)
def full_disk(bench: Bench) -> str:
    """A small disk, then a larger one."""
    for kilobytes in KILOBYTES:
        fill_and_continue(bench, kilobytes, lambda _ended: None)
    return f"disks of {', '.join(map(str, KILOBYTES))} KiB"


@case(
    "a full disk: the message names the file, the reason and what to do",
    needs_root=True,
)
def full_disk_message(bench: Bench) -> None:
    """The same disks."""
    wrong = []

    def look(ended: Outcome) -> None:
        try:
            expect_said(ended, "cannot write", NO_SPACE, CONTINUES)
        except Failed as failed:
            wrong.append(str(failed))

    for kilobytes in KILOBYTES:
        fill_and_continue(bench, kilobytes, look)
    expect(not wrong, f"{len(wrong)} of {len(KILOBYTES)} messages: {wrong[0] if wrong else ''}")


def fill_and_continue(bench: Bench, kilobytes: int, look: Callable[[Outcome], None]) -> None:
    """One run on a disk that is too small until it is made larger."""
    with small_disk(bench.folder / f"disk-{kilobytes}", kilobytes) as disk:
        out = disk / "run"
        ended = bench.run.run(out)
        expect_failure(ended, TEMPORARY, str(disk))
        look(ended)
        expect(not partial_files(out), "half-written files stay on the full disk")
        survivors = Survivors(out)
        survivors.look()
        grow(disk, ENOUGH_KILOBYTES)
        ended = bench.run.run(out)
        expect_code(ended, DONE)
        expect_nothing_lost(survivors, ended)
        bench.expect_same_results(out)
    (bench.folder / f"disk-{kilobytes}").rmdir()


@case("a full disk under the store: exit 3, the file is named, nothing half is left, more room helps", needs_root=True)
def full_store(bench: Bench) -> None:
    """A store that lacks everything but ONNX Runtime, with room for half of the images."""
    with small_disk(bench.folder / "disk", 64 * 1024) as disk:
        run = bench.with_own_store(disk / "store")
        empty_store(disk / "store")
        filler = disk / "filler"
        filler.write_bytes(bytes(room(disk) - 2_000_000))
        out = bench.folder / "run"
        ended = run.run(out)
        expect_failure(ended, TEMPORARY, "noto-emoji.tar", str(disk), NO_SPACE)
        expect(not small_objects(disk / "store"), "the store holds a file that did not fit")
        expect(not list((disk / "store" / "partial").iterdir()), "a part stays on the full disk")
        filler.unlink()
        expect_code(run.run(out), DONE)
        bench.expect_same_results(out)


def room(disk: Path) -> int:
    """Free bytes."""
    return shutil.disk_usage(disk).free


@case(
    "a read-only folder for the run: exit 2, the folder is named, and what to do",
    needs_root=True,
)
def read_only_folder(bench: Bench) -> None:
    """A new run, and one that has begun."""
    begun = bench.folder / "begun"
    expect_code(bench.run.run(begun), DONE)
    chunk_files(begun)[0].unlink()
    for out, root in ((begun, begun), (bench.folder / "empty" / "run", bench.folder / "empty")):
        root.mkdir(exist_ok=True)
        with read_only(root):
            ended = bench.run.run(out)
        expect_failure(ended, INVALID, str(out), "Read-only file system", "choose a folder of yours")


@case("a finished run in a read-only folder: nothing is changed, and its report can go elsewhere", needs_root=True)
def read_only_report(bench: Bench) -> None:
    """What somebody else's archive is."""
    out = bench.folder / "run"
    expect_code(bench.run.run(out), DONE)
    with read_only(out):
        expect_code(bench.program.run("check", out), DONE)
        expect_code(bench.program.run("report", out, "--out", bench.folder / "report"), DONE)
    bench.expect_same_results(out)
    expect((bench.folder / "report" / "report.html").is_file(), "there is no report")


@case("a read-only store that has everything: the run ends well", needs_root=True)
def read_only_store(bench: Bench) -> None:
    """A shared store that an administrator fills."""
    store = bench.folder / "store"
    run = bench.with_own_store(store)
    with read_only(store):
        ended = run.run(bench.folder / "run")
        expect_code(ended, DONE)
    bench.expect_same_results(bench.folder / "run")


@case(
    "a read-only store that lacks something: exit 2, the store is named, and what to do",
    needs_root=True,
)
def read_only_store_lacks(bench: Bench) -> None:
    """The file can be had, and put nowhere."""
    store = bench.folder / "store"
    run = bench.with_own_store(store)
    empty_store(store)
    with read_only(store):
        ended = run.run(bench.folder / "run")
    expect_failure(ended, INVALID, str(store), "Read-only file system", "RETALLY_HOME")
