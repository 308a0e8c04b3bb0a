"""Managed jobs of SkyPilot as its controller runs them, on this machine.

After these pages of the SkyPilot documentation (0.14): Managed Jobs (recovery; `max_restarts_on_errors`, `recover_on_exit_codes`: a
listed code starts the job again however often, others count); SkyPilot YAML; Environment Variables and Secrets (the task's id stays the
same when a job is recovered); Using a Pool of Workers (`--num-jobs`, `SKYPILOT_JOB_RANK`, `SKYPILOT_NUM_JOBS`); Volumes; the help
of `sky jobs launch` (without a pool each job has a cluster of its own). As on a cluster, a section runs in an *interactive* bash:
a `!` within double quotes would be taken for the history.

Not emulated: clouds, prices, resources, images, files brought from buckets, pools, several nodes of one job.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from case import Failed, expect
from container import Container, Image, Mount
from fields import needed, only
from program import PATIENCE_S

SUCCEEDED, FAILED, FAILED_SETUP = "SUCCEEDED", "FAILED", "FAILED_SETUP"
# In place of an exit code: the cluster went away.
PREEMPTED = -1


@dataclass(frozen=True)
class Task:
    """What a file says."""

    name: str
    run: str
    setup: str
    variables: dict[str, str]
    mount: Mount
    recovered_codes: tuple[int, ...]
    most_restarts: int

    @classmethod
    def read(cls, text: str, volumes: Path) -> Task:
        """A task; what is not emulated is refused."""
        document = only(yaml.safe_load(text), ("name", "resources", "envs", "volumes", "setup", "run"), where="the task")
        ignored = ("cpus", "memory", "accelerators", "image_id")
        resources = only(document.get("resources", {}), ("job_recovery",), ignored, where="resources")
        expect(str(resources.get("image_id", "")).startswith("docker:"), "resources: image_id is no container image")
        fields = ("recover_on_exit_codes", "max_restarts_on_errors")
        recovery = only(resources.get("job_recovery", {}), fields, where="job_recovery")
        codes = recovery.get("recover_on_exit_codes", [])
        expect(all(0 <= code <= 255 for code in codes), f"recover_on_exit_codes: {codes}")
        mounts = needed(document, "volumes", where="the task")
        expect(len(mounts) == 1, "the task has other than one volume, which is not emulated")
        (place, name), *_ = mounts.items()
        expect((volumes / name).is_dir(), f"there is no volume {name}")
        return cls(
            document["name"],
            needed(document, "run", where="the task"),
            document.get("setup", ""),
            {name: str(value) for name, value in document.get("envs", {}).items()},
            Mount(volumes / name, place),
            tuple(codes),
            recovery.get("max_restarts_on_errors", 0),
        )


@dataclass
class ManagedJob:
    """One job, on one cluster after the other."""

    number: int
    rank: int
    count: int
    task: Task
    home: Path
    image: Image
    status: str = "PENDING"
    restarts: int = 0
    ends: list[int] = field(default_factory=list)
    cluster: Container | None = None

    @property
    def _log(self) -> Path:
        return self.home / "run.log"

    def text(self) -> str:
        """What it has printed on all its clusters."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Takes a new cluster, sets it up and runs the task from its start."""
        (self.home / "sky_workdir").mkdir(parents=True, exist_ok=True)
        if self.task.setup and self._launch("setup", self.task.setup).wait() != 0:
            self.status = FAILED_SETUP
            return
        self.status = "RUNNING"
        self.cluster = self._launch("run", self.task.run)

    def _launch(self, section: str, script: str) -> Container:
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self._variables(section).items())
        path = self.home / f"{section}.sh"
        path.write_text(f"#!/bin/bash\nexport PYTHONUNBUFFERED=1\ncd ~/sky_workdir\n{exports}{script}\n", encoding="utf-8")
        return Container(self.image, self.task.mount, {"HOME": str(self.home)}, ["/bin/bash", "-i", str(path)], self._log)

    def _variables(self, section: str) -> dict[str, str]:
        own = {
            "SKYPILOT_TASK_ID": f"sky-managed-2026-11-28-00-00-00-000000_{self.task.name}_{self.number}-0",
            "SKYPILOT_MANAGED_JOB_ID": str(self.number),
            "SKYPILOT_JOB_RANK": str(self.rank),
            "SKYPILOT_NUM_JOBS": str(self.count),
            "SKYPILOT_NUM_NODES": "1",
            "SKYPILOT_NODE_IPS": "127.0.0.1",
        }
        node = {"SKYPILOT_NODE_RANK": "0", "SKYPILOT_NUM_GPUS_PER_NODE": "0", "SKYPILOT_INTERNAL_JOB_ID": "1"}
        return {**self.task.variables, **own, **(node if section == "run" else {})}

    def preempt(self) -> None:
        """The machine goes away without a word."""
        assert self.cluster is not None
        self.cluster.destroy()
        self.ends.append(PREEMPTED)
        # Recovered at once: another cluster, the same job.
        self.status = "RECOVERING"

    def judge(self) -> None:
        """What the end of its task means for it."""
        assert self.cluster is not None
        code = self.cluster.wait()
        self.ends.append(code)
        if code == 0:
            self.status = SUCCEEDED
        elif code in self.task.recovered_codes:
            self.status = "RECOVERING"
        else:
            self.restarts += 1
            self.status = "RECOVERING" if self.restarts <= self.task.most_restarts else FAILED


