"""What the file says of a Job of Kubernetes, refused where the API server refuses it or where this runner does not emulate it.

After the reference of Job (batch/v1) of the Kubernetes documentation (1.33 to 1.37), and the pages Jobs, Handling retriable and
non-retriable pod failures with Pod failure policy, Define Dependent Environment Variables, and Define a Command and Arguments for a
Container (`$(NAME)`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from case import expect
from container import Mount
from fields import needed, only

# What batch/v1 takes where nothing is said.
DEFAULT_GRACE_S = 30
DEFAULT_BACKOFF_LIMIT = 6
NO_LIMIT = 2**31 - 1
ACTIONS = ("FailJob", "FailIndex", "Ignore", "Count")
# With more indexes the numbers of retries must be small.
MOST_COMPLETIONS = 100_000


@dataclass(frozen=True)
class Rule:
    """One rule of `podFailurePolicy`."""

    action: str
    codes: tuple[int, ...] = ()
    operator: str = ""
    conditions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, document: Any, container: str) -> Rule:
        """A rule for pods of one container."""
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
        is_ordered = values == sorted(set(values)) and 0 < len(values) <= 255
        expect(is_ordered, f"{where} has no ordered list of exit codes: {values}")
        expect(not (operator == "In" and 0 in values), f"{where} has exit code 0, which is no failure")
        return cls(action, tuple(values), operator)

    def fits(self, code: int, conditions: dict[str, str]) -> bool:
        """Whether a failed pod is one of those that the rule is for."""
        if self.conditions:
            return any(conditions.get(kind) == status for kind, status in self.conditions)
        return (code in self.codes) == (self.operator == "In")


@dataclass(frozen=True)
class Retries:
    """How often what is tried, of a Job with these indexes."""

    indexed: bool
    completions: int
    parallelism: int
    backoff_limit: int
    backoff_limit_per_index: int | None
    most_failed: int

    @classmethod
    def read(cls, spec: dict[str, Any], where: str) -> Retries:
        """What `spec` says."""
        indexed, per_index = spec.get("completionMode", "NonIndexed") == "Indexed", spec.get("backoffLimitPerIndex")
        expect(indexed or per_index is None, f"{where}: backoffLimitPerIndex is for Indexed Jobs")
        expect(
            per_index is not None or "maxFailedIndexes" not in spec, f"{where}: maxFailedIndexes is for backoffLimitPerIndex"
        )
        completions = int(needed(spec, "completions", where=where) if indexed else spec.get("completions", 1))
        expect(completions <= MOST_COMPLETIONS, f"{where}: completions is {completions}")
        expect(indexed or completions == 1, f"{where}: several completions without an index are not emulated")
        most_failed = int(spec.get("maxFailedIndexes", NO_LIMIT))
        expect(most_failed in (*range(completions + 1), NO_LIMIT), f"{where}: maxFailedIndexes is more than completions")
        backoff_limit = int(spec.get("backoffLimit", DEFAULT_BACKOFF_LIMIT if per_index is None else NO_LIMIT))
        parallelism = int(spec.get("parallelism", 1))
        return cls(indexed, completions, parallelism, backoff_limit, per_index, most_failed)


@dataclass(frozen=True)
class JobSpec:
    """A Job that may be made."""

    name: str
    is_suspended: bool
    retries: Retries
    rules: tuple[Rule, ...]
    grace_s: float
    words: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    mount: Mount

    @classmethod
    def read(cls, document: dict[str, Any], volumes: Path) -> JobSpec:
        """A Job; its claims are folders of `volumes`."""
        where = f"Job {document.get('metadata', {}).get('name')}"
        only(document, ("apiVersion", "kind", "metadata", "spec"), where=where)
        is_job = document["apiVersion"] == "batch/v1" and document["kind"] == "Job"
        expect(is_job, f"{where} is no Job of batch/v1")
        name = str(document["metadata"]["name"])
        # Pods are named after the Job and their index, and a host's name has 63 letters at most.
        expect(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?", name) is not None, f"{where}: the name is no label")
        emulated = ("completionMode", "completions", "parallelism", "backoffLimit", "backoffLimitPerIndex", "maxFailedIndexes")
        spec = only(document["spec"], (*emulated, "podFailurePolicy", "suspend", "template"), where=f"{where}: spec")
        template = only(spec["template"], ("spec",), ("metadata",), where=f"{where}: template")
        pod = only(
            template["spec"],
            ("restartPolicy", "terminationGracePeriodSeconds", "containers", "volumes"),
            ("automountServiceAccountToken",),
            where=f"{where}: pod",
        )
        expect(pod.get("restartPolicy") == "Never", f"{where}: podFailurePolicy and this runner want restartPolicy Never")
        container = only_container(pod, where)
        retries, rules = Retries.read(spec, where), read_rules(spec, container["name"])
        uses_index = any(rule.action == "FailIndex" for rule in rules)
        expect(retries.backoff_limit_per_index is not None or not uses_index, f"{where}: FailIndex is for backoffLimitPerIndex")
        # Without one the image's own would run, which is not emulated.
        words = (*needed(container, "command", where=where), *container.get("args", []))
        variables = [only(one, ("name", "value"), where=f"{where}: a variable") for one in container.get("env", [])]
        return cls(
            name,
            bool(spec.get("suspend", False)),
            retries,
            rules,
            float(pod.get("terminationGracePeriodSeconds", DEFAULT_GRACE_S)),
            words,
            tuple((one["name"], one.get("value", "")) for one in variables),
            read_mount(pod, container, volumes, where),
        )

    def environment(self) -> dict[str, str]:
        """The container's variables; each may use those before it."""
        environment: dict[str, str] = {}
        for name, value in self.variables:
            environment[name] = expanded(value, environment)
        return environment


