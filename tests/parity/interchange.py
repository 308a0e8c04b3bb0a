#!/usr/bin/env python3
"""Shows the golden exports to the validators of the formats' own projects and records what they say.

    python -m venv V && V/bin/pip install pyshacl==0.40.1 rdflib==7.6.0 pydantic==2.14.4 PyYAML==6.0.4 rich==15.0.0
    V/bin/python tests/parity/interchange.py --every-eval-ever CHECKOUT > tests/parity/interchange.json

CHECKOUT is a checkout of github.com/evaleval/every_eval_ever at 9bce4136e789ec006c62582f5f9d107d20f8b398. The rules of Croissant
Tasks are the copies in reports/schemas. Written for this purpose; nothing of another project is copied here.

Two faults of the published rules of Croissant Tasks (mlcommons/croissant at 401f6ff) are met here:

- The first rule of `TaskProblemShape` is no well-formed SHACL: inside a property shape without a path stand shapes that have
  paths. pyshacl stops at every document with a problem, the project's own examples too. `mended` says the same as the rule's
  message does, with `sh:or` at the node; `unmended_stops` records that the published form stops.
- `EvaluationResultShape` wants a decimal or an integer, and JSON-LD makes a double of 0.95: the project's own valid example is
  refused. retally writes a `QuantitativeValue`, which the shape allows.
"""

import argparse
import copy
import hashlib
import json
import pathlib
import platform
import sys
from importlib.metadata import version

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/interchange"
SCHEMAS = ROOT / "reports/schemas/croissant-tasks"

MALFORMED = """  # A TaskProblem must have at least one property that is a spec class
  sh:property [
    sh:or (
      [ sh:path croissant:input ; sh:class croissant:InputSpec ]
      [ sh:path croissant:output ; sh:class croissant:OutputSpec ]
      [ sh:path croissant:implementation ; sh:class croissant:ImplementationSpec ]
    ) ;
    sh:minCount 1 ;
"""

AT_LEAST_ONE = (
    "[ sh:property [ sh:path croissant:{path} ; sh:qualifiedValueShape [ sh:class croissant:{spec} ] ; sh:qualifiedMinCount 1 ] ]"
)


def mended(shapes):
    """The rules, with the malformed one said at the node."""
    before, after = shapes.split(MALFORMED)
    _, after = after.split("] ;\n", 1)
    specs = [("input", "InputSpec"), ("output", "OutputSpec"), ("implementation", "ImplementationSpec")]
    alternatives = " ".join(AT_LEAST_ONE.format(path=path, spec=spec) for path, spec in specs)
    return f"{before}  sh:or ( {alternatives} ) ;\n{after}"


class Croissant:
    def __init__(self):
        import rdflib

        self.rdflib = rdflib
        self.published = (SCHEMAS / "croissant-tasks-shapes.ttl").read_text()
        self.ontology = rdflib.Graph().parse(SCHEMAS / "croissant-tasks.ttl", format="turtle")

    def validate(self, document, shapes):
        import pyshacl

        data = self.rdflib.Graph().parse(data=json.dumps(document), format="json-ld")
        rules = self.rdflib.Graph().parse(data=shapes, format="turtle")
        conforms, _, text = pyshacl.validate(data, shacl_graph=rules, ont_graph=self.ontology, inference="rdfs")
        return {"accepted": conforms, "triples": len(data), "says": "" if conforms else first_message(text)}

    def check(self, document):
        return self.validate(document, mended(self.published))

    def unmended_stops(self, document):
        import pyshacl

        try:
            self.validate(document, self.published)
        except pyshacl.errors.ReportableRuntimeError as error:
            return "not a well-formed SHACL PropertyShape" in str(error)
        return False


def first_message(text):
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("Message:")]
    return lines[0] if lines else text[:200]


class EveryEvalEver:
    def __init__(self, checkout):
        sys.path.insert(0, str(checkout))
        from every_eval_ever.validator import validation_core

        self.core = validation_core

    def check(self, path, repo_path, text=None):
        """The project's schema models and its checks of paths, scores and models, as its command line makes them."""
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            copy_of_it = pathlib.Path(folder) / path.name
            copy_of_it.write_text(text if text is not None else path.read_text())
            report = self.core.validate_aggregate(
                copy_of_it, repo_path=repo_path, available_files=frozenset([repo_path]), run_semantic_checks=True
            )
        problems = [self.core.format_error(error) for error in report.errors]
        warnings = [self.core.format_warning(warning) for warning in report.warnings]
        return {"accepted": report.valid and not warnings, "says": "; ".join(problems + warnings)[:200]}


