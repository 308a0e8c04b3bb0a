"""Fields of a job file, read so that nothing that is not emulated passes unnoticed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from case import Failed


def only(document: Any, emulated: Iterable[str], without_effect: Iterable[str] = (), *, where: str) -> dict[str, Any]:
    """A mapping that has no other fields. `without_effect` are known, and do nothing on this machine."""
    if not isinstance(document, dict):
        raise Failed(f"{where} is not a mapping: {document!r}")
    unknown = sorted(map(str, document.keys() - set(emulated) - set(without_effect)))
    if unknown:
        raise Failed(f"{where} has {', '.join(unknown)}, which this runner does not emulate")
    return document


def needed(document: dict[str, Any], field: str, *, where: str) -> Any:
    """A field that must be there."""
    if document.get(field) is None:
        raise Failed(f"{where} has no {field}")
    return document[field]
