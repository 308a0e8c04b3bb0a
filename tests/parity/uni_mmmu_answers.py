"""What Python finds between the answer tags of Uni-MMMU's mazes and sliding puzzles, on texts that try its rules.

Written from the rules: the last <ANSWER_JSON>[...]</ANSWER_JSON>, upper and lower case alike, a point matching line ends; read with
json.loads; every element through str, strip, lower; nothing where the last one is no JSON.

    python tests/parity/uni_mmmu_answers.py > tests/parity/uni_mmmu_answers.json
"""

import json
import platform
import re

TAG = re.compile(r"<ANSWER_JSON>\s*(\[.*?\])\s*</ANSWER_JSON>", re.IGNORECASE | re.DOTALL)


def moves(text):
    found = TAG.findall(text)
    if not found:
        return []
    try:
        return [str(element).strip().lower() for element in json.loads(found[-1])]
    except json.JSONDecodeError:
        return []


def tagged(content, opening="<ANSWER_JSON>", closing="</ANSWER_JSON>"):
    return opening + content + closing


CONTENTS = [
    '["up", "down"]', '["UP ", "right"]', ' \n["up"]\t', "[]", "[ ]", '["up",]', "['up']", "[up]", '["up" "down"]',
    '[["up", "down"]]', '[["it\'s", "a \\"b\\""], {"k": 1}]', '["\\u0055P"]', '["\\ud83d\\ude00"]', "[true, false, null]",
    "[1, 1.0, -0, -0.0, 1e5, 1E16, 1e-5, 0.0001, 123456789012345678901234567890]", "[1.5e300, 1e999, -1e999, 5e-324, 1e22]",
    "[NaN, Infinity, -Infinity]", "[0.1, 100000000000000.0, 1000000000000000.0, 10000000000000000.0, 12345678.9]",
    "[01]", "[1.]", "[.5]", "[+1]", "[-]", '["a\nb"]', '["a\\nb"]', '["\\q"]', '["up"', 'up]', '{"moves": ["up"]}', '"up"',
    '["\\u00a0up\\u00a0", "\\u001fup\\u001c", "\\u3000right\\u2028", "\\u200bup"]', '["\u0130", "\u00c9", "\u1e9e", "\u03a3\u03a3"]',
    '[ "up"\n,\n"left" ]', '["up"] trailing', 'leading ["up"]', '["</ANSWER_JSON>"]', '["a]", "b"]', '[[1, [2, [3, {}]]]]',
    '["up"]\u00a0', '\u2003["up"]', '\x1c["up"]\x1f', '["\\t"]', '["\x7f"]', '[["\x7f", "\\u0001", "\\t\\n\\r\\\\"]]', '["tab\there"]',
    '[nan]', '[Infinit]', '[tru]', '[1e]', '[1e+]', '[--1]', '[1-1]', '[[]', '[]]', '["\\"]', '["\\\\"]', '[{"a": 1, "a": 2}]',
]

TEXTS = [tagged(content) for content in CONTENTS] + [
    "", "no tag", '["up"]', tagged('["up"]', "<answer_json>", "</Answer_Json>"), tagged('["up"]', "< ANSWER_JSON>"),
    tagged('["up"]') + tagged('["down"]'), tagged('["up"]') + tagged("[oops]"), tagged("[oops]") + tagged('["up"]'),
    tagged('["up"]') + tagged("none"), tagged("none") + tagged('["up"]'), "<ANSWER_JSON>" + tagged('["up"]'),
    '<ANSWER_JSON>["a" ' + tagged('["up"]'), tagged('["up"]') + '<ANSWER_JSON>["down"]', tagged('["up"]') + "</ANSWER_JSON>",
    "before " + tagged('\n["up", "up"]\n') + " after", "<AN\u017fWER_JSON>[\"up\"]</ANSWER_J\u017fON>", "<ANSWER_JSON>[]</ANSWER_JSON>>",
    '<ANSWER_JSON>["up"]</ANSWER_JSON\n>', '<<ANSWER_JSON>["up"]</ANSWER_JSON>', '<ANSWER_JSON>[<ANSWER_JSON>]</ANSWER_JSON>',
    '<ANSWER_JSON>[</ANSWER_JSON>]</ANSWER_JSON>', '<ANSWER_JSON>["up"]</ANSWER_JSON><ANSWER_JSON>[</ANSWER_JSON>',
    '<ANSWER_JSON>["up"]</ANSWER_JSON>\n\n\n-----\n\n\n<ANSWER_JSON>["left"]</ANSWER_JSON>', '```json\n["up"]\n```',
]

print(
    json.dumps(
        dict(
            versions=dict(python=platform.python_version()),
            cases=[dict(text=text, moves=moves(text)) for text in TEXTS],
        )
    )
)
