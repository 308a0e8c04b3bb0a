"""The file of `--format github`: a matrix whose jobs are killed and told to stop, failed jobs run again, the merge and its judgement."""

from __future__ import annotations

import shlex
import shutil
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

from case import DONE, expect, expect_code
from cases import AT_ONCE, SHARDS, Bench, JobFile, case, expect_noticed, expect_same
from disturb import hold_in_the_middle, retally_under
from program import REPOSITORY, send
from small_run import MANIFEST, MODELS, SmallRun, results
from workflow import FAILURE, SKIPPED, SUCCESS, JobRun, Step, Workflow
from workflow_actions import Storage

COMMIT = "0123456789abcdef0123456789abcdef01234567"
KILLED, TOLD = 1, 2
# What `check` adds to the merged run's folder.
JUDGEMENT = frozenset({"junit.xml", "comment.md"})
# Builds by copying, if it is asked for what the file must ask for.
CARGO = """#!/bin/bash
set -eu
[ "$1 $2 $3" = "install --locked --git" ] && [ "$5 $6" = "--rev COMMIT" ] && [ "$7 $8 $9" = "--root .retally retally" ]
case $4 in https://*) ;; *) exit 101 ;; esac
mkdir -p .retally/bin
cp PROGRAM .retally/bin/retally
chmod +x .retally/bin/retally
"""
# Ends each call with the next code of `WISHES/SHARD`, `WISHES/merge` or `WISHES/check`; a run leaves a file.
STAND_IN = """#!/bin/bash
command=; for word; do case $word in fetch | run | merge | check) command=$word; break ;; esac; done
case $command in run) name=$SHARD; mkdir -p .retally/run; echo "$SHARD" > .retally/run/chunk ;; *) name=$command ;; esac
if [ $command = merge ]; then mkdir -p .retally/merged; cat .retally/shards/*/chunk > .retally/merged/measurements.json; fi
code=$(head -n 1 WISHES/"$name" 2> /dev/null)
sed -i 1d WISHES/"$name" 2> /dev/null
echo "$name ended with ${code:-0}"
exit "${code:-0}"
"""


class Service:
    """A repository with a manifest of its own, storage, and machines whose `cargo` copies a program."""

    def __init__(self, bench: Bench, program: Path) -> None:
        self.bench, self.folder = bench, bench.folder
        self.repository, self.tools = self.folder / "repository", self.folder / "tools"
        for folder in (self.repository, self.tools, self.folder / "caches", self.folder / "wishes"):
            folder.mkdir()
        shutil.copyfile(MANIFEST, self.repository / "small.toml")
        self._tool("cargo", CARGO.replace("COMMIT", COMMIT).replace("PROGRAM", shlex.quote(str(program))))
        # Nobody waits in tests.
        self._tool("sleep", "#!/bin/sh\n")

    def _tool(self, name: str, text: str) -> Path:
        path = self.tools / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    @classmethod
    def of_stand_ins(cls, bench: Bench) -> Service:
        """The same with a program that ends as it is told."""
        wishes, program = bench.folder / "wishes", bench.folder / "stand-in"
        program.write_text(STAND_IN.replace("WISHES", shlex.quote(str(wishes))), encoding="utf-8")
        return cls(bench, program)

    def wish(self, name: int | str, *codes: int) -> None:
        """How the processes of a shard, of `merge` or of `check` end one after the other."""
        (self.folder / "wishes" / str(name)).write_text("".join(f"{code}\n" for code in codes), encoding="utf-8")

    def start(self, file: JobFile, name: str = "run") -> Workflow:
        """The workflow, not yet running."""
        path, folder = f"{self.tools}:/usr/local/bin:/usr/bin:/bin", self.folder / name
        storage = Storage(self.repository, self.folder / "caches", folder / "artifacts")
        storage.artifacts.mkdir(parents=True)
        workflow = Workflow.load(file.text, folder, storage, path, AT_ONCE)
        # Only the machine that has built the program has its sources, and the files that artifacts come from.
        workflow.machine = lambda job: {"RETALLY_ROOT": str(REPOSITORY if job == "prepare" else self.folder / "nothing")}
        return workflow


