"""Released scorers of MME, POPE, MMVP, MMMU, GenEval and DPG-Bench on random predictions.

None of their code is here: functions are taken from checkouts that you give, and run. Prints one JSON document with inputs and what the released code says of them; the recorded
one stands beside this file. With --retally, larger random files are scored by both sides instead, and the agreement is printed. Usage:

    python benchmarks.py AIA GENEVAL ELLA ULMEVALKIT > benchmarks.json
    python benchmarks.py AIA GENEVAL ELLA ULMEVALKIT --retally ../../target/release/retally

AIA: zhengdian1/AIA at 88aef6b; GENEVAL: djghosh13/geneval at af4902f; ELLA: TencentQQGYLab/ELLA at 3c228f1; ULMEVALKIT: micky-li-hd/ULMEvalKit at 689f459. Each is a work tree or a
git directory.
"""

import argparse
import ast
import collections
import contextlib
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import types

import numpy as np

WORDS = ["yes", "no", "Yes", "No", "not", "NO", "Yes,", "No.", "there", "is", "a", "cat", "No,", " ", ".", ",", "\n", "YES", "nothing", "maybe"]
SUBTASKS = ["existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR",
            "commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning"]
OPTIONS = ["Open", "Closed", "5", "15", "red", "a red car", "$6", "none of these", "1/4", "B", "The cat"]
PIECES = ["the answer is ", "So ", "thus ", "therefore ", "result ", "final ", "could be ", "= ", "x = ", "it is ", "\n", ". ", ".", ",", " ", ": ",
          "1,234", "12", "3.14159", "-2.5e3", ".5", "1e5", "0.125", "2.675", "-7", "1,23", "7,000,000", "5 km", "C", "c", "blue", "Blue Whale", "MgS", "$MgS$", "1/64", "nan", "1_0"]
ANSWERS = ["12", "3.14", "C", "Blue Whale", "MgS", "1/64", "1234", "0.12", "2.67", "-2500", "7000000", "blue", "0.5"]
CLASSES = ["cat", "dog", "car"]
COLORS = ["red", "blue", "green"]


def source(checkout, path):
    git = checkout if os.path.exists(os.path.join(checkout, "HEAD")) else None
    if git:
        return subprocess.run(["git", "--git-dir", git, "show", f"HEAD:{path}"], check=True, capture_output=True, text=True).stdout
    with open(os.path.join(checkout, path)) as file:
        return file.read()


