"""An array of shards in a cluster, whose tasks are held, killed and pre-empted, and the job that merges them."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass
from pathlib import Path

from cluster import Cluster, ClusterError
from program import Outcome, run_in_slices, send, wait_for
from small_run import SmallRun, chunk_files

SCRIPTS = Path(__file__).parent
# Minutes. A task that is to be pre-empted gets the short one.
LONG, SHORT = "60", "1"


@dataclass(frozen=True)
class End:
    """How a task's process ended."""

    task: int
    requeued_before: int
    code: int


class ArrayJob:
    """The array and the merge of one run."""

    def __init__(self, cluster: Cluster, run: SmallRun, tasks: int, folder: Path) -> None:
        self.cluster, self.run, self.tasks = cluster, run, tasks
        self.folder, self.out = folder, folder / "out"
        folder.mkdir()
        for task in range(1, tasks + 1):
            self._hold_file(task).touch()
        self.array = self._submit("array.sh", str(folder), *self._command(), options=self._array_options())
        self.merge = self._submit(
            "merge.sh",
            str(run.program.binary),
            "merge",
            str(self.out),
            options=(f"--dependency=afterok:{self.array}", "--kill-on-invalid-dep=yes", f"--output={folder}/merge.out"),
        )

    def _command(self) -> list[str]:
        return [str(self.run.program.binary), *self.run.arguments(self.out, "--threads", "1")]

    def _array_options(self) -> tuple[str, ...]:
        return (f"--array=1-{self.tasks}", f"--time={LONG}", f"--output={self.folder}/task-%a.out")

    def _submit(self, script: str, *arguments: str, options: tuple[str, ...]) -> str:
        return self.cluster.run("sbatch", "--parsable", *options, str(SCRIPTS / script), *arguments)

    def _hold_file(self, task: int) -> Path:
        return self.folder / f"hold-{task}"

    def _pid_file(self, task: int) -> Path:
        return self.folder / f"pid-{task}"

    def pid(self, task: int) -> int:
        """The process of a task, as soon as it has one."""
        wait_for(self._pid_file(task).exists, f"task {task} of {self.tasks} to start", pause_s=0.1)
        return int(self._pid_file(task).read_text(encoding="utf-8"))

    def stop_in_the_middle(self, task: int) -> int:
        """Lets a held task finish one more chunk and leaves it stopped with the next one begun."""
        pid, before = self.pid(task), len(chunk_files(self.out))
        if not run_in_slices(pid, lambda: len(chunk_files(self.out)) > before):
            raise ClusterError(f"task {task} ended before it had stored a chunk:\n{self.output(task)}")
        return pid

    def kill(self, task: int) -> None:
        """`kill -9` between two chunks; the script then asks for the requeue."""
        pid, ends = self.stop_in_the_middle(task), len(self.ends())
        send(pid, signal.SIGKILL)
        wait_for(lambda: len(self.ends()) > ends, f"the end of task {task}")

    def pre_empt(self, task: int) -> None:
        """Slurm's own SIGTERM before the time limit, between two chunks; the script then asks for the requeue."""
        pid, ends, name = self.stop_in_the_middle(task), len(self.ends()), f"{self.array}_{task}"
        self.cluster.run("scontrol", "update", f"JobId={name}", f"TimeLimit={SHORT}")
        wait_for(lambda: has_pending(pid, signal.SIGTERM), f"Slurm to warn task {task} of its limit", pause_s=0.2)
        self._hold_file(task).unlink()
        send(pid, signal.SIGCONT)
        wait_for(lambda: len(self.ends()) > ends, f"the end of task {task}")
        # If it starts before this, it is warned once more, and continues once more.
        self.cluster.run("scontrol", "update", f"JobId={name}", f"TimeLimit={LONG}", check=False)

    def release(self) -> None:
        """Lets every held task run."""
        for task in range(1, self.tasks + 1):
            self._hold_file(task).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                send(int(self._pid_file(task).read_text(encoding="utf-8")), signal.SIGCONT)

    def wait_for_merge(self) -> Outcome:
        """The merge, once every task has ended well."""
        wait_for(self._merge_has_ended, f"the merge of {self.tasks} tasks", pause_s=0.5)
        text = (self.folder / "merge.out").read_text(encoding="utf-8") if self._merge_ran() else ""
        code = self._merge_fields()["ExitCode"].split(":")[0]
        return Outcome(int(code) if self._merge_ran() else -1, text, text)

    def _merge_ran(self) -> bool:
        return (self.folder / "merge.out").exists()

    def _merge_has_ended(self) -> bool:
        # A requeue that came between `release` and here leaves a process that starts held no longer.
        return self._merge_fields()["JobState"] not in {"PENDING", "RUNNING", "CONFIGURING", "COMPLETING"}

    def _merge_fields(self) -> dict[str, str]:
        text = self.cluster.run("scontrol", "show", "job", "--oneliner", self.merge)
        return dict(word.split("=", 1) for word in text.split() if "=" in word)

    def ends(self) -> list[End]:
        """Every end of every task so far, in order."""
        with contextlib.suppress(FileNotFoundError):
            lines = (self.folder / "ends").read_text(encoding="utf-8").splitlines()
            return [End(*map(int, line.split())) for line in lines]
        return []

    def codes(self, task: int) -> list[int]:
        """The exit codes of a task's processes, in order."""
        return [end.code for end in self.ends() if end.task == task]

    def output(self, task: int) -> str:
        """What a task printed in all its processes."""
        path = self.folder / f"task-{task}.out"
        return path.read_text(encoding="utf-8") if path.exists() else ""


def has_pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal waits for a stopped process."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
        return any(mask >> (number - 1) & 1 for mask in masks)
    return False


def make_reachable(folder: Path) -> None:
    """Daemons and jobs must reach the folder, which is made for its owner alone."""
    folder.chmod(0o755)
