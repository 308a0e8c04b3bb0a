#!/usr/bin/env python3
"""Runs the released scorer of Uni-MMMU on instances and answers that retally made.

    retally instances uni-mmmu --seed 0 --count 20 --task maze --task sliding --task jigsaw --out WORK/data
    retally instances answers WORK/data --oracle WORK/outputs/planted --corrupt 0.1 --seed 1
    tests/parity/instances_official.py CHECKOUT WORK planted > instances_official.json

CHECKOUT is a clone of Vchitect/Uni-MMMU; nothing of it is in this repository. Its evaluators of mazes, sliding puzzles and jigsaw
texts run as they are; judges, perceptual distance and whatever only they need are replaced by empty modules. Prints, as JSON, what the
script says and what `answers.json` expects of each programmatic column; exit code 1 if a difference is above 1e-9.

Needs numpy, pandas, pillow, tqdm.
"""

import contextlib
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import platform
import sys
import types
from pathlib import Path

import numpy
import PIL


class Anything(types.ModuleType):
    """A module in which every name is there and nothing works."""

    __spec__ = importlib.machinery.ModuleSpec("anything", None)

    def __getattr__(self, name):
        # Classes whose objects may also stand before a function as decorators.
        return type(name, (), {"__call__": lambda self, function: function})


def load(checkout: Path):
    """The released script as a module, without the libraries of its judges."""
    for name in ("torch", "transformers", "qwen_vl_utils", "dreamsim", "cairosvg"):
        sys.modules[name] = Anything(name)
    spec = importlib.util.spec_from_file_location("eval_ummmu", checkout / "eval_ummmu.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["eval_ummmu"] = module
    spec.loader.exec_module(module)
    return module


def mean(rows, key):
    return 100.0 * sum(float(row[key]) for row in rows) / len(rows)


def puzzle_columns(evaluator, prefix):
    evaluator.evaluate()
    rows = evaluator.results
    return {
        f"{prefix}-I|step": mean(rows, "img_frame_acc"),
        f"{prefix}-I|sample": mean(rows, "img_exact"),
        f"{prefix}-T|step": mean(rows, "text_frame_acc"),
        f"{prefix}-T|sample": mean(rows, "text_exact"),
    }


def main():
    checkout, work, model = Path(sys.argv[1]).resolve(), Path(sys.argv[2]), sys.argv[3]
    script = load(checkout)
    os.chdir(work)
    configs = script.Configurations(model_name=model, max_items_per_task=None)
    outputs = Path("outputs") / model
    columns = {}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for task, name, prefix in (
            ("maze", "MazeEvaluator", "Maze"),
            ("sliding", "SlidingPuzzleEvaluator", "Sliding"),
        ):
            config = dict(configs.maze if task == "maze" else configs.sliding_puzzle)
            config.update(run_root=str(outputs / task), out_root=f"eval/{model}/{task}")
            columns.update(puzzle_columns(getattr(script, name)(config), prefix))
    answers = json.loads((outputs / "answers.json").read_text())
    metadata = json.loads(Path("data/jigsaw_dataset_2x2ref/metadata.json").read_text())
    jigsaw = script.JigsawEvaluator.__new__(script.JigsawEvaluator)
    right = 0
    for item in metadata["items"]:
        choice, _ = jigsaw._parse_choice_from_text(outputs / "jigsaw" / item["id"] / "model_text.txt")
        right += choice == item["label"]
    columns["Jigsaw-T"] = 100.0 * right / len(metadata["items"])
    rows = [
        {"column": row["column"], "n": row["n"], "script": columns[row["column"]], "expected": row["percent"]}
        for row in answers["expected"]
        if row["directions"] != "tile"
    ]
    worst = max(abs(row["script"] - row["expected"]) for row in rows)
    record = {
        "script_sha256": hashlib.sha256((checkout / "eval_ummmu.py").read_bytes()).hexdigest(),
        "versions": {
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "pillow": PIL.__version__,
        },
        "answers": answers["identity"],
        "columns": rows,
        "largest_difference": worst,
    }
    print(json.dumps(record, indent=2))
    sys.exit(worst > 1e-9)


if __name__ == "__main__":
    main()
