"""How the kills that were asked for are shared out among what can be killed."""

from __future__ import annotations

import math

SHARES = {"run": 0.6, "fetch": 0.1, "shards": 0.2, "merge": 0.1}


def share(kills: int, kind: str) -> int:
    """Kills of this kind; together they are at least as many as were asked for."""
    return math.ceil(kills * SHARES[kind])
