"""Stores that lack what the small run needs."""

from __future__ import annotations

from pathlib import Path

# ONNX Runtime is larger; everything else that the small run needs is smaller.
LARGE = 10_000_000


def small_objects(store: Path) -> list[Path]:
    """All stored files but ONNX Runtime."""
    files = (path for path in (store / "objects").rglob("*") if path.is_file())
    return sorted(path for path in files if path.stat().st_size < LARGE)


def empty_store(store: Path) -> None:
    """Removes all but ONNX Runtime."""
    for path in small_objects(store):
        path.unlink()
