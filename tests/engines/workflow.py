"""A workflow of GitHub Actions as its service and runners run it, on this machine.

After these pages of the GitHub documentation: Workflow syntax for GitHub Actions (`needs`, `strategy`, `fail-fast`, `max-parallel`,
`shell: bash`, `if`); Variables reference; Workflow commands (`GITHUB_STEP_SUMMARY`); Re-running workflows and jobs (failed jobs
and what depends on them, with the artifacts that are there). Each job has a workspace of its own, which is gone for the next.

Not emulated: events, permissions, time limits, labels of machines, cancelling a step that runs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any

import yaml

from case import expect
from container import TIED
from fields import only
from program import PATIENCE_S, ProcessError
from workflow_actions import ACTIONS, StepFailed, Storage, action
from workflow_expressions import IN_STEPS, IN_WORKFLOW_ENV, filled, holds

# Jobs are threads here: a process that starts while another thread writes a program's file has that file open for writing for
# a moment, and nobody could execute it.
STARTING = Lock()
SUCCESS, FAILURE, SKIPPED, CANCELLED = "success", "failure", "skipped", "cancelled"


@dataclass
class Step:
    """A command of a step that runs."""

    job: JobRun
    process: subprocess.Popen[bytes]
    output: Path

    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def text(self) -> str:
        """What it has printed so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")


# Is told of a command as soon as it runs, and may do something to it.
OnStart = Callable[[Step], None]


@dataclass
class JobRun:
    """One job of the workflow, with its value of the matrix, in one attempt."""

    name: str
    matrix: dict[str, Any]
    workspace: Path
    conclusion: str = ""
    codes: list[int] = field(default_factory=list)
    log: str = ""
    summary: str = ""

    @property
    def title(self) -> str:
        """As the service shows it."""
        values = ", ".join(map(str, self.matrix.values()))
        return f"{self.name} ({values})" if values else self.name


