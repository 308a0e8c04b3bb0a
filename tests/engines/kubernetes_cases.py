"""The file of `--format kubernetes`: shards that are killed and evicted, exit codes and their policy, the merge."""

from __future__ import annotations

import shutil
import signal
from functools import partial
from pathlib import Path

from case import Skipped, expect
from cases import AT_ONCE, SHARDS, Bench, JobFile, case, expect_codes, expect_noticed
from container import why_not
from disturb import hold_in_the_middle, stand_in_for_retally, wish
from kubernetes_client import Kubectl
from kubernetes_job import Job, Pod
from kubernetes_spec import expanded

CLAIM, PLACE = "shared", "starter"
JOB, MERGE = "retally-starter", "retally-starter-merge"
IMAGE = "registry.example/retally@sha256:" + "0" * 64
KILLED, EVICTED = 0, 1
# What the file has.
TRIES_AGAIN = 3
SECOND_FAILED_IS_TOO_MANY = 1


def job_file(bench: Bench) -> JobFile:
    """What is printed, unchanged."""
    return bench.plan("kubernetes", "--image", IMAGE, "--volume", CLAIM)


def cluster(bench: Bench) -> Kubectl:
    """A namespace whose volume has the filled store."""
    if reason := why_not():
        raise Skipped(f"no containers here: {reason}")
    kubectl = Kubectl(bench.folder, bench.image(), CLAIM, AT_ONCE)
    shutil.copytree(bench.store, kubectl.volume / "store")
    return kubectl


def cluster_of_stand_ins(bench: Bench) -> Kubectl:
    """A namespace whose image has a program that ends as it is told."""
    kubectl = cluster(bench)
    stand_in_for_retally(kubectl.image)
    return kubectl


@case("kubernetes: five shards, two at once, one killed, one evicted, merged to the same bytes")
def disturbed(bench: Bench) -> str:
    """Every command that the file says to give, in its order."""
    return prove_disturbed(bench, job_file(bench))


def prove_disturbed(bench: Bench, file: JobFile) -> str:
    """The same for any file, so that a wrong one can be shown to it."""
    kubectl = cluster(bench)
    out = kubectl.volume / PLACE
    kubectl.on_start[JOB] = lambda pod: disturb(pod, kubectl, out)
    apply, *rest = file.commands
    kubectl.give(apply, file.text)
    shards, merge = kubectl.jobs[JOB], kubectl.jobs[MERGE]
    expect(not merge.pods, f"the merge did not wait for the shards: it ended with {merge.codes(None)}")
    expect_ends(shards)
    said = [kubectl.give(command, file.text) for command in rest]
    expect(merge.condition == "Complete", f"the merge is {merge.condition} ({merge.reason}): {merge.all_logs()}")
    expect("report" in said[-1], f"the last command does not show the merge's report: {said[-1]}")
    return f"pods ended with {[shards.codes(index) for index in range(SHARDS)]}; {bench.expect_same_results(out)}"


def disturb(pod: Pod, kubectl: Kubectl, out: Path) -> None:
    """Kills the first pod of one index, and evicts the first one of another. No other pod runs at that moment."""
    shards = kubectl.jobs[JOB]
    if pod.index not in (KILLED, EVICTED) or len([one for one in shards.pods if one.index == pod.index]) > 1:
        return
    hold_in_the_middle(pod.container.pid, out, f"the pod of index {pod.index}", pod.container.text)
    if pod.index == KILLED:
        pod.container.send(signal.SIGKILL)
        pod.container.wait()
    else:
        pod.evict(shards.spec.grace_s)


def expect_ends(shards: Job) -> None:
    """Each index ended as it was made to and then well, and only what is not the cluster's doing was counted."""
    expect(shards.condition == "Complete", f"the shards are {shards.condition} ({shards.reason}): {shards.all_logs()}")
    for index in range(SHARDS):
        wanted = [137] * (index == KILLED) + [4] * (index == EVICTED) + [0]
        expect_codes(f"index {index}", shards.codes(index), wanted)
        line = f"shard {index + 1}/{SHARDS} (Kubernetes Indexed Job)"
        expect(line in shards.log(index), f"index {index} did not print `{line}`: {shards.log(index)}")
    expect(shards.counted == {KILLED: 1}, f"failures that were counted, by index: {shards.counted}")


@case("kubernetes: 3, 4 and 137 are tried again as the policy says, 2 is not")
def policy(bench: Bench) -> str:
    """A program that stands in for retally ends as each index wants it."""
    return prove_policy(bench, job_file(bench))


