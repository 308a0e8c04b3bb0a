"""What holds around the cases of a script, whatever ends it: its folder goes, and so does whatever the cases clean up."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


def guarded(name: str, run: Callable[[Path], int], failures: tuple[type[Exception], ...]) -> int:
    """The exit code of `run`, which gets a temporary folder; 1 if it is interrupted or one of these failures ends it."""
    signal.signal(signal.SIGTERM, raise_interrupt)
    try:
        with tempfile.TemporaryDirectory(prefix=f"retally-{name}-") as folder:
            return run(Path(folder))
    except KeyboardInterrupt:
        print("FAILED: interrupted", file=sys.stderr)
    except failures as error:
        print(f"FAILED: {error}", file=sys.stderr)
    return 1


def raise_interrupt(_number: int, _frame: object) -> None:
    """SIGTERM cleans up as Ctrl-C does."""
    raise KeyboardInterrupt
