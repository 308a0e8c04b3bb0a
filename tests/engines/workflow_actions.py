"""The actions that a printed workflow uses, with folders of this machine for GitHub's storage.

After the README files of actions/checkout 7, actions/cache 5 (`restore`, `save`), actions/upload-artifact 7 and
actions/download-artifact 8, and the page Store and share data with workflow artifacts. An artifact forgets who may execute a file, and
takes no name that Windows forbids.
"""

from __future__ import annotations

import fnmatch
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from case import Failed
from fields import needed, only

FORBIDDEN_IN_PATHS = re.compile(r'[":<>|*?\r\n]')
WILDCARDS = re.compile(r"[*?\[\]]")


class StepFailed(Exception):
    """The action ends its step in red."""


@dataclass
class Storage:
    """What outlives a job: the repository, caches by key, artifacts by name."""

    repository: Path
    caches: Path
    artifacts: Path
    said: list[str] = field(default_factory=list)


Inputs = Mapping[str, str]
Outputs = dict[str, str]


def checkout(storage: Storage, workspace: Path, inputs: Inputs) -> Outputs:
    """The repository's files in the workspace."""
    only(dict(inputs), (), ("persist-credentials",), where="checkout")
    shutil.copytree(storage.repository, workspace, dirs_exist_ok=True)
    return {}


def restore_cache(storage: Storage, workspace: Path, inputs: Inputs) -> Outputs:
    """What was kept under exactly this key; nothing is no failure."""
    only(dict(inputs), ("path", "key"), where="cache/restore")
    kept = storage.caches / file_name(inputs["key"])
    if not kept.exists():
        storage.said.append(f"cache miss: {inputs['key']}")
        return {}
    storage.said.append(f"cache hit: {inputs['key']}")
    shutil.copytree(kept, inside(workspace, inputs["path"]), dirs_exist_ok=True)
    return {"cache-hit": "true"}


def save_cache(storage: Storage, workspace: Path, inputs: Inputs) -> Outputs:
    """Keeps a folder under a key; a key that is there stays as it is."""
    only(dict(inputs), ("path", "key"), where="cache/save")
    kept, folder = storage.caches / file_name(inputs["key"]), inside(workspace, inputs["path"])
    if not kept.exists() and folder.exists():
        shutil.copytree(folder, kept)
        storage.said.append(f"cache saved: {inputs['key']}")
    return {}


def upload_artifact(storage: Storage, workspace: Path, inputs: Inputs) -> Outputs:
    """Files in one archive, named from the folder that was given."""
    emulated = ("name", "path", "include-hidden-files", "if-no-files-found", "overwrite")
    only(dict(inputs), emulated, ("retention-days",), where="upload-artifact")
    name = needed(dict(inputs), "name", where="upload-artifact")
    if re.search(r'[":<>|*?\r\n\\/]', name):
        raise StepFailed(f"the artifact's name {name} has a letter that none may have")
    root, files = found_files(workspace, inputs["path"], inputs.get("include-hidden-files") == "true")
    if not files:
        if inputs.get("if-no-files-found", "warn") == "error":
            raise StepFailed(f"no files were found with the path {inputs['path']}")
        return {}
    place = storage.artifacts / name
    if place.exists() and inputs.get("overwrite") != "true":
        raise StepFailed(f"there is an artifact {name} already")
    shutil.rmtree(place, ignore_errors=True)
    for file in files:
        relative = file.relative_to(root)
        if FORBIDDEN_IN_PATHS.search(str(relative)):
            raise StepFailed(f"the path {relative} has a letter that no artifact may have")
        target = place / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return {}


def found_files(workspace: Path, patterns: str, hidden: bool) -> tuple[Path, list[Path]]:
    """The files that are meant, and the folder from which they are named."""
    lines = [line.strip() for line in patterns.splitlines() if line.strip()]
    wanted = [inside(workspace, line) for line in lines if not line.startswith("!")]
    excluded = [inside(workspace, line[1:]) for line in lines if line.startswith("!")]
    if len(wanted) != 1 or any(WILDCARDS.search(line) for line in lines):
        raise Failed(f"paths of an artifact that this runner does not emulate: {patterns}")
    # A folder names its files from itself, a file from its folder.
    root = wanted[0] if wanted[0].is_dir() else wanted[0].parent
    candidates = [wanted[0], *wanted[0].rglob("*")] if wanted[0].exists() else []
    files = [path for path in candidates if path.is_file() and not any(path.is_relative_to(one) for one in excluded)]
    if not hidden:
        # The folders above count too: nothing below a hidden folder is taken.
        files = [path for path in files if not any(part.startswith(".") for part in path.relative_to(workspace).parts)]
    return root, files


def download_artifact(storage: Storage, workspace: Path, inputs: Inputs) -> Outputs:
    """One artifact by its name, into the folder; or those that a pattern fits, each into a folder of its name."""
    only(dict(inputs), ("name", "pattern", "path"), where="download-artifact")
    target = inside(workspace, inputs["path"])
    if "name" in inputs:
        place = storage.artifacts / inputs["name"]
        if not place.exists():
            raise StepFailed(f"there is no artifact {inputs['name']}")
        shutil.copytree(place, target, dirs_exist_ok=True)
        return {}
    pattern = needed(dict(inputs), "pattern", where="download-artifact")
    target.mkdir(parents=True, exist_ok=True)
    found = sorted(place for place in storage.artifacts.iterdir() if fnmatch.fnmatchcase(place.name, pattern))
    for place in found:
        # A single artifact may come without a folder of its name; a matrix has two or more.
        shutil.copytree(place, target / place.name, dirs_exist_ok=True)
    return {}


ACTIONS = {
    "actions/checkout": checkout,
    "actions/cache/restore": restore_cache,
    "actions/cache/save": save_cache,
    "actions/upload-artifact": upload_artifact,
    "actions/download-artifact": download_artifact,
}


def action(uses: str) -> str:
    """The action that a step uses; it must be known and pinned."""
    name, _, version = uses.partition("@")
    if name not in ACTIONS:
        raise Failed(f"an action that this runner does not emulate: {uses}")
    if not re.fullmatch(r"[0-9a-f]{40}", version):
        raise Failed(f"an action that is not pinned by a commit: {uses}")
    return name


def inside(workspace: Path, word: str) -> Path:
    """A path of the workspace."""
    path = workspace / word
    if not path.resolve().is_relative_to(workspace.resolve()):
        raise Failed(f"a path outside the workspace: {word}")
    return path


def file_name(key: str) -> str:
    """A key as a name."""
    return re.sub(r"[^\w.-]", "_", key)