class Sky:
    """The command, with one shared volume. `launch` returns when the jobs have ended."""

    def __init__(self, folder: Path, image: Image, volume: str, at_once: int) -> None:
        self.folder, self.image, self.at_once = folder, image, at_once
        self.volume = folder / "volumes" / volume
        self.volume.mkdir(parents=True)
        self.jobs: list[ManagedJob] = []
        self.on_start: Callable[[ManagedJob], None] = lambda _job: None
        self._last: list[ManagedJob] = []

    def give(self, line: str, text: str) -> list[ManagedJob]:
        """Does what a printed command says; `text` is the file that it names. The jobs of it, or those that a queue shows."""
        words = shlex.split(line, comments=True)
        expect(words[:2] == ["sky", "jobs"], f"no command of managed jobs: {line}")
        match words[2:]:
            case ["queue"]:
                unfinished = {job.number: (job.status, job.ends) for job in self._last if job.status != SUCCEEDED}
                expect(not unfinished, f"jobs that have not succeeded: {unfinished}\n{self.texts()}")
                return self._last
            case ["launch", *options, _file]:
                return self._launch(options, text)
        raise Failed(f"a command that this runner does not emulate: {line}")

    def _launch(self, options: list[str], text: str) -> list[ManagedJob]:
        task, count = Task.read(text, self.volume.parent), 1
        left = list(options)
        while left:
            match left:
                case ["--yes" | "--detach-run", *rest]:
                    left = rest
                case ["--num-jobs", number, *rest]:
                    count, left = int(number), rest
                case ["--name", name, *rest]:
                    task, left = replace(task, name=name), rest
                case ["--env", assignment, *rest]:
                    name, _, value = assignment.partition("=")
                    task, left = replace(task, variables={**task.variables, name: value}), rest
                case _:
                    raise Failed(f"an option that this runner does not emulate: {left[0]}")
        self._last = [self._job(task, rank, count) for rank in range(count)]
        self.jobs += self._last
        self._run(self._last)
        return self._last

    def _job(self, task: Task, rank: int, count: int) -> ManagedJob:
        number = len(self.jobs) + rank + 1
        return ManagedJob(number, rank, count, task, self.folder / f"job-{number}", self.image)

    def _run(self, jobs: list[ManagedJob]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while unfinished := [job for job in jobs if job.status not in (SUCCEEDED, FAILED, FAILED_SETUP)]:
            running = [job for job in unfinished if job.status == "RUNNING"]
            for job in running:
                if job.cluster and job.cluster.has_ended():
                    job.judge()
            for job in unfinished:
                if (
                    job.status in ("PENDING", "RECOVERING")
                    and len([one for one in jobs if one.status == "RUNNING"]) < self.at_once
                ):
                    job.start()
                    self.on_start(job)
            if time.monotonic() > deadline:
                for container in [job.cluster for job in running if job.cluster]:
                    container.destroy()
                raise Failed(f"waited {PATIENCE_S} s for jobs\n{self.texts()}")
            time.sleep(0.01)

    def texts(self) -> str:
        """What the last jobs printed, for a failure."""
        return "\n".join(f"--- job {job.number}\n{job.text()}" for job in self._last)