def only_container(pod: dict[str, Any], where: str) -> dict[str, Any]:
    """The container of a pod that has one."""
    expect(len(pod["containers"]) == 1, f"{where} has other than one container, which is not emulated")
    emulated = ("name", "command", "args", "env", "volumeMounts")
    container = only(pod["containers"][0], emulated, ("image", "resources"), where=f"{where}: container")
    needed(container, "image", where=where)
    return container


def read_rules(spec: dict[str, Any], container: str) -> tuple[Rule, ...]:
    """The rules of `podFailurePolicy`."""
    policy = only(spec.get("podFailurePolicy", {"rules": []}), ("rules",), where="podFailurePolicy")
    expect(len(policy["rules"]) <= 20, "podFailurePolicy has more than 20 rules")
    return tuple(Rule.read(rule, container) for rule in policy["rules"])


def read_mount(pod: dict[str, Any], container: dict[str, Any], volumes: Path, where: str) -> Mount:
    """The one volume, and where the container sees it."""
    claims = {}
    for volume in pod.get("volumes", []):
        only(volume, ("name", "persistentVolumeClaim"), where=f"{where}: a volume")
        claims[volume["name"]] = only(volume["persistentVolumeClaim"], ("claimName",), where=where)["claimName"]
    mounts = container.get("volumeMounts", [])
    expect(len(mounts) == 1, f"{where} has other than one volume, which is not emulated")
    only(mounts[0], ("name", "mountPath"), where=f"{where}: a mount")
    expect(mounts[0]["name"] in claims, f"{where} mounts {mounts[0]['name']}, which is no volume of its pod")
    folder = volumes / claims[mounts[0]["name"]]
    expect(folder.is_dir(), f"{where}: there is no claim {folder.name}")
    return Mount(folder, mounts[0]["mountPath"])


def expanded(text: str, variables: dict[str, str]) -> str:
    """`$(NAME)` becomes the variable's value if there is one and stays if not; `$$` becomes `$`."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else variables.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^()]*)\)", one, text)