def prove_policy(bench: Bench, file: JobFile) -> str:
    """The same for any file."""
    kubectl = cluster_of_stand_ins(bench)
    codes = {
        0: [3, 137, 3, 0],
        1: [4, 4, 4, 4, 4, 0],
        2: [2],
        3: [134, 0],
        4: [0],
    }
    for index, wanted in codes.items():
        wish(kubectl.image, index, *wanted)
    kubectl.apply(file.text)
    shards = kubectl.jobs[JOB]
    for index, wanted in codes.items():
        expect_codes(f"index {index}", shards.codes(index), wanted)
    expect((shards.condition, shards.reason) == ("Failed", "FailedIndexes"), f"{shards.condition} ({shards.reason})")
    expect(shards.failed == {2}, f"the failed indexes are {shards.failed}")
    expect(shards.counted == {0: 3, 3: 1}, f"failures that were counted, by index: {shards.counted}")
    return f"pods ended with {list(codes.values())}; {shards.reason}, index 2 alone"


@case("kubernetes: a temporary failure that stays fails its index after the last retry")
def retries_end(bench: Bench) -> str:
    """One pod and its retries."""
    kubectl = cluster_of_stand_ins(bench)
    wish(kubectl.image, 3, *[3] * 9)
    kubectl.apply(job_file(bench).text)
    shards = kubectl.jobs[JOB]
    expect_codes("index 3", shards.codes(3), [3] * (1 + TRIES_AGAIN))
    expect((shards.reason, shards.failed) == ("FailedIndexes", {3}), f"{shards.reason}, indexes {shards.failed}")
    return f"{1 + TRIES_AGAIN} pods, {shards.reason}"


@case("kubernetes: an input that is damaged for good ends its index at once, and then the Job")
def invalid_input(bench: Bench) -> str:
    """A model in the store whose last bytes are others; there is no source to get it from again."""
    return prove_invalid_input(bench, job_file(bench))


def prove_invalid_input(bench: Bench, file: JobFile) -> str:
    """The same for any file."""
    kubectl = cluster(bench)
    model = max((kubectl.volume / "store/objects").rglob("*"), key=is_model)
    content = model.read_bytes()
    model.write_bytes(content[:-64] + bytes(64))
    kubectl.apply(file.text)
    shards = kubectl.jobs[JOB]
    expect((shards.condition, shards.reason) == ("Failed", "MaxFailedIndexesExceeded"), f"{shards.condition} ({shards.reason})")
    for index in sorted(shards.failed):
        expect_codes(f"index {index}", shards.codes(index), [2])
        expect("sha256" in shards.log(index), f"index {index} does not say what is damaged: {shards.log(index)}")
    expect(len(shards.failed) > SECOND_FAILED_IS_TOO_MANY, f"the Job stopped with the failed indexes {shards.failed} alone")
    expect(len(shards.pods) < SHARDS, f"the rest was not stopped: {len(shards.pods)} pods")
    return f"{len(shards.pods)} pods of {SHARDS} ended with 2, {shards.reason}"


def is_model(path: Path) -> int:
    """The network has a megabyte, the archive of images five, ONNX Runtime more: 1 for the first."""
    return int(path.is_file() and path.stat().st_size < 2**20)


@case("kubernetes: a merge that is started before the shards are done ends at once")
def early_merge(bench: Bench) -> str:
    """Exit code 4 of a merge is not tried again."""
    kubectl = cluster(bench)
    file = job_file(bench)
    shards, merge = file.text.split("\n---\n", 2)[1:]
    kubectl.apply(shards.replace("completions: 5", "completions: 3").replace("parallelism: 5", "parallelism: 3"))
    kubectl.apply(merge)
    kubectl.give(file.commands[2], file.text)
    job = kubectl.jobs[MERGE]
    expect_codes("the merge", job.codes(None), [4])
    expect((job.condition, job.reason) == ("Failed", "PodFailurePolicy"), f"{job.condition} ({job.reason})")
    expect("4-5" in job.log(None) or "4,5" in job.log(None), f"it does not say which shards are missing: {job.log(None)}")
    return "1 pod, exit code 4, PodFailurePolicy"


@case("kubernetes: a merge outside its band is a result, and not tried again; one that is temporarily unable is")
def merge_codes(bench: Bench) -> str:
    """A program that stands in for retally."""
    return prove_merge_codes(bench, job_file(bench))


