"""The release binary as a process: what it printed, how it ended, and how to hold it still in between."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
# Long enough for a machine that builds something else at the same time: no time is ever a criterion.
PATIENCE_S = 300.0
# What the kernel says of a process that stands still, and of one that is no more.
STOPPED, ENDED = "Tt", "ZX"
DEFAULT_BINARY = REPOSITORY / "target" / "release" / "retally"


class ProcessError(Exception):
    """A process that cannot be had, or that did not come to where it was waited for."""


@dataclass(frozen=True)
class Outcome:
    """A process that has ended. The code is negative if a signal killed it."""

    code: int
    stdout: str
    stderr: str

    def document(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.stdout)


class Running:
    """A process that runs."""

    def __init__(self, command: list[str], environment: Mapping[str, str], options: dict[str, Any]) -> None:
        self._out, self._error = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._error,
            **options,
        )

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        """Sends a signal; a process that has ended gets none."""
        self.process.send_signal(number)

    def output(self) -> str:
        """Standard error so far."""
        return read_from_start(self._error)

    def wait(self) -> Outcome:
        """Waits for its end."""
        try:
            code = self.process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise ProcessError(f"it did not end in {PATIENCE_S:.0f} s: {self.output()}") from None
        return Outcome(code, read_from_start(self._out), read_from_start(self._error))


def run_in_slices(pid: int, until: Callable[[], bool], slice_s: float = 0.01) -> bool:
    """Lets a process run a little at a time until `until` holds, and leaves it stopped there; false if it ended before.

    Between the slices nothing happens, so the load of the machine does not decide where it stops.
    """
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        send(pid, signal.SIGSTOP)
        wait_for(lambda: state_of(pid) in STOPPED + ENDED, f"process {pid} to stop")
        if state_of(pid) in ENDED:
            return False
        if until():
            return True
        send(pid, signal.SIGCONT)
        time.sleep(slice_s)
    raise ProcessError(f"process {pid} did not come to where it was to be stopped")


def send(pid: int, number: signal.Signals) -> None:
    """Sends a signal to a process, which may have ended meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def read_from_start(file: Any) -> str:
    """All that was written to a file that a process shares, wherever its end is."""
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode("utf-8", errors="replace")


def state_of(pid: int) -> str:
    """The letter that the kernel gives a process: R, S, T …; X if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return "X"
    return text.rpartition(")")[2].split()[0]


def wait_for(condition: Callable[[], bool], what: str, pause_s: float = 0.005) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise ProcessError(f"waited {PATIENCE_S:.0f} s in vain for {what}")
        time.sleep(pause_s)


def clean_environment() -> dict[str, str]:
    """The environment without anything that decides where retally looks, or that an engine has set."""
    engines = ("RETALLY_", "SLURM", "JOB_COMPLETION", "SKYPILOT", "CI_NODE", "AWS_BATCH", "HQ_", "ORT_", "RUST_")
    names = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "HF_ENDPOINT", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    proxies = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(engines) and name not in names and name.lower() not in proxies
    }


@dataclass(frozen=True)
class Program:
    """The binary with an environment of its own."""

    binary: Path
    environment: Mapping[str, str] = field(default_factory=clean_environment)

    def with_environment(self, **variables: str) -> Program:
        """The same with further variables."""
        return Program(self.binary, {**self.environment, **variables})

    def start(self, *arguments: str | Path, **options: Any) -> Running:
        """Starts it."""
        return Running([str(self.binary), *map(str, arguments)], self.environment, options)

    def run(self, *arguments: str | Path, **options: Any) -> Outcome:
        """Runs it to its end."""
        return self.start(*arguments, **options).wait()

    def knows(self, command: str, option: str = "") -> bool:
        """Whether it has a command, and the command an option."""
        help_text = self.run(command, "--help")
        return help_text.code == 0 and option in help_text.stdout


def find_binary(named: Path | None) -> Path:
    """The binary that the user names, else the repository's own."""
    binary = (named or DEFAULT_BINARY).resolve()
    if not os.access(binary, os.X_OK) or binary.is_dir():
        raise ProcessError(f"`{binary}` is no program: build it with `cargo build --release`, or name it with --binary")
    return binary


def own_store(binary: Path, home: Path) -> Program:
    """The binary with an empty store of its own that holds ONNX Runtime alone, copied from the user's store.

    Everything else that the small run needs comes from the repository's files. The user's store is only read.
    """
    program = Program(binary).with_environment(RETALLY_ROOT=str(REPOSITORY))
    users_home = os.environ.get("RETALLY_HOME")
    user = program.with_environment(RETALLY_HOME=users_home) if users_home else program
    library = user.run("doctor", "--offline", "--json").document()["onnxruntime"]
    if library.get("state") != "loaded":
        raise ProcessError(f"the store has no ONNX Runtime: {library.get('advice') or library}")
    digest, path = library["sha256"], Path(library["path"])
    target = home / "objects" / "sha256" / digest[:2] / digest[2:]
    target.parent.mkdir(parents=True)
    shutil.copyfile(path, target)
    return program.with_environment(RETALLY_HOME=str(home))
