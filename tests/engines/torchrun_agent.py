"""torchrun: the real one, and a local agent that does the same to processes.

After the page torchrun (Elastic Launch) of the PyTorch documentation (2.x): its environment variables; a worker that fails ends the
others (SIGTERM, then SIGKILL), and all start again, `--max-restarts` times. It knows no exit codes: whatever fails counts, and it ends
with 1 itself. All workers of a node start at once.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from container import TIED
from disturb import children_of, command_of
from program import PATIENCE_S, ProcessError, wait_for

# From SIGTERM to SIGKILL when another worker has failed.
GRACE_S = 30.0
# What the page promises to every worker, and what a job on one node may rely on.
PROMISED = (
    "LOCAL_RANK",
    "RANK",
    "GROUP_RANK",
    "ROLE_RANK",
    "LOCAL_WORLD_SIZE",
    "WORLD_SIZE",
    "ROLE_WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "TORCHELASTIC_RESTART_COUNT",
    "TORCHELASTIC_MAX_RESTARTS",
    "TORCHELASTIC_RUN_ID",
)


@dataclass(frozen=True)
class Node:
    """One node's part of a job."""

    workers: int
    restarts: int = 0
    rank: int = 0
    count: int = 1
    port: int = 29500


class Agent:
    """What starts the workers of a node and watches them; it runs."""

    name = ""

    def __init__(self, node: Node, log: Path) -> None:
        self.node, self.log = node, log

    def workers(self) -> dict[int, int]:
        """The process of every worker by its rank, as soon as all are retally."""
        found: dict[int, int] = {}

        def look() -> bool:
            found.clear()
            found.update({rank_of(pid): pid for pid in self._children() if command_of(pid) == "retally"})
            return self.has_ended() or (len(found) == self.node.workers and -1 not in found)

        wait_for(look, f"{self.node.workers} workers of {self.name}")
        if self.has_ended():
            raise ProcessError(f"{self.name} ended before its workers had started: {self.text()}")
        return found

    def text(self) -> str:
        """What it and its workers have printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def _children(self) -> list[int]:
        raise NotImplementedError

    def has_ended(self) -> bool:
        """Whether it has ended."""
        raise NotImplementedError

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        raise NotImplementedError


class RealTorchrun(Agent):
    """PyTorch's own."""

    name = "torchrun"

    def __init__(self, program: Path, node: Node, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        super().__init__(node, log)
        self._program = program
        words = [str(program), "--no-python", f"--nproc-per-node={node.workers}", f"--max-restarts={node.restarts}"]
        words += [f"--nnodes={node.count}", f"--node-rank={node.rank}", "--master-addr=127.0.0.1", f"--master-port={node.port}"]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                # It ends its workers when it is told to stop; that it is told if this runner goes.
                ["setpriv", "--pdeathsig", "TERM", *words, *command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _children(self) -> list[int]:
        return children_of(self._process.pid)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self) -> int:
        try:
            return self._process.wait(timeout=PATIENCE_S)
        except BaseException:
            # Ends its workers too.
            self._process.terminate()
            self._process.wait()
            raise

    def version(self) -> str:
        """PyTorch's version, by the Python beside it, which need not load it for that."""
        words = [
            str(self._program.with_name("python")),
            "-c",
            "from importlib.metadata import version; print(version('torch'))",
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.stdout.strip() or "of an unknown version"


class LocalAgent(Agent):
    """A few lines that set the same variables and do the same when a worker fails."""

    name = "the local runner"

    def __init__(self, node: Node, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        super().__init__(node, log)
        log.touch()
        self._command, self._environment = list(command), dict(environment)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._code: int | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _variables(self, local: int, restart: int) -> dict[str, str]:
        node = self.node
        rank, world = node.rank * node.workers + local, node.count * node.workers
        values = {
            "LOCAL_RANK": local,
            "RANK": rank,
            "GROUP_RANK": node.rank,
            "ROLE_RANK": rank,
            "LOCAL_WORLD_SIZE": node.workers,
            "WORLD_SIZE": world,
            "ROLE_WORLD_SIZE": world,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": node.port,
            "TORCHELASTIC_RESTART_COUNT": restart,
            "TORCHELASTIC_MAX_RESTARTS": node.restarts,
            "TORCHELASTIC_RUN_ID": "none",
        }
        return {name: str(value) for name, value in values.items()}

    def _watch(self) -> None:
        try:
            for restart in range(self.node.restarts + 1):
                if self._run_all(restart):
                    self._code = 0
                    return
        finally:
            self._code = 1 if self._code is None else self._code

    def _run_all(self, restart: int) -> bool:
        """One round of all workers; whether all ended well."""
        with self.log.open("ab") as output:
            self._processes = [
                subprocess.Popen(
                    [*TIED, *self._command],
                    env={**self._environment, **self._variables(local, restart)},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                for local in range(self.node.workers)
            ]
        while not self._stopped.is_set():
            codes = [process.poll() for process in self._processes]
            if any(codes):
                break
            if all(code == 0 for code in codes):
                return True
            time.sleep(0.1)
        self._end_all()
        return False

    def _end_all(self) -> None:
        deadline = time.monotonic() + GRACE_S
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _children(self) -> list[int]:
        return [process.pid for process in self._processes if process.poll() is None]

    def has_ended(self) -> bool:
        return self._code is not None

    def wait(self) -> int:
        try:
            self._thread.join(timeout=PATIENCE_S)
        finally:
            self._stopped.set()
            self._thread.join()
        assert self._code is not None
        return self._code


def rank_of(pid: int) -> int:
    """The rank of a worker, by its environment; -1 if it has none."""
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return -1
    ranks = [int(word[5:]) for word in words if word.startswith(b"RANK=")]
    return ranks[0] if ranks else -1
