"""What disks, networks and people make of a file's bytes."""

from __future__ import annotations

from collections.abc import Callable

Damage = Callable[[bytes], bytes]


def flipped(content: bytes) -> bytes:
    """One bit in the middle is another."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]


def cut(content: bytes) -> bytes:
    """The second half is missing."""
    return content[: len(content) // 2]


def emptied(_content: bytes) -> bytes:
    """Nothing is left."""
    return b""


def zeroed(content: bytes) -> bytes:
    """The right length and nothing in it: what a power cut leaves of a file that was not synced."""
    return bytes(len(content))


def flipped_digit(content: bytes) -> bytes:
    """A number is another number, and the file is good JSON as before."""
    place = content.rindex(b"0.") + 3
    digit = b"1" if content[place : place + 1] != b"1" else b"2"
    return content[:place] + digit + content[place + 1 :]
