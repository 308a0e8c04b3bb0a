"""What lxml (libxml2) and xmlschema say of JUnit documents, right ones and wrong ones, against `tests/schemas/junit-10.xsd`.

Prints one JSON document; the recorded one stands beside this file, and `reports/tests/it/junit.rs` asks its own validator the
same. Files that retally wrote may be given: their verdicts are recorded with their digests. Usage:

    retally check irepa --junit irepa.xml
    python junit_schema.py irepa.xml … > junit_schema.json
"""

import hashlib
import json
import pathlib
import sys

import lxml
import xmlschema
from lxml import etree

SCHEMA = pathlib.Path(__file__).parent.parent / "schemas" / "junit-10.xsd"

SOUND = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="retally check starter" tests="3" failures="1" errors="0">
    <testsuite name="starter: Starter table 1" tests="3" skipped="1" errors="0" failures="1">
        <testcase name="Net, LDS" classname="starter.encoders"/>
        <testcase name="Net, CDS" classname="starter.encoders">
            <failure message="off" type="outside-worse">why</failure>
        </testcase>
        <testcase name="Net, RMSC" classname="starter.encoders">
            <skipped message="not measured" type="not-run"/>
        </testcase>
        <system-out>text</system-out>
    </testsuite>
</testsuites>
"""

# Name, what is replaced, by what.
CHANGES = [
    ("sound", "", ""),
    ("empty", SOUND[SOUND.index("<testsuite ") : SOUND.index("</testsuites>")], ""),
    ("skipped at the root", 'errors="0">', 'errors="0" skipped="1">'),
    ("a case without a name", 'name="Net, LDS" ', ""),
    ("a file of a case", 'name="Net, LDS"', 'name="Net, LDS" file="cells.csv"'),
    ("a suite without failures", ' failures="1">\n        <testcase', ">\n        <testcase"),
    ("disabled cases of a suite", 'skipped="1"', 'skipped="1" disabled="0"'),
    ("text in a suite", "<system-out>", "text<system-out>"),
    ("text in a case", '<failure message="off"', 'text<failure message="off"'),
    ("an element in a failure", ">why<", "><b>why</b><"),
    ("an unknown element", "<system-out>text</system-out>", "<remark>text</remark>"),
    ("a case outside a suite", "</testsuites>", '<testcase name="x"/></testsuites>'),
    ("a suite in a suite", "<system-out>", '<testsuite name="x" tests="0" failures="0" errors="0"/><system-out>'),
    ("output before the failure", '<failure message="off"', '<system-out>a</system-out><failure message="off"'),
    ("properties of a suite", "<system-out>", '<properties><property name="a" value="b"/></properties><system-out>'),
    ("a property without a value", "<system-out>", '<properties><property name="a"/></properties><system-out>'),
    ("properties of a case", '<failure message="off"', '<properties/><failure message="off"'),
    ("an error", '<failure message="off" type="outside-worse">why</failure>', '<error message="off" type="x">why</error>'),
    ("a rerun without a type", '<failure message="off" type="outside-worse">why</failure>', "<rerunFailure>x</rerunFailure>"),
    ("a rerun in the wrong order", '<failure message="off" type="outside-worse">why</failure>',
     '<rerunFailure type="x"><system-err/><stackTrace/></rerunFailure>'),
    ("a rerun", '<failure message="off" type="outside-worse">why</failure>',
     '<rerunFailure type="x">a<stackTrace/><system-err/></rerunFailure>'),
]


def verdict(text, lxml_schema, other):
    first = lxml_schema.validate(etree.fromstring(text.encode()))
    second = other.is_valid(text)
    if first != second:
        raise SystemExit(f"the validators disagree: lxml {first}, xmlschema {second}\n{text}")
    return first


def main():
    lxml_schema = etree.XMLSchema(etree.parse(str(SCHEMA)))
    other = xmlschema.XMLSchema(str(SCHEMA))
    documents = []
    for name, old, new in CHANGES:
        if old not in SOUND:
            raise SystemExit(f"{name}: nothing to replace")
        text = SOUND.replace(old, new, 1)
        documents.append({"name": name, "valid": verdict(text, lxml_schema, other), "text": text})
    files = {}
    for path in sys.argv[1:]:
        content = pathlib.Path(path).read_bytes()
        files[pathlib.Path(path).name] = {
            "valid": verdict(content.decode().split("?>", 1)[1], lxml_schema, other),
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
        }
    json.dump(
        {
            "versions": {"python": sys.version.split()[0], "lxml": lxml.__version__, "xmlschema": xmlschema.__version__},
            "schema_sha256": hashlib.sha256(SCHEMA.read_bytes()).hexdigest(),
            "documents": documents,
            "files": files,
        },
        sys.stdout,
        indent=1,
    )
    print()


if __name__ == "__main__":
    main()