@dataclass
class Workflow:
    """A workflow that was started, and its attempts."""

    document: dict[str, Any]
    folder: Path
    storage: Storage
    path: str
    at_once: int
    on_start: OnStart = lambda _step: None
    machine: Callable[[str], dict[str, str]] = lambda _job: {}
    attempt: int = 0
    runs: dict[str, list[JobRun]] = field(default_factory=dict)
    _stopped: Event = field(default_factory=Event)

    @classmethod
    def load(cls, text: str, folder: Path, storage: Storage, path: str, at_once: int) -> Workflow:
        """A workflow from its file; what is not emulated is refused."""
        document = yaml.safe_load(text)
        # YAML 1.1 takes the key `on` for true; GitHub does not.
        document["on"] = document.pop(True, None)
        only(document, ("env", "jobs"), ("on", "name", "permissions"), where="the workflow")
        for name, job in document["jobs"].items():
            where = f"job {name}"
            ignored = ("runs-on", "timeout-minutes", "permissions")
            only(job, ("needs", "strategy", "steps"), ignored, where=where)
            expect("runs-on" in job, f"{where} has no runs-on")
            strategy = only(job.get("strategy", {}), ("fail-fast", "max-parallel", "matrix"), where=where)
            expect(len(strategy.get("matrix", {})) <= 1, f"{where} has a matrix of several lists, which is not emulated")
            for step in job["steps"]:
                only(step, ("id", "uses", "with", "run", "shell", "env", "if"), ("name",), where=f"a step of {where}")
                expect(("run" in step) != ("uses" in step), f"a step of {where} has both or none of run and uses")
                expect(step.get("shell", "bash") == "bash", f"a step of {where} has another shell than bash")
                expect("uses" not in step or bool(action(step["uses"])), "")
        return cls(document, folder, storage, path, at_once)

    def run(self) -> None:
        """Every job, each after those that it needs."""
        self.attempt += 1
        for name in self._in_order():
            self._run_job(name, [self._new(name, matrix) for matrix in self._matrix(name)])

    def run_failed_again(self) -> None:
        """Re-run failed jobs: those that failed or were cancelled, and what depends on them. Artifacts stay."""
        self.attempt += 1
        for name in self._in_order():
            runs = self.runs[name]
            again = [self._new(name, run.matrix) for run in runs if run.conclusion != SUCCESS]
            kept = [run for run in runs if run.conclusion == SUCCESS]
            if again:
                self._run_job(name, again, kept)

    def _in_order(self) -> list[str]:
        jobs = self.document["jobs"]
        order: list[str] = []
        while len(order) < len(jobs):
            ready = [name for name, job in jobs.items() if name not in order and set(needs(job)) <= set(order)]
            expect(bool(ready), "the jobs' needs are a circle, or name a job that is not there")
            order += ready
        return order

    def _matrix(self, name: str) -> list[dict[str, Any]]:
        lists = self.document["jobs"][name].get("strategy", {}).get("matrix", {})
        return [{key: value} for key, values in lists.items() for value in values] or [{}]

    def _new(self, name: str, matrix: dict[str, Any]) -> JobRun:
        value = "-".join(map(str, matrix.values()))
        workspace = self.folder / f"attempt-{self.attempt}" / f"{name}-{value}" / "work"
        return JobRun(name, matrix, workspace)

    def _run_job(self, name: str, runs: list[JobRun], kept: list[JobRun] | None = None) -> None:
        job = self.document["jobs"][name]
        self.runs[name] = [*(kept or []), *runs]
        if any(run.conclusion != SUCCESS for needed in needs(job) for run in self.runs[needed]):
            for run in runs:
                run.conclusion = SKIPPED
            return
        strategy = job.get("strategy", {})
        fails_fast = strategy.get("fail-fast", True)

        def run_one(run: JobRun) -> None:
            # Those that wait are cancelled as soon as one has failed.
            if fails_fast and any(other.conclusion == FAILURE for other in runs):
                run.conclusion = CANCELLED
            else:
                self._run_steps(run, job["steps"])

        with ThreadPoolExecutor(min(strategy.get("max-parallel", self.at_once), self.at_once)) as pool:
            futures = [pool.submit(run_one, run) for run in runs]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._stopped.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _run_steps(self, run: JobRun, steps: list[dict[str, Any]]) -> None:
        run.workspace.mkdir(parents=True)
        contexts: dict[str, Any] = {
            "github": {"workspace": str(run.workspace)},
            "runner": {"os": "Linux", "arch": "X64"},
            "matrix": run.matrix,
            "steps": {},
        }
        has_failed = False
        for step in steps:
            if not holds(step.get("if"), contexts, has_failed):
                continue
            try:
                outputs = self._run_step(run, step, contexts)
            except StepFailed as error:
                run.log += f"{error}\n"
                has_failed = True
            else:
                contexts["steps"][step.get("id", "")] = {"outputs": outputs}
        run.conclusion = FAILURE if has_failed else SUCCESS

    def _run_step(self, run: JobRun, step: dict[str, Any], contexts: dict[str, Any]) -> dict[str, str]:
        if "uses" in step:
            inputs = {name: filled(value, contexts, IN_STEPS) for name, value in step.get("with", {}).items()}
            with STARTING:
                return ACTIONS[action(step["uses"])](self.storage, run.workspace, inputs)
        variables = {name: filled(value, contexts, IN_STEPS) for name, value in step.get("env", {}).items()}
        for name, value in self.document.get("env", {}).items():
            variables.setdefault(name, filled(value, contexts, IN_WORKFLOW_ENV))
        code = self._run_script(run, filled(step["run"], contexts, IN_STEPS), variables)
        run.codes.append(code)
        if code != 0:
            raise StepFailed(f"Process completed with exit code {code}.")
        return {}

    def _run_script(self, run: JobRun, script: str, variables: dict[str, str]) -> int:
        files = run.workspace.parent
        path, output, summary = files / "script.sh", files / "output.txt", files / "summary.md"
        path.write_text(script, encoding="utf-8")
        summary.touch()
        own = {
            "PATH": self.path,
            "HOME": str(files),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(run.workspace),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_JOB": run.name,
            "RUNNER_OS": "Linux",
            **self.machine(run.name),
        }
        with output.open("wb") as log, STARTING:
            process = subprocess.Popen(
                # What `shell: bash` means, by the page of the syntax.
                [*TIED, "bash", "--noprofile", "--norc", "-eo", "pipefail", str(path)],
                cwd=run.workspace,
                env={**own, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.on_start(Step(run, process, output))
            code = self._wait(process)
        finally:
            end_group(process)
        run.log += output.read_text(encoding="utf-8", errors="replace")
        run.summary += summary.read_text(encoding="utf-8")
        return 128 - code if code < 0 else code

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None:
            if self._stopped.is_set() or time.monotonic() > deadline:
                raise ProcessError("a step was stopped, or did not end")
            time.sleep(0.02)
        return process.returncode

    def conclusions(self, name: str) -> dict[str, str]:
        """How each run of a job ended, by its title."""
        return {run.title: run.conclusion for run in sorted(self.runs[name], key=lambda run: run.title)}

    def log(self) -> str:
        """What every job said that did not succeed, for a failure."""
        runs = [run for runs in self.runs.values() for run in runs]
        return "\n".join(f"--- {run.title}: {run.conclusion}\n{run.log}" for run in runs if run.conclusion != SUCCESS)


def needs(job: dict[str, Any]) -> list[str]:
    """The jobs that must have succeeded before."""
    wanted = job.get("needs", [])
    return [wanted] if isinstance(wanted, str) else list(wanted)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Nothing that a step has started outlives it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
