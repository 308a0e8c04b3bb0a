"""`kubectl` with the few commands that a job file says to give."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from case import Failed, expect
from container import Image
from kubernetes_job import Job, Pod
from kubernetes_spec import JobSpec


class Kubectl:
    """A namespace with one shared volume, and the command that speaks to it. `apply` returns when the Jobs have ended."""

    def __init__(self, folder: Path, image: Image, claim: str, at_once: int) -> None:
        self.folder, self.image, self.at_once = folder, image, at_once
        self.volume = folder / "volumes" / claim
        self.volume.mkdir(parents=True)
        (folder / "logs").mkdir()
        self.jobs: dict[str, Job] = {}
        self.on_start: dict[str, Callable[[Pod], None]] = {}

    def give(self, line: str, text: str) -> str:
        """Does what a printed command says; `text` is the file that it names."""
        words = shlex.split(line, comments=True)
        expect(words[0] == "kubectl", f"no command of kubectl: {line}")
        match words[1:]:
            case ["apply", "-f", _]:
                return self.apply(text)
            case ["wait", "--for=condition=complete", "--timeout=-1s", job]:
                return self._wait(self._job(job))
            case ["patch", job, "--type=merge", "-p", patch]:
                return self._patch(self._job(job), json.loads(patch))
            case ["logs", "--follow", "--pod-running-timeout=10m", job]:
                return self._job(job).all_logs()
        raise Failed(f"a command that this runner does not emulate: {line}")

    def apply(self, text: str) -> str:
        """Makes the Jobs; those that are not suspended run, one after the other (a cluster would run them side by side)."""
        for document in yaml.safe_load_all(text):
            spec = JobSpec.read(document, self.volume.parent)
            expect(spec.name not in self.jobs, f"there is a Job {spec.name} already, and a Job cannot be changed")
            on_start = self.on_start.get(spec.name, lambda _pod: None)
            job = Job(spec, self.image, self.folder / "logs", self.at_once, on_start)
            self.jobs[spec.name] = job
            job.run()
        return ""

    def _job(self, word: str) -> Job:
        kind, _, name = word.partition("/")
        expect(kind == "job" and name in self.jobs, f"there is no {word}")
        return self.jobs[name]

    def _wait(self, job: Job) -> str:
        expect(job.condition == "Complete", f"{job.spec.name} is {job.condition} ({job.reason}): {job.all_logs()}")
        return ""

    def _patch(self, job: Job, patch: dict[str, Any]) -> str:
        expect(patch == {"spec": {"suspend": False}}, f"a patch that this runner does not emulate: {patch}")
        expect(job.spec.is_suspended, f"{job.spec.name} was not suspended")
        job.spec = replace(job.spec, is_suspended=False)
        job.run()
        return ""
