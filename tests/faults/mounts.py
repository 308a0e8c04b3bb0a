"""Small file systems for one case; they are gone when it ends, however it ends."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from case import Skipped


@contextlib.contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of this size, in a new folder."""
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        unmount(folder)


def grow(disk: Path, kilobytes: int) -> None:
    """Makes room on a disk."""
    mount("-o", f"remount,size={kilobytes}k", str(disk))


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Lets nobody write in an existing folder, root neither."""
    mount("--bind", str(folder), str(folder))
    try:
        mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        unmount(folder)


def mount(*arguments: str) -> None:
    """`mount`; containers may forbid it even to root."""
    result = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Skipped(f"`mount {' '.join(arguments)}` is not possible here: {result.stderr.strip()}")


def unmount(folder: Path) -> None:
    """`umount`, at the latest when the last process lets go of it."""
    if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode != 0:
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)
