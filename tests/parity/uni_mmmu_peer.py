"""Runs the released scorer of Uni-MMMU beside retally on the same pictures.

For comparison only: the script is read from a checkout that the user names and is no part of this repository. Its two parsers are
static functions that need Pillow and NumPy alone; packages that its other parts import (torch, transformers, pandas …) are replaced by
empty modules where they are missing.

    git clone https://github.com/Vchitect/Uni-MMMU /tmp/uni-mmmu && git -C /tmp/uni-mmmu checkout b5200b2
    python tests/parity/uni_mmmu_peer.py /tmp/uni-mmmu/eval_ummmu.py target/release/retally [--count 400] [--seed 0]
        prints how many grids and how many scores of whole folders agree, and the ratio of speeds on 149 mazes with 870 frames of
        540 px
    python tests/parity/uni_mmmu_peer.py /tmp/uni-mmmu/eval_ummmu.py --record > tests/parity/uni_mmmu_peer.json
        writes the grids of the pictures that harness/src/unified/tests/recorded.rs draws again
"""

import argparse
import importlib.util
import json
import math
import random
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
FLOOR, WALL, START, GOAL, PATH = (
    (0xF4, 0xEF, 0xE6), (0x1F, 0x29, 0x37), (0x25, 0x63, 0xEB), (0x22, 0xC5, 0x5E), (0xEF, 0x44, 0x44),
)
SET1 = [
    (0xE4, 0x1A, 0x1C), (0x37, 0x7E, 0xB8), (0x4D, 0xAF, 0x4A), (0x98, 0x4E, 0xA3), (0xFF, 0x7F, 0x00),
    (0xFF, 0xFF, 0x33), (0xA6, 0x56, 0x28), (0xF7, 0x81, 0xBF), (0x99, 0x99, 0x99),
]
MAZE = "######/#.#.../#.###./#G..#./#.###./#S....".split("/")
MAZE_PARAMETERS = dict(grid_h=6, grid_w=6, tolerance=0.75, sg_factor=0.5)
SLIDING_PARAMETERS = dict(grid_h=3, grid_w=3, num_categories=9, tolerance=0.80)