def job_file(bench: Bench) -> JobFile:
    """What is printed, with words that are the same on every machine of the service."""
    library = next(path for path in (bench.store / "objects").rglob("*") if path.is_file() and path.stat().st_size > 2**23)
    run = replace(bench.run, manifests=(Path("small.toml"),))
    return plan_in(bench, run, "--revision", COMMIT, "--onnxruntime", str(library))


def plan_in(bench: Bench, run: SmallRun, *words: str) -> JobFile:
    """Plans in the folder of the repository, as a user does whose manifest is there."""
    folder = bench.folder / "planned"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(MANIFEST, folder / "small.toml")
    return replace(bench, folder=folder).plan("github", *words, run=run, at=folder)


@case("github: five shards, two at once, one killed, one told to stop, failed jobs run again, merged to the same bytes")
def disturbed(bench: Bench) -> str:
    """The store is fetched, kept, and brought back."""
    return prove_disturbed(bench, job_file(bench))


def prove_disturbed(bench: Bench, file: JobFile) -> str:
    """The same for any file, so that a wrong one can be shown to it."""
    service = Service(bench, bench.program.binary)
    workflow = service.start(file)
    workflow.on_start = disturb
    workflow.run()
    expect(set(workflow.conclusions("prepare").values()) == {SUCCESS}, workflow.log())
    wanted = {f"shard ({shard})": FAILURE if shard in (KILLED, TOLD) else SUCCESS for shard in range(1, SHARDS + 1)}
    expect(workflow.conclusions("shard") == wanted, f"{workflow.conclusions('shard')}\n{workflow.log()}")
    codes = {run.matrix["shard"]: run.codes for run in workflow.runs["shard"]}
    expect((codes[KILLED], codes[TOLD]) == ([137], [4]), f"the steps ended with {codes}")
    expect(workflow.conclusions("merge") == {"merge": SKIPPED}, "the merge did not wait for all shards")
    workflow.on_start = lambda _step: None
    workflow.run_failed_again()
    (merged,) = workflow.runs["merge"]
    expect(merged.conclusion == SUCCESS, workflow.log())
    said = bench.expect_same_results(merged.workspace / ".retally/merged", besides=JUDGEMENT)
    expect_kept(bench, workflow)
    expect(bool(merged.summary.strip()), "the summary of the run is empty")
    hits = [line.split(":")[0] for line in workflow.storage.said]
    expect(hits[:2] == ["cache miss", "cache saved"] and set(hits[2:]) == {"cache hit"}, f"the cache: {hits}")
    return f"steps of the shards ended with {codes}; {said}"


def expect_kept(bench: Bench, workflow: Workflow) -> None:
    """The run that is handed to the user is the merged one, without chunks."""
    kept = results(workflow.storage.artifacts / "retally-starter")
    expect(JUDGEMENT <= kept.keys(), f"the judgement's files are missing: {sorted(kept)}")
    wanted = {name: content for name, content in results(bench.reference).items() if not name.startswith("chunks/")}
    expect_same(wanted, {name: content for name, content in kept.items() if name not in JUDGEMENT})


def disturb(step: Step) -> None:
    """Does to two shards what machines do: `kill -9`, and SIGTERM; each between two chunks of its own folder."""
    shard = step.job.matrix.get("shard")
    if shard not in (KILLED, TOLD):
        return
    pid = retally_under(step.process.pid, step.has_ended, step.job.title, step.text)
    hold_in_the_middle(pid, step.job.workspace / ".retally/run", step.job.title, step.text)
    send(pid, signal.SIGKILL if shard == KILLED else signal.SIGTERM)
    send(pid, signal.SIGCONT)


@case("github: 3 is tried three times on the machine; 2, 4 and what stays 3 is red, and nothing is merged")
def exit_codes(bench: Bench) -> str:
    """A program that stands in for retally."""
    return prove_exit_codes(bench, job_file(bench))


