"""Shards of the small run."""

from __future__ import annotations

from pathlib import Path

from case import DONE, Bench, Skipped, expect_code


def require_shards(bench: Bench) -> None:
    """Older programs have none."""
    if not bench.program.knows("run", "--shard"):
        raise Skipped("this program has no --shard")


def run_shards(bench: Bench, out: Path, *indices: int, count: int) -> None:
    """Some shards, one after the other."""
    for index in indices:
        expect_code(bench.run.run(out, "--shard", f"{index}/{count}"), DONE)
