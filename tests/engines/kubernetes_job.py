"""Jobs of Kubernetes as their controller runs them, on this machine.

After these pages of the Kubernetes documentation (1.33 to 1.37): Jobs (with Backoff limit per index and Pod replacement policy);
Handling retriable and non-retriable pod failures with Pod failure policy; Indexed Job for Parallel Processing with Static Work
Assignment; Pod Lifecycle (termination); API-initiated Eviction.

Not emulated: the wait before a pod is replaced (10 s, doubled), scheduling, resources, images, service accounts.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from case import Failed
from container import Container, Image
from kubernetes_spec import JobSpec, expanded
from program import PATIENCE_S

INDEX_VARIABLE = "JOB_COMPLETION_INDEX"


@dataclass
class Pod:
    """A pod, and how it ended."""

    index: int | None
    container: Container
    conditions: dict[str, str] = field(default_factory=dict)
    code: int = -1

    def evict(self, grace_s: float) -> None:
        """As the eviction API and a drained node do: the condition, SIGTERM, and SIGKILL after the time of grace."""
        self.conditions["DisruptionTarget"] = "True"
        self.terminate(grace_s)

    def terminate(self, grace_s: float) -> None:
        """SIGTERM, and SIGKILL after the time of grace."""
        self.container.send(signal.SIGTERM)
        # It may be held still by a test.
        self.container.send(signal.SIGCONT)
        deadline = time.monotonic() + grace_s
        while not self.container.has_ended() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.container.send(signal.SIGKILL)
        self.container.wait()


# Is told of a pod as soon as it runs, and may do something to it.
OnStart = Callable[[Pod], None]


@dataclass
class Job:
    """A Job in a cluster: what the file says of it, and its status."""

    spec: JobSpec
    image: Image
    logs: Path
    at_once: int
    on_start: OnStart = lambda _pod: None
    condition: str = ""
    reason: str = ""
    pods: list[Pod] = field(default_factory=list)
    succeeded: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    counted: dict[int, int] = field(default_factory=dict)
    """The failures that count against the limits, by index."""

    def run(self) -> None:
        """Runs the Job until it is complete or has failed. A suspended one starts nothing, and stays."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.spec.is_suspended and not self.condition:
            for pod in [pod for pod in self._active() if pod.container.has_ended()]:
                self._judge(pod)
            if not self.condition:
                self._start_pods()
            if time.monotonic() > deadline:
                self._stop("not emulated", f"waited {PATIENCE_S} s for pods")
                raise Failed(f"{self.spec.name}: {self.reason}\n{self.all_logs()}")
            time.sleep(0.01)

    def _active(self) -> list[Pod]:
        return [pod for pod in self.pods if pod.code < 0]

    def _start_pods(self) -> None:
        """The lowest indexes first. A replacement starts once the failed pod has quite ended (podReplacementPolicy: Failed)."""
        retries, busy = self.spec.retries, {pod.index for pod in self._active()}
        for index in range(retries.completions):
            if len(busy) >= min(retries.parallelism, self.at_once):
                return
            own = index if retries.indexed else None
            if own not in busy and index not in self.succeeded | self.failed:
                self._start(own)
                busy.add(own)

    def _start(self, index: int | None) -> None:
        name = self.spec.name if index is None else f"{self.spec.name}-{index}"
        environment = self.spec.environment()
        if index is not None:
            # The controller gives it to every container of an Indexed Job that has no such variable of its own.
            environment.setdefault(INDEX_VARIABLE, str(index))
        command = [expanded(word, environment) for word in self.spec.words]
        log = self.logs / f"{name}.log"
        pod = Pod(index, Container(self.image, self.spec.mount, environment | {"HOSTNAME": name}, command, log))
        self.pods.append(pod)
        self.on_start(pod)

    def _judge(self, pod: Pod) -> None:
        """What a pod's end means for the Job."""
        pod.code = pod.container.wait()
        index = pod.index or 0
        if pod.code == 0:
            self.succeeded.add(index)
        else:
            self._judge_failure(pod, index)
        if self.condition:
            return
        if len(self.failed) > self.spec.retries.most_failed:
            self._stop("Failed", "MaxFailedIndexesExceeded")
        elif len(self.succeeded | self.failed) == self.spec.retries.completions:
            self._stop(*(("Failed", "FailedIndexes") if self.failed else ("Complete", "CompletionsReached")))

    def _judge_failure(self, pod: Pod, index: int) -> None:
        rule = next((rule for rule in self.spec.rules if rule.fits(pod.code, pod.conditions)), None)
        match rule.action if rule else "Count":
            case "FailJob":
                self._stop("Failed", "PodFailurePolicy")
            case "FailIndex":
                self.failed.add(index)
            case "Count":
                self._count(index)

    def _count(self, index: int) -> None:
        self.counted[index] = self.counted.get(index, 0) + 1
        per_index = self.spec.retries.backoff_limit_per_index
        if per_index is not None and self.counted[index] > per_index:
            self.failed.add(index)
        if sum(self.counted.values()) > self.spec.retries.backoff_limit:
            self._stop("Failed", "BackoffLimitExceeded")

    def _stop(self, condition: str, reason: str) -> None:
        self.condition, self.reason = condition, reason
        for pod in self._active():
            pod.terminate(self.spec.grace_s)
            pod.code = pod.container.wait()

    def codes(self, index: int | None) -> list[int]:
        """The exit codes of one index' pods, in order."""
        return [pod.code for pod in self.pods if pod.index == index]

    def log(self, index: int | None) -> str:
        """What all pods of an index have printed."""
        return next((pod.container.text() for pod in self.pods if pod.index == index), "")

    def all_logs(self) -> str:
        """What every pod printed, for a failure."""
        return "\n".join(f"--- {index}\n{self.log(index)}" for index in dict.fromkeys(pod.index for pod in self.pods))