def prove_exit_codes(bench: Bench, file: JobFile) -> str:
    """The same for any file."""
    service = Service.of_stand_ins(bench)
    # What retally ends with, how often it is called, and how the step ends.
    wanted = {1: ([3, 3, 0], 3, 0), 2: ([3, 3, 3, 0], 3, 3), 3: ([4, 0], 1, 4), 4: ([2, 0], 1, 2), 5: ([0], 1, 0)}
    for shard, (codes, _, _) in wanted.items():
        service.wish(shard, *codes)
    workflow = service.start(file)
    workflow.run()
    for run in workflow.runs["shard"]:
        _, calls, code = wanted[run.matrix["shard"]]
        expect(run.codes == [code], f"{run.title} ended with {run.codes}, expected [{code}]")
        found = run.log.count(" ended with ")
        expect(found == calls, f"{run.title} called retally {found} times, expected {calls}")
    expect(workflow.conclusions("merge") == {"merge": SKIPPED}, "something was merged")
    return f"steps ended with {[code for _, _, code in wanted.values()]}"


@case("github: a verdict outside its band is red, judged, and its run is kept; a merge that cannot be is red")
def judgement(bench: Bench) -> str:
    """A program that stands in for retally."""
    return prove_judgement(bench, job_file(bench))


def prove_judgement(bench: Bench, file: JobFile) -> str:
    """The same for any file."""
    service = Service.of_stand_ins(bench)
    # Codes of `merge` and `check`, the step's code, whether `check` was asked.
    wanted = [(0, 0, 0, True), (1, 1, 1, True), (1, 0, 0, True), (4, 0, 4, False), (2, 0, 2, False)]
    for number, (merge, check, code, is_judged) in enumerate(wanted):
        service.wish("merge", merge)
        service.wish("check", check)
        workflow = service.start(file, f"run-{number}")
        workflow.run()
        (run,) = workflow.runs["merge"]
        expect_merge(run, code, is_judged)
        expect((workflow.storage.artifacts / "retally-starter/measurements.json").exists(), "the run was not kept")
    return f"merge, check, step: {[one[:3] for one in wanted]}"


def expect_merge(run: JobRun, code: int, is_judged: bool) -> None:
    """The step's code is the job's colour."""
    expect(run.codes == [code], f"the merge's step ended with {run.codes}, expected [{code}]: {run.log}")
    expect(run.conclusion == (FAILURE if code else SUCCESS), f"the job is {run.conclusion} with {code}")
    expect(("check ended with" in run.log) == is_judged, f"`check` was {'not ' if is_judged else ''}asked: {run.log}")


@case("github: a job that was red after it had handed something on can be run again")
def run_again(bench: Bench) -> str:
    """A run has each artifact once: what an earlier attempt has handed on must be replaced."""
    return prove_run_again(bench, job_file(bench))


def prove_run_again(bench: Bench, printed: JobFile) -> str:
    """The same for any file."""
    service = Service.of_stand_ins(bench)
    service.wish("fetch", 3)
    service.wish("merge", 1)
    service.wish("check", 1)
    workflow, file = service.start(printed), "retally-starter/measurements.json"
    workflow.run()
    expect(workflow.conclusions("prepare") == {"prepare": FAILURE}, workflow.log())
    workflow.run_failed_again()
    expect(workflow.conclusions("prepare") == {"prepare": SUCCESS}, f"`prepare` stays red:\n{workflow.log()}")
    expect(workflow.conclusions("merge") == {"merge": FAILURE}, workflow.log())
    (workflow.storage.artifacts / file).write_text("of the first attempt", encoding="utf-8")
    workflow.run_failed_again()
    expect(workflow.conclusions("merge") == {"merge": SUCCESS}, f"`merge` stays red:\n{workflow.log()}")
    kept = (workflow.storage.artifacts / file).read_text(encoding="utf-8")
    expect(kept != "of the first attempt", "the run of the first attempt was kept")
    return "prepare after exit code 3, merge after 1"


@case("github: more shards than chunks")
def few_chunks(bench: Bench) -> str:
    """Some shards have nothing to do, and hand on what says so."""
    run = replace(bench.run, limit=128, models=MODELS[:1])
    few = replace(bench, run=run, reference=bench.folder / "few")
    expect_code(run.run(few.reference), DONE)
    return prove_undisturbed(few, job_file(few))


