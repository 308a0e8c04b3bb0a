"""Hears of files as they are made and renamed, through the kernel: waiting for them by looking would be too late."""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path
from types import TracebackType


class Kind(IntFlag):
    """What happened to a file, as the kernel numbers it."""

    OPENED = 0x20
    RENAMED = 0x80
    CREATED = 0x100


@dataclass(frozen=True)
class FileEvent:
    """A file that was made, opened, or got its name."""

    folder: Path
    name: str
    kind: Kind


ALL = Kind.OPENED | Kind.RENAMED | Kind.CREATED
HEADER = struct.Struct("iIII")


class Watch:
    """Listens to some folders."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._file = self._library.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._folders: dict[int, Path] = {}
        for folder in folders:
            number = self._library.inotify_add_watch(self._file, os.fsencode(folder), ALL)
            if number < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch", str(folder))
            self._folders[number] = folder

    def __enter__(self) -> Watch:
        """Listens since it was made."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listens no longer."""
        os.close(self._file)

    def events(self, timeout_s: float) -> list[FileEvent]:
        """What happened since the last call; waits for something to happen, but not longer than this."""
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        if not poll.poll(timeout_s * 1000):
            return []
        data, events = os.read(self._file, 1 << 16), []
        while data:
            number, mask, _cookie, length = HEADER.unpack_from(data)
            name = os.fsdecode(data[HEADER.size : HEADER.size + length].rstrip(b"\0"))
            data = data[HEADER.size + length :]
            if number in self._folders:
                events.append(FileEvent(self._folders[number], name, Kind(mask & ALL)))
        return events
