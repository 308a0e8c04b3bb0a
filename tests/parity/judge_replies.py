"""What Python makes of judges' replies under the rules of Uni-MMMU's released script, on replies put together at random.

Written from the description of the rules (docs/judges.md), with Python's own json, int, bool and float; writes judge_replies.json
beside it. Needs the standard library only.
"""

import json
import pathlib
import platform
import random
import re

FRAGMENTS = [
    "{", "}", "{AB}", "\\frac{1}{2}", '"', '\\"', "\\", " ", "\n", "```json\n", "```", "<think>", "</think>", "so ", "{}", "[1]",
    '{"a": "}"}', '{"a": {"b": "\\""}} ',
]
VALUES = [
    "0", "1", "2", "-1", "1.9", "0.5", "true", "false", "null", '"0"', '"1"', '" 1 "', '"1.0"', '"yes"', '""', "[]", "[0]", "{}", "NaN",
    "1e400", '"3"', "4", "5", '"match"', '"partial"', "00", "1e0",
]
MEMBERS = [
    "overlay_ok", "reasoning_rigorous", "conclusion_correct", "text_ok", "reasoning_correct", "result_correct", "image_correct",
    "shape_color_accuracy", "position_accuracy", "verdict", "text_semantic_match",
]
# A quote that no backslash guards, or a brace; a backslash guards the character behind it.
TOKEN = re.compile(r'\\.|\\$|["{}]', re.DOTALL)


def balanced(text):
    start = text.find("{")
    if start < 0:
        return None
    depth, quoted = 0, False
    for token in TOKEN.finditer(text, start):
        kind = token.group()
        # Outside a string a guarded brace is a brace all the same.
        if len(kind) == 2 and not quoted and kind[1] in "{}":
            kind = kind[1]
        if kind == '"':
            quoted = not quoted
        elif kind == "{" and not quoted:
            depth += 1
        elif kind == "}" and not quoted:
            depth -= 1
            if depth == 0:
                return text[start : token.end()]
    return None


def members(reply):
    found = balanced(reply)
    try:
        return json.loads(found) if found else {}
    except ValueError:
        return {}


def attempt(judge):
    try:
        return judge()
    except (TypeError, ValueError, OverflowError):
        return None


def is_one(value):
    return int(value) == 1


def number(value):
    value = float(value)
    return value if value == value and abs(value) != float("inf") else str(value)


def judgements(reply):
    got = members(reply)
    return {
        "object": balanced(reply),
        "overlay": attempt(lambda: is_one(got.get("overlay_ok", 0))),
        "solution": attempt(
            lambda: [is_one(got.get(name, 0)) for name in ("reasoning_rigorous", "conclusion_correct", "text_ok")][-1]
        ),
        "explanation": [bool(got.get("reasoning_correct")), bool(got.get("result_correct"))],
        "state": bool(got.get("image_correct")),
        "drawing": attempt(lambda: [number(got.get(name, 0)) for name in ("shape_color_accuracy", "position_accuracy")]),
        "description": bool(got.get("text_semantic_match")),
    }


def reply(generator):
    parts = []
    for _ in range(generator.randrange(4)):
        parts.append(generator.choice(FRAGMENTS))
    chosen = generator.sample(MEMBERS, generator.randrange(1, len(MEMBERS)))
    body = ", ".join(f'"{name}": {generator.choice(VALUES)}' for name in chosen)
    parts.append("{" + body + ("}" if generator.random() < 0.9 else ""))
    for _ in range(generator.randrange(3)):
        parts.append(generator.choice(FRAGMENTS))
    return "".join(parts)


def main():
    generator = random.Random(0)
    cases = []
    for _ in range(400):
        text = reply(generator)
        cases.append({"reply": text, **judgements(text)})
    recorded = {"versions": {"python": platform.python_version()}, "cases": cases}
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(recorded, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
