"""Jobs of Kubernetes as their controller runs them, on this machine.

After these pages of the Kubernetes documentation (1.33 to 1.37): Jobs; Handling retriable and non-retriable pod failures with Pod
failure policy; Backoff limit per index (in Jobs); Indexed Job for Parallel Processing with Static Work Assignment; Define Dependent
Environment Variables and Define a Command and Arguments for a Container (`$(NAME)`); Pod Lifecycle (termination); the reference of
Job (batch/v1). What the API server refuses although the schema has it is refused here too.

Not emulated: the wait before a pod is replaced (10 s, doubled), scheduling, resources, images, service accounts.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from case import Failed, expect
from container import Container, Image, Mount
from fields import needed, only
from program import PATIENCE_S

# What batch/v1 takes where nothing is said.
DEFAULT_GRACE_S = 30
DEFAULT_BACKOFF_LIMIT = 6
NO_LIMIT = 2**31 - 1
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
ACTIONS = ("FailJob", "FailIndex", "Ignore", "Count")


@dataclass(frozen=True)
class Rule:
    """One rule of `podFailurePolicy`."""

    action: str
    codes: tuple[int, ...] = ()
    operator: str = ""
    conditions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, document: Any, container: str) -> Rule:
        """A rule, refused as the API server refuses it."""
        where = "a rule of podFailurePolicy"
        fields = only(document, ("action", "onExitCodes", "onPodConditions"), where=where)
        action = needed(fields, "action", where=where)
        expect(action in ACTIONS, f"podFailurePolicy has the action {action}")
        expect(("onExitCodes" in fields) != ("onPodConditions" in fields), f"{where} has none or both of its two requirements")
        if "onPodConditions" in fields:
            wanted = [only(one, ("type", "status"), where=where) for one in fields["onPodConditions"]]
            return cls(action, conditions=tuple((one["type"], one.get("status", "True")) for one in wanted))
        on = only(fields["onExitCodes"], ("containerName", "operator", "values"), where=where)
        expect(on.get("containerName") in (None, container), f"{where} is for the container {on.get('containerName')}")
        operator, values = on["operator"], on["values"]
        expect(operator in ("In", "NotIn"), f"{where} has the operator {operator}")
        expect(values == sorted(set(values)) and 0 < len(values) <= 255, f"{where} has no ordered list of exit codes: {values}")
        expect(not (operator == "In" and 0 in values), f"{where} has exit code 0, which is no failure")
        return cls(action, tuple(values), operator)

    def fits(self, code: int, conditions: dict[str, str]) -> bool:
        """Whether a failed pod is one of those that the rule is for."""
        if self.conditions:
            return any(conditions.get(kind) == status for kind, status in self.conditions)
        return (code in self.codes) == (self.operator == "In")


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
    """A Job: what the file says of it, and its status."""

    document: dict[str, Any]
    image: Image
    volumes: Path
    logs: Path
    at_once: int
    on_start: OnStart = lambda _pod: None
    condition: str = ""
    reason: str = ""
    pods: list[Pod] = field(default_factory=list)
    succeeded: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._admit()

    @property
    def name(self) -> str:
        """Its name in the cluster."""
        return str(self.document["metadata"]["name"])

    @property
    def _spec(self) -> dict[str, Any]:
        return self.document["spec"]

    @property
    def _pod_spec(self) -> dict[str, Any]:
        return self._spec["template"]["spec"]

    @property
    def _container(self) -> dict[str, Any]:
        return self._pod_spec["containers"][0]

    @property
    def grace_s(self) -> float:
        """From SIGTERM to SIGKILL."""
        return float(self._pod_spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE_S))

    @property
    def is_suspended(self) -> bool:
        """Whether no pod is started."""
        return bool(self._spec.get("suspend", False))

    def _admit(self) -> None:
        """Refuses what the API server refuses, and what is not emulated."""
        where = f"Job {self.document.get('metadata', {}).get('name')}"
        only(self.document, ("apiVersion", "kind", "metadata", "spec"), where=where)
        expect(self.document["apiVersion"] == "batch/v1" and self.document["kind"] == "Job", f"{where} is no Job of batch/v1")
        # Pods are named after the Job, and a host's name has 63 letters at most.
        expect(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?", self.name) is not None, f"{where}: the name is no label")
        emulated = ("completionMode", "completions", "parallelism", "backoffLimit", "backoffLimitPerIndex", "maxFailedIndexes")
        spec = only(self._spec, (*emulated, "podFailurePolicy", "suspend", "template"), where=f"{where}: spec")
        template = only(spec["template"], ("spec",), ("metadata",), where=f"{where}: template")
        only(
            template["spec"],
            ("restartPolicy", "terminationGracePeriodSeconds", "containers", "volumes"),
            ("automountServiceAccountToken",),
            where=f"{where}: pod",
        )
        expect(len(self._pod_spec["containers"]) == 1, f"{where} has other than one container, which is not emulated")
        emulated = ("name", "command", "args", "env", "volumeMounts")
        only(self._container, emulated, ("image", "resources"), where=f"{where}: container")
        needed(self._container, "image", where=where)
        expect(self._pod_spec.get("restartPolicy") == "Never", f"{where}: podFailurePolicy and this runner want restartPolicy Never")
        self._rules = self._read_rules()
        self._admit_indexes(where)
        self._mount = self._read_mount(where)

    def _read_rules(self) -> tuple[Rule, ...]:
        policy = only(self._spec.get("podFailurePolicy", {"rules": []}), ("rules",), where="podFailurePolicy")
        expect(len(policy["rules"]) <= 20, "podFailurePolicy has more than 20 rules")
        return tuple(Rule.read(rule, self._container["name"]) for rule in policy["rules"])

    def _admit_indexes(self, where: str) -> None:
        spec = self._spec
        self._indexed = spec.get("completionMode", "NonIndexed") == "Indexed"
        per_index = "backoffLimitPerIndex" in spec
        expect(self._indexed or not per_index, f"{where}: backoffLimitPerIndex is for Indexed Jobs")
        expect(per_index or "maxFailedIndexes" not in spec, f"{where}: maxFailedIndexes is for backoffLimitPerIndex")
        uses_index = any(rule.action == "FailIndex" for rule in self._rules)
        expect(per_index or not uses_index, f"{where}: FailIndex is for backoffLimitPerIndex")
        self._completions = int(spec.get("completions", 1))
        self._parallelism = int(spec.get("parallelism", 1))
        if self._indexed:
            needed(spec, "completions", where=where)
            # With more indexes the numbers of retries must be small.
            expect(self._completions <= 100_000, f"{where}: completions is {self._completions}")
            expect(spec.get("maxFailedIndexes", 0) <= self._completions, f"{where}: maxFailedIndexes is more than completions")
        else:
            expect(self._completions == 1, f"{where}: several completions without an index are not emulated")
        self._failures = dict.fromkeys(range(self._completions), 0)
        self._backoff_limit = int(spec.get("backoffLimit", NO_LIMIT if per_index else DEFAULT_BACKOFF_LIMIT))

    def _read_mount(self, where: str) -> Mount:
        claims = {}
        for volume in self._pod_spec.get("volumes", []):
            only(volume, ("name", "persistentVolumeClaim"), where=f"{where}: a volume")
            claims[volume["name"]] = only(volume["persistentVolumeClaim"], ("claimName",), where=where)["claimName"]
        mounts = self._container.get("volumeMounts", [])
        expect(len(mounts) == 1, f"{where} has other than one volume, which is not emulated")
        only(mounts[0], ("name", "mountPath"), where=f"{where}: a mount")
        expect(mounts[0]["name"] in claims, f"{where} mounts {mounts[0]['name']}, which is no volume of its pod")
        folder = self.volumes / claims[mounts[0]["name"]]
        expect(folder.is_dir(), f"{where}: there is no claim {folder.name}")
        return Mount(folder, mounts[0]["mountPath"])

    # What the controller does.

    def run(self) -> None:
        """Runs the Job until it is complete or has failed. A suspended one starts nothing, and stays."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.is_suspended and not self.condition:
            for pod in [pod for pod in self._active() if pod.container.has_ended()]:
                self._judge(pod)
            if not self.condition:
                self._start_pods()
            if time.monotonic() > deadline:
                self._stop("not emulated", f"waited {PATIENCE_S} s for pods")
                raise Failed(f"{self.name}: {self.reason}\n{self.all_logs()}")
            time.sleep(0.01)

    def _active(self) -> list[Pod]:
        return [pod for pod in self.pods if pod.code < 0]

    def _start_pods(self) -> None:
        """The lowest indexes first. A replacement starts once the failed pod has quite ended (podReplacementPolicy: Failed)."""
        busy = {pod.index for pod in self._active()}
        for index in range(self._completions):
            if len(busy) >= min(self._parallelism, self.at_once):
                return
            own = index if self._indexed else None
            if own not in busy and index not in self.succeeded | self.failed:
                self._start(own)
                busy.add(own)

    def _start(self, index: int | None) -> None:
        name = self.name if index is None else f"{self.name}-{index}"
        environment = self._environment(index)
        words = [*self._container.get("command", []), *self._container.get("args", [])]
        expect("command" in self._container, f"{self.name} has no command, and the image's own is not emulated")
        command = [expanded(word, environment) for word in words]
        container = Container(self.image, self._mount, environment | {"HOSTNAME": name}, command, self.logs / f"{name}.log")
        pod = Pod(index, container)
        self.pods.append(pod)
        self.on_start(pod)

    def _environment(self, index: int | None) -> dict[str, str]:
        environment: dict[str, str] = {}
        for variable in self._container.get("env", []):
            only(variable, ("name", "value"), where=f"{self.name}: a variable")
            environment[variable["name"]] = expanded(variable.get("value", ""), environment)
        # The controller adds it to every container of an Indexed Job, from the annotation of the pod.
        return environment if index is None else {INDEX_VARIABLE: str(index)} | environment

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
        if len(self.failed) > self._spec.get("maxFailedIndexes", NO_LIMIT):
            self._stop("Failed", "MaxFailedIndexesExceeded")
        elif len(self.succeeded | self.failed) == self._completions:
            self._stop(*(("Failed", "FailedIndexes") if self.failed else ("Complete", "CompletionsReached")))

    def _judge_failure(self, pod: Pod, index: int) -> None:
        rule = next((rule for rule in self._rules if rule.fits(pod.code, pod.conditions)), None)
        action = rule.action if rule else "Count"
        if action == "FailJob":
            self._stop("Failed", "PodFailurePolicy")
        elif action == "FailIndex":
            self.failed.add(index)
        elif action == "Count":
            self._failures[index] += 1
            if "backoffLimitPerIndex" in self._spec and self._failures[index] > self._spec["backoffLimitPerIndex"]:
                self.failed.add(index)
            if sum(self._failures.values()) > self._backoff_limit:
                self._stop("Failed", "BackoffLimitExceeded")

    def _stop(self, condition: str, reason: str) -> None:
        self.condition, self.reason = condition, reason
        for pod in self._active():
            pod.terminate(self.grace_s)
            pod.code = pod.container.wait()

    # What a test asks.

    def codes(self, index: int | None) -> list[int]:
        """The exit codes of one index' pods, in order."""
        return [pod.code for pod in self.pods if pod.index == index]

    def counted(self) -> dict[int, int]:
        """The failures that count against the limit, by index."""
        return {index: count for index, count in self._failures.items() if count}

    def log(self, index: int | None) -> str:
        """What all pods of an index have printed."""
        return next((pod.container.text() for pod in self.pods if pod.index == index), "")

    def all_logs(self) -> str:
        """What every pod printed, for a failure."""
        return "\n".join(f"--- {index}\n{self.log(index)}" for index in dict.fromkeys(pod.index for pod in self.pods))


def expanded(text: str, variables: dict[str, str]) -> str:
    """`$(NAME)` becomes the variable's value if there is one and stays if not; `$$` becomes `$`."""

    def one(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^()]*)\)", one, text)


def load_jobs(text: str) -> list[dict[str, Any]]:
    """The documents of a file."""
    return [document for document in yaml.safe_load_all(text) if document is not None]
