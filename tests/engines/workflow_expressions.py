"""`${{ … }}` of a workflow: the few expressions that a printed file uses, in the places where they may stand.

After the pages Contexts reference (with its table of where which context is available) and Evaluate expressions in workflows and
actions of the GitHub documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from case import Failed

EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
PATH = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)+")
# Contexts by place. `env` of a workflow is evaluated before there is a runner or a matrix.
IN_WORKFLOW_ENV = frozenset({"github"})
IN_STEPS = frozenset({"github", "matrix", "runner", "steps"})
STATUS_FUNCTIONS = ("success()", "always()", "failure()")


def filled(text: Any, contexts: Mapping[str, Any], available: frozenset[str]) -> str:
    """A text with the values of its expressions, as GitHub writes them."""
    if isinstance(text, bool):
        return "true" if text else "false"
    return EXPRESSION.sub(lambda found: value_of(found[1].strip(), contexts, available), str(text))


def value_of(path: str, contexts: Mapping[str, Any], available: frozenset[str]) -> str:
    """The value of `context.name…`; empty if there is none, as on GitHub, where the context itself must be available."""
    if not PATH.fullmatch(path):
        raise Failed(f"an expression that this runner does not emulate: {path}")
    context, *names = path.split(".")
    if context not in available:
        raise Failed(f"the context {context} is not available here: {path}")
    value: Any = contexts.get(context, {})
    for name in names:
        value = value.get(name, {}) if isinstance(value, Mapping) else {}
    return "" if isinstance(value, Mapping) else str(value)


def holds(condition: str | None, contexts: Mapping[str, Any], has_failed: bool) -> bool:
    """Whether a step with this `if` runs. Without a function of the status it does not after a failure."""
    text = (condition or "success()").strip()
    if found := EXPRESSION.fullmatch(text):
        text = found[1].strip()
    if text in STATUS_FUNCTIONS:
        return {"success()": not has_failed, "always()": True, "failure()": has_failed}[text]
    found = re.fullmatch(r"([\w.-]+) (==|!=) '([^']*)'", text)
    if not found:
        raise Failed(f"a condition that this runner does not emulate: {text}")
    # Texts are compared without regard to their case.
    is_equal = value_of(found[1], contexts, IN_STEPS).casefold() == found[3].casefold()
    return not has_failed and is_equal == (found[2] == "==")