class HuggingFace:
    """The keys and types of eval_results.yaml; the format has no schema."""

    DATASET = {"id": str, "task_id": str, "revision": str}
    SOURCE = {"url": str, "name": str, "user": str, "org": str}
    ENTRY = {"dataset": dict, "value": float, "verifyToken": str, "date": str, "source": dict, "notes": str}

    def check(self, text):
        import yaml

        problems = []
        entries = yaml.safe_load(text)
        if not isinstance(entries, list) or not entries:
            problems.append("no list of entries")
            entries = []
        for entry in entries:
            problems += self.fields(entry, self.ENTRY, ["dataset", "value"])
            problems += self.fields(entry.get("dataset", {}), self.DATASET, ["id", "task_id"])
            if "source" in entry:
                problems += self.fields(entry["source"], self.SOURCE, ["url"])
        return {"accepted": not problems, "says": "; ".join(problems)[:200], "entries": len(entries)}

    @staticmethod
    def fields(found, known, required):
        problems = [f"missing {key}" for key in required if key not in found]
        for key, value in found.items():
            if key not in known:
                problems.append(f"unknown {key}")
            elif not isinstance(value, known[key]):
                problems.append(f"{key} is a {type(value).__name__}")
        return problems


def changed(document, path, value):
    """A copy with another value at a path; `None` removes it."""
    document = copy.deepcopy(document)
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every-eval-ever", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    croissant, every, hub = Croissant(), EveryEvalEver(arguments.every_eval_ever), HuggingFace()
    documents, refused = {}, {}
    for path in sorted(p for p in GOLDEN.rglob("*") if p.is_file()):
        name = path.relative_to(GOLDEN).as_posix()
        text = path.read_text()
        entry = {"sha256": hashlib.sha256(text.encode()).hexdigest()}
        if path.suffix == ".jsonld":
            document = json.loads(text)
            entry |= croissant.check(document) | {"unmended_stops": croissant.unmended_stops(document)}
            refused |= wrong_croissants(croissant, document)
        elif path.suffix == ".json":
            entry |= every.check(path, name)
            refused |= wrong_evaluations(every, path, name) if "vit-s" in name else {}
        elif path.suffix == ".yaml":
            entry |= hub.check(text)
            refused["hugging-face: no task"] = hub.check(text.replace("    task_id: \"yes\"\n", ""))
            refused["hugging-face: value in quotes"] = hub.check(text.replace("value: 0.625", "value: \"0.625\""))
            refused["hugging-face: a task that is not in quotes"] = hub.check(text.replace("\"yes\"", "yes"))
        documents[name] = entry
    versions = {name: version(name) for name in ["pyshacl", "rdflib", "pydantic", "PyYAML"]}
    versions |= {"python": platform.python_version(), "every_eval_ever": "9bce4136e789ec006c62582f5f9d107d20f8b398"}
    print(json.dumps({"versions": versions, "documents": documents, "refused": refused}, indent=1, sort_keys=True))


def wrong_croissants(croissant, document):
    """Documents that break one rule each."""
    graph = document["@graph"]
    at = lambda kind: next(i for i, node in enumerate(graph) if node["@type"] == f"croissant:{kind}")
    evaluation, solution, problem = at("EvaluationTask"), at("TaskSolution"), at("TaskProblem")
    value = ["@graph", evaluation, "croissant:evaluationResults", 0, "croissant:value"]
    wrong = {
        "a number that JSON-LD makes a double": changed(document, value, 0.95),
        "no value": changed(document, value, None),
        "no metric": changed(document, value[:-1] + ["croissant:metric"], None),
        "no solution": changed(document, ["@graph", evaluation, "croissant:evaluatedSolution"], None),
        "a solution of nothing": changed(document, ["@graph", solution, "schema:isBasedOn"], None),
        "a problem without a specification": changed(document, ["@graph", problem, "croissant:implementation"], None),
    }
    return {f"croissant: {name}": croissant.check(document) for name, document in wrong.items()}


def wrong_evaluations(every, path, name):
    """Documents that break one rule each."""
    document = json.loads(path.read_text())
    result = ["evaluation_results", 0]
    wrong = {
        "a score beyond its bounds": (changed(document, result + ["score_details", "score"], 101.0), name),
        "no upper bound": (changed(document, result + ["metric_config", "max_score"], None), name),
        "no organisation": (changed(document, ["source_metadata", "source_organization_name"], None), name),
        "another folder": (document, name.replace("data/", "results/")),
    }
    return {
        f"every eval ever: {what}": every.check(path, place, json.dumps(document)) for what, (document, place) in wrong.items()
    }


if __name__ == "__main__":
    main()