class Anything(types.ModuleType):
    """A module that has every name; what it is called with does nothing, also as a decorator."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: lambda function: function


def load(path):
    for name in ("pandas", "tqdm", "torch", "transformers", "qwen_vl_utils", "dreamsim", "cairosvg", "IPython", "IPython.display",
                 "matplotlib", "matplotlib.pyplot"):
        try:
            found = importlib.util.find_spec(name) is not None
        except (ImportError, ValueError):
            found = False
        if not found or name in ("torch", "transformers"):
            sys.modules[name] = Anything(name)
    sys.modules["tqdm"] = types.ModuleType("tqdm")
    sys.modules["tqdm"].tqdm = lambda items, **_: items
    spec = importlib.util.spec_from_file_location("released", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["released"] = module
    spec.loader.exec_module(module)
    return module


def maze_text(released, path):
    rows = released.parse_maze_image(str(path), **MAZE_PARAMETERS)["grid"]
    return "/".join("".join("." if cell == " " else cell for cell in row) for row in rows)


def sliding_text(released, path):
    return " / ".join(" ".join(row) for row in released.parse_sliding_puzzle_image(str(path), **SLIDING_PARAMETERS)["grid"])


def half_up(value):
    return math.floor(value + 0.5)


def canvas(width, height, colour):
    return np.full((height, width, 3), colour, dtype=np.uint8)


def maze(rows=MAZE, cell=86, margin=12, agent=0.5, frame=0.25, wall=WALL, floor=FLOOR):
    side = 6 * cell + 2 * margin
    picture = canvas(side, side, WHITE)
    for row, line in enumerate(rows):
        for column, letter in enumerate(line):
            top, left = margin + row * cell, margin + column * cell
            tile = picture[top : top + cell, left : left + cell]
            tile[:] = wall if letter == "#" else floor
            if letter in "G@":
                thick = half_up(frame * cell)
                inner = tile[thick : cell - thick, thick : cell - thick].copy()
                tile[:] = GOAL
                tile[thick : cell - thick, thick : cell - thick] = inner
            if letter in "S@":
                size = half_up(agent * cell)
                start = (cell - size) // 2
                tile[start : start + size, start : start + size] = START
    return picture


def sliding(numbers=(2, 3, 4, 5, 6, 7, 8, 9, 1), cell=160, margin=15, tile=1.0):
    side = 3 * cell + 2 * margin
    picture = canvas(side, side, WHITE)
    width = half_up(tile * cell)
    gap = (cell - width) // 2
    for index, number in enumerate(numbers):
        left, top = margin + index % 3 * cell + gap, margin + index // 3 * cell + gap
        picture[top : top + width, left : left + width] = SET1[number - 1]
    return picture


def paste(onto, picture, left, top):
    onto[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return onto


def noise(width, height, seed):
    """A linear congruential generator, so that another language draws the same."""
    values, state = [], seed
    for _ in range(3 * width * height):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state >> 24)
    return np.array(values, dtype=np.uint8).reshape(height, width, 3)


def recorded():
    board = maze()
    wide_puzzle = canvas(400, 90, SET1[0])
    wide_puzzle[10:90, 100:180] = SET1[1]
    puzzle = sliding(cell=53, margin=9, tile=0.9)
    return {
        "maze": board,
        "maze-small-agent": maze(cell=50, margin=7, agent=0.30),
        "maze-thin-goal": maze(cell=50, margin=7, frame=0.07),
        "maze-wide": paste(canvas(1080, 540, WHITE), board, 301, 0),
        "maze-tall": paste(canvas(541, 900, WHITE), board, 1, 222),
        "maze-on-black": paste(canvas(700, 330, BLACK), maze(cell=50, margin=7), 111, 9),
        "noise": noise(97, 61, 1),
        "noise-tall": noise(31, 90, 2),
        "red-wide": wide_puzzle,
        "puzzle": puzzle,
        "puzzle-tall": paste(canvas(200, 333, WHITE), puzzle, 11, 77),
    }


def random_rows(draw):
    rows = [["#" if not row or not column or draw.random() < 0.4 else "." for column in range(6)] for row in range(6)]
    for letter in "SG" if draw.random() < 0.9 else "@":
        rows[draw.randrange(6)][draw.randrange(6)] = letter
    return ["".join(row) for row in rows]


def nearby(draw, colour, amount):
    return tuple(min(255, max(0, value + draw.randint(-amount, amount))) for value in colour)


def random_picture(draw):
    """Mazes, puzzles and neither, on canvases of any shape, resized, noisy, recoloured, with specks."""
    kind = draw.randrange(10)
    if kind < 5:
        amount = draw.choice([0, 0, 10, 60, 120])
        picture = maze(
            random_rows(draw), draw.randint(3, 60), draw.randint(0, 40), draw.uniform(0.2, 0.6), draw.uniform(0.04, 0.5),
            nearby(draw, WALL, amount), nearby(draw, FLOOR, amount),
        )
    elif kind < 9:
        numbers = [draw.randint(1, 9) for _ in range(9)] if draw.random() < 0.3 else draw.sample(range(1, 10), 9)
        picture = sliding(numbers, draw.randint(3, 100), draw.randint(0, 60), draw.uniform(0.8, 1.0))
    else:
        picture = noise(draw.randint(1, 90), draw.randint(1, 90), draw.randrange(2**32))
    height, width = picture.shape[:2]
    if draw.random() < 0.6:
        background = draw.choice([WHITE, WHITE, BLACK, FLOOR, SET1[draw.randrange(9)], nearby(draw, WHITE, 40)])
        onto = canvas(width + draw.randint(0, 2 * width), height + draw.randint(0, 2 * height) * draw.randint(0, 1), background)
        picture = paste(onto, picture, draw.randint(0, onto.shape[1] - width), draw.randint(0, onto.shape[0] - height))
    if draw.random() < 0.3:
        size = (draw.randint(1, 400), draw.randint(1, 400))
        how = draw.choice([Image.BICUBIC, Image.LANCZOS, Image.NEAREST, Image.BILINEAR])
        picture = np.asarray(Image.fromarray(picture).resize(size, how)).copy()
    if draw.random() < 0.3:
        spread = draw.choice([2, 10, 40, 90])
        generator = np.random.default_rng(draw.randrange(2**32))
        picture = np.clip(picture + generator.normal(0, spread, picture.shape), 0, 255).astype(np.uint8)
    for _ in range(draw.choice([0, 0, 1, 3])):
        height, width = picture.shape[:2]
        top, left = draw.randrange(height), draw.randrange(width)
        colour = tuple(draw.randrange(256) for _ in range(3))
        picture[top : top + draw.randint(1, 30), left : left + draw.randint(1, 30)] = colour
    return picture


def save(picture, path, draw):
    """RGB mostly; sometimes grey, with transparency, with a palette, or as JPEG."""
    image = Image.fromarray(picture)
    choice = draw.randrange(12)
    if choice == 0:
        image = image.convert("L")
    elif choice == 1:
        image.putalpha(Image.fromarray(np.full(picture.shape[:2], draw.randrange(256), dtype=np.uint8)))
    elif choice == 2:
        image = image.quantize(64)
    elif choice == 3:
        path = path.with_suffix(".jpg")
        image.save(path, quality=draw.randint(20, 95))
        return path
    image.save(path)
    return path


def ask(retally, folder, lines):
    """The parsed frames of each case, by retally."""
    answers = folder / "answers.jsonl"
    answers.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = folder / "cases.jsonl"
    started = time.perf_counter()
    command = [retally, "score", "uni-mmmu", str(answers), "--protocol", "official", "--task", "maze", "--task", "sliding"]
    done = subprocess.run(command + ["--cases", str(found), "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"retally failed: {done.stdout}{done.stderr}")
    seconds = time.perf_counter() - started
    cases = [json.loads(line) for line in found.read_text().splitlines()]
    return {(case["task"], case["case"]): case["details"]["frames"] for case in cases}, seconds


def line(task, name, initial, frames):
    truth = dict(initial=str(initial), moves=["up"])
    if task == "sliding":
        truth["frames"] = []
    return dict(task=task, id=name, texts=[""], images=[[str(frame) for frame in frames]], ground_truth=truth)


def compare(released, retally, count, seed):
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        initial = folder / "initial.png"
        Image.fromarray(maze()).save(initial)
        paths = [save(random_picture(draw), folder / f"{index}.png", draw) for index in range(count)]
        lines = [line(task, "all", initial, paths) for task in ("maze", "sliding")]
        found, _ = ask(retally, folder, lines)
        for task, text in (("maze", maze_text), ("sliding", sliding_text)):
            expected = [text(released, path) for path in paths]
            pairs = list(zip(expected, found[task, "all"], paths))
            different = [pair for pair in pairs if pair[0] != pair[1]]
            readings = len(set(expected))
            print(f"{task}: {len(pairs) - len(different)} of {len(pairs)} grids agree ({readings} different ones)")
            for expected, ours, path in different[:5]:
                print(f"  {path.name}: released {expected}, retally {ours}")


WORDS = ["up", "down", "left", "right", "UP ", "wait", 1, True, None, 1.0, ["up"]]


def random_text(draw, moves):
    """Right, nearly right, malformed, without a tag, with several."""
    answer = list(moves)
    if draw.random() < 0.5 and answer:
        answer[draw.randrange(len(answer))] = draw.choice(WORDS)
    if draw.random() < 0.2:
        answer.append(draw.choice(WORDS))
    text = json.dumps(answer)
    text = draw.choice([text] * 8 + [text[:-1], text.replace('"', "'"), "[NaN]", f" {text}\n", f"{text} x"])
    tagged = f"<ANSWER_JSON>{text}</ANSWER_JSON>"
    others = ["", "no tag", f"<answer_json>{text}</Answer_Json>", tagged + "<ANSWER_JSON>[1,]</ANSWER_JSON>", "<ANSWER_JSON>[" + tagged]
    return draw.choice([tagged] * 5 + others)


def random_candidates(draw, case, moves, frames):
    texts = [random_text(draw, moves) for _ in range(draw.choice([1, 1, 1, 2, 3]))]
    if draw.random() < 0.9:
        (case / "model_text.txt").write_text("\n\n\n-----\n\n\n".join(texts))
    for number in range(1, 1 + draw.choice([0, 1, 1, 1, 2])):
        folder = case / f"cand_{number + draw.randrange(2):02}"
        folder.mkdir(exist_ok=True)
        chosen = list(frames)
        change = draw.randrange(6)
        if change == 0 and chosen:
            chosen.pop(draw.randrange(len(chosen)))
        elif change == 1 and chosen:
            chosen.append(chosen[-1])
        elif change == 2:
            draw.shuffle(chosen)
        elif change == 3 and chosen:
            chosen[draw.randrange(len(chosen))] = random_picture(draw)
        for index, picture in enumerate(chosen):
            Image.fromarray(picture).save(folder / f"model_image_{index:02}.png")


def maze_case(draw, root, number):
    """One maze of the official folders; moves may be illegal, files may be missing."""
    rows = random_rows(draw)
    name = f"maze_6x6_{number:05}"
    steps = root / "data/maze" / f"{name}_steps"
    steps.mkdir(parents=True)
    Image.fromarray(maze(rows, 30, 6)).save(steps / "maze_step_0000.png")
    moves = [draw.choice(["up", "down", "left", "right", "Up"]) for _ in range(draw.randint(0, 6))]
    if draw.random() < 0.9:
        (root / "data/maze" / f"maze_6x6_steps_{number:05}.json").write_text(json.dumps(dict(steps_long=moves)))
    case = root / "outputs/maze" / f"case_{number:05}"
    case.mkdir(parents=True)
    record = draw.choice([dict(step0=str(steps / "maze_step_0000.png"))] * 9 + [{}])
    (case / "result.json").write_text(json.dumps(record))
    cells = [list(row) for row in rows]
    find = lambda letters: next(((r, c) for r in range(6) for c in range(6) if cells[r][c] in letters), None)
    agent, goal = find("S@"), find("G@")
    frames = []
    for move in moves:
        if agent:
            step = dict(up=(-1, 0), down=(1, 0), left=(0, -1), right=(0, 1))[move.lower()]
            to = agent[0] + step[0], agent[1] + step[1]
            if all(0 <= at < 6 for at in to) and cells[to[0]][to[1]] != "#":
                agent = to
        shown = [["#" if cell == "#" else "." for cell in row] for row in cells]
        if goal:
            shown[goal[0]][goal[1]] = "G"
        if agent:
            shown[agent[0]][agent[1]] = "@" if agent == goal else "S"
        frames.append(maze(["".join(row) for row in shown], 30, 6))
    random_candidates(draw, case, moves, frames)


def sliding_case(draw, root, number):
    """One sliding puzzle of the official folders."""
    name = f"demo_3x3_{number:05}"
    steps = root / "data/sliding" / f"{name}_steps"
    steps.mkdir(parents=True)
    board, moves, frames = [2, 3, 4, 5, 6, 7, 8, 9, 1], [], []
    pictures = [sliding(board, 30, 6)]
    for _ in range(draw.randint(0, 5)):
        empty = board.index(1)
        ways = dict(up=-3, down=3, left=-1, right=1)
        ways = {w: d for w, d in ways.items() if 0 <= empty + d < 9 and (abs(d) == 3 or empty // 3 == (empty + d) // 3)}
        word = draw.choice(list(ways))
        board[empty], board[empty + ways[word]] = board[empty + ways[word]], 1
        moves.append(draw.choice([word] * 9 + [word.upper(), 1]))
        pictures.append(sliding(board, 30, 6))
    for index, picture in enumerate(pictures):
        if index == 0 or draw.random() < 0.95:
            Image.fromarray(picture).save(steps / f"demo_step_{index:04}.png")
    frames = pictures[1:]
    if draw.random() < 0.9:
        (root / "data/sliding" / f"demo_3x3_steps_words_{number:05}.json").write_text(json.dumps(dict(steps_words=moves)))
    case = root / "outputs/sliding" / f"case_{name}_steps"
    case.mkdir(parents=True)
    (case / "result.json").write_text(json.dumps(dict(init_png=str(steps / "demo_step_0000.png"))))
    random_candidates(draw, case, moves, frames)


SCORES = dict(
    maze={
        "text_exact": "Maze-T|sample", "text_frame_acc": "Maze-T|step", "img_exact": "Maze-I|sample", "img_frame_acc": "Maze-I|step",
        "parse_frame_success": "Maze-I well-formed|step", "parse_all_ok": "Maze-I well-formed|sample",
    },
    sliding={
        "text_exact": "Sliding-T|sample", "text_frame_acc": "Sliding-T|step",
        "img_exact": "Sliding-I|sample", "img_frame_acc": "Sliding-I|step",
    },
)


def compare_folders(module, retally, count, seed):
    """Scores of every candidate of random folders, by the released evaluators and by retally."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number in range(1, count + 1):
            maze_case(draw, root, number)
            sliding_case(draw, root, number)
        found = root / "cases.jsonl"
        command = [retally, "score", "uni-mmmu", str(root / "outputs"), "--data", str(root / "data"), "--protocol", "official"]
        command += ["--task", "maze", "--task", "sliding", "--cases", str(found), "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"retally failed: {done.stdout}{done.stderr}")
        cases = [json.loads(line) for line in found.read_text().splitlines()]
        ours = {(case["task"], case["case"], case["candidate"]): case["values"] for case in cases}
        evaluators = dict(maze=(module.MazeEvaluator, MAZE_PARAMETERS), sliding=(module.SlidingPuzzleEvaluator, SLIDING_PARAMETERS))
        for task, (evaluator, parameters) in evaluators.items():
            run = evaluator(dict(
                run_root=str(root / "outputs" / task), out_root=str(root / "eval" / task), evaluate_images=True, parser_params=parameters,
            ))
            run.evaluate()
            theirs = {(task, record["case_id"], record["cand_idx"]): record for record in run.results}
            same_candidates = set(theirs) == {key for key in ours if key[0] == task}
            values = [
                (key, name, float(record[name]), ours.get(key, {}).get(column))
                for key, record in theirs.items() for name, column in SCORES[task].items()
            ]
            different = [value for value in values if value[2] != value[3]]
            print(f"{task} folders: {len(values) - len(different)} of {len(values)} values agree, {len(theirs)} candidates of {count} cases, "
                  f"the same candidates: {same_candidates}, mean frame score {np.mean([r['img_frame_acc'] for r in theirs.values()]):.2f}")
            for value in different[:5]:
                print("  ", value)


def speed(released, retally):
    """149 mazes with 870 frames of 540 px, and their first pictures."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        lines, paths = [], []
        for case in range(149):
            frames = []
            for index in range(1 + (case + 1) * 870 // 149 - case * 870 // 149):
                path = folder / f"{case}-{index}.png"
                rows = [list(row) for row in MAZE]
                rows[5][1], rows[5][1 + (case + index) % 5] = ".", "S"
                Image.fromarray(maze(["".join(row) for row in rows])).save(path)
                frames.append(path)
            paths += frames
            lines.append(line("maze", str(case), frames[0], frames[1:]))
        _, ours = ask(retally, folder, lines)
        started = time.perf_counter()
        for path in paths:
            released.parse_maze_image(str(path), **MAZE_PARAMETERS)
        theirs = time.perf_counter() - started
        print(f"149 mazes, {len(paths) - 149} frames and 149 first pictures of 540 px: released {theirs:.1f} s (one process), "
              f"retally {ours:.2f} s (whole command, all cores), ratio {theirs / ours:.0f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("script")
    parser.add_argument("retally", nargs="?")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    module = load(arguments.script)
    released = module.UtilityHelpers
    if not arguments.record:
        if not arguments.retally:
            parser.error("the path of retally is needed, or --record")
        compare(released, arguments.retally, arguments.count, arguments.seed)
        compare_folders(module, arguments.retally, max(1, arguments.count // 4), arguments.seed)
        speed(released, arguments.retally)
        return
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, picture in recorded().items():
            path = Path(folder) / "picture.png"
            Image.fromarray(picture).save(path)
            found[name] = dict(maze=maze_text(released, path), sliding=sliding_text(released, path))
    versions = dict(released="Vchitect/Uni-MMMU at b5200b2", numpy=np.__version__, pillow=PIL.__version__)
    print(json.dumps(dict(versions=versions, recorded=found), indent=1))


main()