def functions(text, names, space):
    """Defines functions of a file, those of classes too, without running the rest of it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name in names:
            node.decorator_list = []
            exec(compile(ast.Module([node], []), "released", "exec"), space)
    return types.SimpleNamespace(**{name: space[name] for name in names})


def module(text, path="released"):
    space = {"__name__": "released"}
    exec(compile(text, path, "exec"), space)
    return space


def quietly(function, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)


def phrase(rng, pieces, most):
    return "".join(rng.choice(pieces) for _ in range(rng.randint(0, most)))


# MME


def mme_lines(rng, pairs):
    lines = []
    for image in range(pairs):
        for truth in ["Yes", "No"]:
            reply = rng.choice([phrase(rng, WORDS, 3).replace("\n", " "), truth, truth, "Yes", "No"])
            lines.append((f"{image}.jpg", "?", truth, reply))
    return lines


def mme(rng, aia, pairs=3):
    space = module(source(aia, "evaluation/vlm/eval/mme/calculation.py"))
    calculator = space["calculate_metrics"]()
    replies = [phrase(rng, WORDS, 4) for _ in range(150)]
    folder = {name: mme_lines(rng, pairs) for name in SUBTASKS}
    with tempfile.TemporaryDirectory() as path:
        write_mme(path, folder)
        message = quietly(calculator.process_result, path)
    scores = {name: float(score) for name, score in re.findall(r"(\w+) score: (\S+)", message) if name in SUBTASKS}
    totals = [float(total) for total in re.findall(r"total score: (\S+)", message)]
    return {
        "replies": [[reply, calculator.parse_pred_ans(reply.lower())] for reply in replies],
        "folder": folder,
        "scores": scores,
        "totals": totals,
    }


def write_mme(path, folder):
    for name, lines in folder.items():
        with open(os.path.join(path, name + ".txt"), "w") as file:
            file.writelines("\t".join(line) + "\n" for line in lines)


# POPE


def pope(rng, aia, count=40):
    space = module(source(aia, "evaluation/vlm/eval/pope/eval_pope.py"))
    categories = {}
    for name in ["adversarial", "popular", "random"]:
        labels = [rng.choice(["yes", "no"]) for _ in range(count)]
        texts = [rng.choice([phrase(rng, WORDS, 5), label, label]) for label in labels]
        answers = [{"text": text} for text in texts]
        with tempfile.TemporaryDirectory() as path:
            file = write_pope_labels(path, name, labels)
            f1, message = quietly(space["eval_pope"], answers, file)
        values = {key: float(value) for key, value in re.findall(r"(Accuracy|Precision|Recall|Yes ratio): (\S+)", message)}
        said = [answer["text"] for answer in answers]
        categories[name] = {"texts": texts, "said": said, "labels": labels, "f1": f1, **values}
    return {"categories": categories, "mean": float(np.mean([category["f1"] for category in categories.values()]))}


def write_pope_labels(path, name, labels):
    file = os.path.join(path, f"coco_pope_{name}.json")
    with open(file, "w") as output:
        output.writelines(json.dumps({"label": label}) + "\n" for label in labels)
    return file


# MMVP and MMMU


def mmvp(rng, aia, count=150):
    post_process = functions(source(aia, "evaluation/vlm/eval/mmvp/evaluate_mmvp.py"), ["post_process"], {}).post_process
    cases = []
    while len(cases) < count:
        first, second = rng.sample(OPTIONS, 2)
        reply = rng.choice(["A", "B", "a", "(a)", "A. ", "B) ", "", "It is ", "Answer: "]) + rng.choice(["", first, second, first + " " + second, "x"])
        if reply.strip():
            cases.append([reply, f"(a) {first} (b) {second}", post_process(reply, {"A": first, "B": second})])
    return cases


def mmmu(rng, aia, count=200):
    post_process = functions(source(aia, "evaluation/vlm/eval/mmmu/evaluate_mmmu.py"), ["post_process"], {}).post_process
    space = module(source(aia, "evaluation/vlm/eval/mmmu/eval_utils.py"))
    choices, opens = [], []
    for _ in range(count):
        options = rng.sample(OPTIONS, rng.randint(2, 5))
        reply = rng.choice(["A", "C", "Z", "", " ", "E. ", "It is ", "(B) "]) + rng.choice(["", *options, "x"])
        choices.append([reply, options, post_process(reply, dict(zip("ABCDE", options)))])
    for _ in range(2 * count):
        reply, answers = phrase(rng, PIECES, 7), rng.sample(ANSWERS, rng.randint(1, 2))
        parsed = space["parse_open_response"](reply)
        truth = answers[0] if len(answers) == 1 else answers
        opens.append([reply, answers, space["eval_open"](truth, parsed)])
    numbers = [phrase(rng, ["1", "23", "456", "7890", ",", ".", "-", "e", "E", "+", " ", "x", "_", "$"], 9) for _ in range(count)]
    numbers = [[text, space["extract_numbers"](text)] for text in numbers]
    return {"choices": choices, "open": opens, "numbers": numbers}


# GenEval


def random_box(rng):
    x, y = rng.randint(0, 200), rng.randint(0, 200)
    return [float(value) for value in (x, y, x + rng.randint(1, 60), y + rng.randint(1, 60))]


def random_metadata(rng, index):
    tag = rng.choice(["single_object", "two_object", "counting", "colors", "position", "color_attr"])
    first, second = rng.sample(CLASSES, 2)
    include, exclude = [{"class": first, "count": 1}], []
    if tag == "counting":
        count = rng.randint(1, 3)
        include, exclude = [{"class": first, "count": count}], [{"class": first, "count": count + 1}]
    elif tag == "colors":
        include[0]["color"] = rng.choice(COLORS)
    elif tag != "single_object":
        include.append({"class": second, "count": 1})
        if tag == "position":
            include[1]["position"] = [rng.choice(["left of", "right of", "above", "below"]), 0]
        if tag == "color_attr":
            include[0]["color"], include[1]["color"] = rng.sample(COLORS, 2)
    metadata = {"tag": tag, "include": include, "prompt": f"prompt {index}"}
    return {**metadata, "exclude": exclude} if exclude else metadata


def random_detections(rng):
    most = rng.choice([2, 4, 20])
    # Confidences that differ, as order among equal ones is NumPy's own.
    confidences = rng.sample(range(200, 1000), most)
    return [
        {"class": rng.choice(CLASSES), "box": random_box(rng), "confidence": float(np.float32(value / 1000)), "color": rng.choice(COLORS)}
        for value in confidences
    ]


def geneval_space(checkout):
    text = source(checkout, "evaluation/evaluate_images.py")
    space = {"np": np, "json": json, "COLORS": COLORS, "classnames": CLASSES, "THRESHOLD": 0.3, "COUNTING_THRESHOLD": 0.9,
             "MAX_OBJECTS": 16, "NMS_THRESHOLD": 1.0, "POSITION_THRESHOLD": 0.1, "object_detector": None}
    space["Image"] = types.SimpleNamespace(open=lambda path: path)
    space["ImageOps"] = types.SimpleNamespace(exif_transpose=lambda image: image)
    space["inference_detector"] = lambda detector, path: space["found"]
    space["color_classification"] = lambda image, boxes, name: [space["said"][tuple(box.tolist())] for box, _ in boxes]
    functions(text, ["relative_position", "evaluate", "evaluate_image", "compute_iou"], space)
    return space


def geneval_right(space, metadata, detections):
    rows = {name: [[*found["box"], found["confidence"]] for found in detections if found["class"] == name] for name in CLASSES}
    space["found"] = [np.array(rows[name], np.float32).reshape(-1, 5) for name in CLASSES]
    boxes = [np.array([*found["box"], found["confidence"]], np.float32).tolist() for found in detections]
    space["said"] = {tuple(box): found["color"] for box, found in zip(boxes, detections)}
    return bool(space["evaluate_image"]("x.png", metadata)["correct"])


def geneval(rng, checkout, count=120):
    space = geneval_space(checkout)
    prompts = [random_metadata(rng, index) for index in range(count // 3)]
    pictures = []
    for _ in range(count):
        metadata, detections = rng.choice(prompts), random_detections(rng)
        pictures.append({"metadata": metadata, "detections": detections, "right": geneval_right(space, metadata, detections)})
    places = []
    for _ in range(count):
        a, b = random_box(rng), random_box(rng)
        arrays = [(np.array([*box, 1], np.float32), None) for box in (a, b)]
        places.append([a, b, sorted(space["relative_position"](*arrays))])
    return {"pictures": pictures, "places": places, **geneval_summary(pictures)}


def geneval_summary(pictures):
    """What summary_scores.py prints, by its own words: means by tag, mean of those, any by metadata."""
    tags, prompts = collections.OrderedDict(), collections.OrderedDict()
    for picture in pictures:
        tags.setdefault(picture["metadata"]["tag"], []).append(picture["right"])
        prompts.setdefault(json.dumps(picture["metadata"]), []).append(picture["right"])
    by_tag = {tag: float(np.mean(right)) for tag, right in tags.items()}
    return {
        "tags": by_tag,
        "overall": float(np.mean(list(by_tag.values()))),
        "any": float(np.mean([any(right) for right in prompts.values()])),
    }


# DPG-Bench


def random_propositions(rng):
    ids = list(range(1, rng.randint(2, 8)))
    order = ids if rng.random() < 0.5 else rng.sample(ids, len(ids))
    propositions = []
    for index in order:
        parents = rng.choice([[0], [0], rng.sample(ids, rng.randint(1, min(2, len(ids))))])
        category = rng.choice(["entity", "attribute", "relation"])
        propositions.append({"id": index, "parents": parents, "category": category, "answer": rng.choice(["yes", "yes", "yes", "no", "Yes"])})
    return propositions


def dpg(rng, ella, ulmevalkit, count=25):
    prompts = {f"p{index}": random_propositions(rng) for index in range(count)}
    pictures = []
    for prompt, propositions in prompts.items():
        for _ in range(rng.randint(1, 3)):
            answers = [{**proposition, "answer": rng.choice(["yes", "yes", "yes", "no", "Yes"])} for proposition in propositions]
            pictures.append({"prompt": prompt, "propositions": answers})
    return {"pictures": pictures, "ulmevalkit": dpg_ulmevalkit(ulmevalkit, pictures), "ella": [dpg_ella(ella, picture) for picture in pictures]}


def dpg_ulmevalkit(checkout, pictures):
    stored = {}
    lines = []
    for number, picture in enumerate(pictures):
        questions = [
            {"proposition_id": asked["id"], "dependency": asked["parents"], "category_broad": asked["category"], "category_detailed": "all",
             "question_natural_language": f"{number}:{asked['id']}"}
            for asked in picture["propositions"]
        ]
        lines.append({"questions": json.dumps(questions), "prediction": [number]})
    answers = {f"{number}:{asked['id']}": asked["answer"] for number, picture in enumerate(pictures) for asked in picture["propositions"]}

    class Rows(list):
        @property
        def iloc(self):
            return self

        def __getitem__(self, index):
            found = list.__getitem__(self, index)
            return Rows(found) if isinstance(index, slice) else found

    def load(path):
        return stored[path] if path in stored else Rows(lines)

    space = {"get_rank_and_world_size": lambda: (0, 1), "load": load, "dump": lambda data, path: stored.__setitem__(path, data),
             "defaultdict": collections.defaultdict, "json": json,
             "build_judge": lambda **_: types.SimpleNamespace(vqa=lambda image, text: answers[text])}
    evaluate = functions(source(checkout, "ulmeval/dataset/dpgbench.py"), ["evaluate"], space).evaluate
    with tempfile.TemporaryDirectory() as path:
        score = evaluate(None, os.path.join(path, "x.pkl"))
    return {"global": score["global_score"], "categories": score["L1_score"]}


def dpg_ella(checkout, picture):
    asked = picture["propositions"]
    value = {"qid2tuple": {p["id"]: "" for p in asked}, "qid2question": {p["id"]: str(p["id"]) for p in asked}, "qid2dependency": {p["id"]: p["parents"] for p in asked}}
    answers = {str(p["id"]): p["answer"] for p in asked}
    space = {"Image": types.SimpleNamespace(open=lambda path: None), "osp": os.path, "crop_image": lambda image, crop: None, "open": lambda *_: io.StringIO()}
    score = functions(source(checkout, "dpg_bench/compute_dpg_bench.py"), ["compute_dpg_one_sample"], space).compute_dpg_one_sample
    model = types.SimpleNamespace(vqa=lambda image, question: answers[question])
    arguments = types.SimpleNamespace(pic_num=1, res_path="x.txt")
    return score(arguments, {"x": value}, "x.png", model, 8)[0]


# Both sides on larger files


def measured(retally, *arguments):
    finished = subprocess.run([retally, "score", *arguments, "--json"], capture_output=True, text=True, check=True)
    return {found["metric"]: found["value"] for found in json.loads(finished.stdout)["measurements"]}


def compare(name, pairs):
    worst = max((abs(ours - theirs) for ours, theirs in pairs), default=0.0)
    print(f"{name:<10} {len(pairs):>4} numbers, largest difference {worst:.2e}")


def lines(path, records):
    with open(path, "w") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    return path


def agreement(arguments):
    rng, retally = random.Random(2), arguments.retally
    with tempfile.TemporaryDirectory() as path:
        found = mme(rng, arguments.aia, 200)
        write_mme(path, found["folder"])
        ours = measured(retally, "mme", path, "--draws", "0")
        pairs = [(ours[f"MME|{name}|score"], score) for name, score in found["scores"].items()]
        compare("MME", [*pairs, (ours["MME|perception"], found["totals"][0]), (ours["MME|cognition"], found["totals"][1])])
    with tempfile.TemporaryDirectory() as path:
        found = pope(rng, arguments.aia, 3000)
        answers = []
        for name, category in found["categories"].items():
            write_pope_labels(path, name, category["labels"])
            answers += [{"question_id": f"{name}-{index}", "category": name, "text": text} for index, text in enumerate(category["texts"])]
        ours = measured(retally, "pope", "--answers", lines(os.path.join(path, "answers.jsonl"), answers), "--labels", path, "--draws", "0")
        pairs = [(ours["POPE|mean-F1"], 100 * found["mean"])]
        for name, category in found["categories"].items():
            keys = {"accuracy": "Accuracy", "precision": "Precision", "recall": "Recall", "yes-share": "Yes ratio", "F1": "f1"}
            pairs += [(ours[f"POPE|{name}|{key}"], 100 * category[theirs]) for key, theirs in keys.items()]
        compare("POPE", pairs)
    with tempfile.TemporaryDirectory() as path:
        cases = mmvp(rng, arguments.aia, 3000)
        records = [{"answer": reply, "options": options, "gt_answers": rng.choice(["A", "B"]), "data_id": index + 1} for index, (reply, options, _) in enumerate(cases)]
        right = [case[2] == record["gt_answers"] for case, record in zip(cases, records)]
        ours = measured(retally, "mmvp", lines(os.path.join(path, "x.jsonl"), records))
        compare("MMVP", [(ours["MMVP|pairs"], 100 * np.mean([a and b for a, b in zip(right[::2], right[1::2])])), (ours["MMVP|single"], 100 * np.mean(right))])
    with tempfile.TemporaryDirectory() as path:
        cases = mmmu(rng, arguments.aia, 3000)
        records, truths, right = [], {}, []
        for index, (reply, options, chosen) in enumerate(cases["choices"]):
            name, truth = f"validation_Math_{index}", rng.choice("ABCDE")
            records.append({"id": name, "response": reply, "options": options})
            truths[name] = {"question_type": "multiple-choice", "ground_truth": truth}
            right.append(chosen == truth)
        for index, (reply, answers, correct) in enumerate(cases["open"]):
            name = f"validation_Art_Theory_{index}"
            records.append({"id": name, "response": reply})
            truths[name] = {"question_type": "short-answer", "ground_truth": answers}
            right.append(correct)
        with open(os.path.join(path, "answers.json"), "w") as file:
            json.dump(truths, file)
        ours = measured(retally, "mmmu", "--predictions", lines(os.path.join(path, "x.jsonl"), records), "--answers", os.path.join(path, "answers.json"))
        count = len(cases["choices"])
        compare("MMMU", [(ours["MMMU"], 100 * np.mean(right)), (ours["MMMU|Science|Math"], 100 * np.mean(right[:count])),
                         (ours["MMMU|Art and Design|Art_Theory"], 100 * np.mean(right[count:]))])
    with tempfile.TemporaryDirectory() as path:
        found = geneval(rng, arguments.geneval, 3000)
        records = [{"metadata": picture["metadata"], "detections": picture["detections"]} for picture in found["pictures"]]
        ours = measured(retally, "geneval", lines(os.path.join(path, "x.jsonl"), records), "--draws", "0")
        pairs = [(ours["GenEval"], found["overall"]), (ours["GenEval|prompts"], 100 * found["any"])]
        compare("GenEval", pairs + [(ours[f"GenEval|{tag}"], value) for tag, value in found["tags"].items()])
    with tempfile.TemporaryDirectory() as path:
        found = dpg(rng, arguments.ella, arguments.ulmevalkit, 1000)
        file = lines(os.path.join(path, "x.jsonl"), found["pictures"])
        ours = measured(retally, "dpg", file, "--draws", "0")
        pairs = [(ours["DPG|pooled"], 100 * found["ulmevalkit"]["global"])]
        pairs += [(ours[f"DPG|{name}"], 100 * value) for name, value in found["ulmevalkit"]["categories"].items()]
        prompts = collections.OrderedDict()
        for picture, score in zip(found["pictures"], found["ella"]):
            prompts.setdefault(picture["prompt"], []).append(score)
        ours = measured(retally, "dpg", file, "--parents", "all", "--draws", "0")
        compare("DPG", [*pairs, (ours["DPG|per-prompt"], 100 * np.mean([np.mean(scores) for scores in prompts.values()]))])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ["aia", "geneval", "ella", "ulmevalkit"]:
        parser.add_argument(name)
    parser.add_argument("--retally")
    arguments = parser.parse_args()
    if arguments.retally:
        return agreement(arguments)
    rng = random.Random(1)
    document = {
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__},
        "mme": mme(rng, arguments.aia),
        "pope": pope(rng, arguments.aia),
        "mmvp": mmvp(rng, arguments.aia),
        "mmmu": mmmu(rng, arguments.aia),
        "geneval": geneval(rng, arguments.geneval),
        "dpg": dpg(rng, arguments.ella, arguments.ulmevalkit),
    }
    json.dump(document, sys.stdout)
    print()


if __name__ == "__main__":
    main()