def prove_undisturbed(bench: Bench, file: JobFile) -> str:
    """Nothing happens to any job."""
    workflow = Service(bench, bench.program.binary).start(file)
    workflow.run()
    (merged,) = workflow.runs["merge"]
    expect(merged.conclusion == SUCCESS, workflow.log())
    return bench.expect_same_results(merged.workspace / ".retally/merged", besides=JUDGEMENT)


# What is wrong on purpose.


@case("github, wrong on purpose: one shard that fails stops the others")
def fail_fast(bench: Bench) -> str:
    """The service's default."""
    file = job_file(bench).with_text("      fail-fast: false\n", "")
    return expect_noticed(lambda: prove_disturbed(bench, file), "cancelled")


@case("github, wrong on purpose: what an earlier attempt has handed on is not replaced")
def not_replaced(bench: Bench) -> str:
    """Neither the program nor the run."""
    file = job_file(bench).with_text("          overwrite: true\n", "")
    return expect_noticed(lambda: prove_run_again(bench, file), "`prepare` stays red")


@case("github, wrong on purpose: the merge does not wait")
def no_needs(bench: Bench) -> str:
    """It finds no artifact, or too few."""
    file = job_file(bench).with_text("    needs: shard\n", "    needs: prepare\n")
    return expect_noticed(lambda: prove_disturbed(bench, file), "the merge did not wait")


@case("github, wrong on purpose: another count of shards than the matrix has")
def another_count(bench: Bench) -> str:
    """Chunks are missing in the end."""
    file = job_file(bench).with_text(f'"$SHARD/{SHARDS}"', f'"$SHARD/{SHARDS + 1}"')
    return expect_noticed(lambda: prove_undisturbed(bench, file), "chunks are missing")


@case("github, wrong on purpose: the program may not be executed")
def not_executable(bench: Bench) -> str:
    """An artifact forgets it."""
    file = job_file(bench).with_text("          chmod +x .retally/bin/retally\n", "")
    return expect_noticed(lambda: prove_disturbed(bench, file), "Permission denied")


@case("github, wrong on purpose: hidden files are not handed on")
def hidden_files(bench: Bench) -> str:
    """The program's folder begins with a point."""
    file = job_file(bench).with_text("          include-hidden-files: true\n", "")
    return expect_noticed(lambda: prove_disturbed(bench, file), "no files were found with the path .retally/bin/retally")


@case("github, wrong on purpose: an exit code is dropped")
def dropped_code(bench: Bench) -> str:
    """Once of the shards, once of the merge."""
    file = job_file(bench).with_text('          exit "$code"\n', "")
    first = expect_noticed(lambda: prove_exit_codes(bench, file), "shard (2) ended with [0]")
    clear(bench.folder)
    expect_noticed(lambda: prove_judgement(bench, file), "the merge's step ended with [0], expected [1]")
    return first


@case("github, wrong on purpose: actions, contexts and fields that are not there")
def refused(bench: Bench) -> str:
    """Each by its reason."""
    file, service = job_file(bench), Service.of_stand_ins(bench)
    wrong = [
        ("actions/checkout@", "somebody/checkout@", "somebody/checkout"),
        ("actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "actions/checkout@v7", "pinned"),
        ("${{ github.workspace }}", "${{ runner.temp }}", "runner is not available"),
        ("${{ matrix.shard }}", "${{ fromJSON(matrix.shard) }}", "fromJSON"),
        ("    needs: shard\n", "    needs: shards\n", "circle"),
        ("    needs: shard\n", "    needs: shard\n    container: x\n", "container"),
    ]
    for number, (old, new, reason) in enumerate(wrong):
        expect_noticed(partial(start_and_run, service, file.with_text(old, new), f"run-{number}"), reason)
    return f"{len(wrong)} files"


def start_and_run(service: Service, file: JobFile, name: str) -> None:
    """Some files are refused before anything starts, others where they are read."""
    service.start(file, name).run()


def clear(folder: Path) -> None:
    """An empty folder again."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