def prove_merge_codes(bench: Bench, file: JobFile) -> str:
    """The same for any file."""
    kubectl = cluster_of_stand_ins(bench)
    wish(kubectl.image, "merge", 3, 3, 1, 0)
    for command in file.commands:
        kubectl.give(command, file.text)
    merge = kubectl.jobs[MERGE]
    expect_codes("the merge", merge.codes(None), [3, 3, 1])
    expect((merge.condition, merge.reason) == ("Failed", "PodFailurePolicy"), f"{merge.condition} ({merge.reason})")
    return "pods ended with [3, 3, 1], PodFailurePolicy"


# What is wrong on purpose.

FAIL_INDEX = """      - action: FailIndex
        onExitCodes:
          containerName: retally
          operator: In
          values: [2]
"""
IGNORE_EVICTED = """      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
            status: "True"
"""
IGNORE_4 = """      - action: Ignore
        onExitCodes:
          containerName: retally
          operator: In
          values: [4]
"""
MERGE_POLICY = "          values: [1, 2, 4]\n"


@case("kubernetes, wrong on purpose: no count of shards")
def no_count(bench: Bench) -> str:
    """Kubernetes does not tell it."""
    file = job_file(bench).with_text(f'            - "--shards={SHARDS}"\n', "")
    return expect_noticed(lambda: prove_disturbed(bench, file), "give the number of completions with --shards")


@case("kubernetes, wrong on purpose: evictions and exit code 4 are counted")
def no_ignore(bench: Bench) -> str:
    """The rules are gone."""
    file = job_file(bench).with_text(IGNORE_EVICTED, "").with_text(IGNORE_4, "")
    return expect_noticed(lambda: prove_disturbed(bench, file), "failures that were counted")


@case("kubernetes, wrong on purpose: exit code 2 is tried again")
def no_fail_index(bench: Bench) -> str:
    """The rule is gone."""
    file = job_file(bench).with_text(FAIL_INDEX, "")
    return expect_noticed(lambda: prove_policy(bench, file), "index 2 ended with [2, 0]")


@case("kubernetes, wrong on purpose: too many indexes may fail")
def no_bound(bench: Bench) -> str:
    """The bound is gone."""
    file = job_file(bench).with_text("  maxFailedIndexes: 1\n", "")
    return expect_noticed(lambda: prove_invalid_input(bench, file), "FailedIndexes")


@case("kubernetes, wrong on purpose: the merge does not wait")
def no_suspend(bench: Bench) -> str:
    """With shards of its own folder it would fail; it is seen before."""
    file = job_file(bench).with_text("  suspend: true\n", "")
    return expect_noticed(lambda: prove_disturbed(bench, file), "the merge did not wait")


@case("kubernetes, wrong on purpose: a merge outside its band is tried again")
def no_merge_policy(bench: Bench) -> str:
    """1 is not among the codes."""
    file = job_file(bench).with_text(MERGE_POLICY, "          values: [2, 4]\n")
    return expect_noticed(lambda: prove_merge_codes(bench, file), "the merge ended with [3, 3, 1, 0]")


@case("kubernetes, wrong on purpose: what the API server refuses, and what is not emulated")
def refused(bench: Bench) -> str:
    """Each by its reason."""
    file, kubectl = job_file(bench), cluster(bench)
    wrong = [
        ("restartPolicy: Never", "restartPolicy: OnFailure", "restartPolicy"),
        ("  backoffLimitPerIndex: 3\n", "", "backoffLimitPerIndex"),
        ("  completionMode: Indexed\n", "", "Indexed"),
        ("  completions: 5\n", "", "completions"),
        ("values: [4]", "values: [4, 3]", "ordered"),
        ("containerName: retally", "containerName: another", "another"),
        ("          volumeMounts:\n            - name: shared", "          volumeMounts:\n            - name: other", "other"),
        ("  parallelism: 5\n", "  parallelism: 5\n  activeDeadlineSeconds: 9\n", "activeDeadlineSeconds"),
    ]
    for old, new, reason in wrong:
        expect_noticed(partial(kubectl.apply, file.with_text(old, new).text), reason)
        expect(not kubectl.jobs, f"`{new}` was refused too late")
    return f"{len(wrong)} files"


@case("kubernetes: how variables are replaced in words")
def variables(_bench: Bench) -> str:
    """The documentation's own rules."""
    known = {"A": "a", "B": "$(A)"}
    for text, wanted in [("$(A)", "a"), ("$$(A)", "$(A)"), ("$(B)", "$(A)"), ("$(C)$$$", "$(C)$$"), ("$A $(", "$A $(")]:
        expect(expanded(text, known) == wanted, f"`{text}` became `{expanded(text, known)}`")
    return "5 words"
