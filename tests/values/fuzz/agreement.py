"""Where the languages may differ on whether a value can be read, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass

from values.fuzz.workers import Outcome


@dataclass(frozen=True)
class Rule:
    """A reason for which only one language reads a value."""

    reason: str
    """For people."""
    refusing: str
    """The language that refuses it."""
    message: re.Pattern[str]
    """What its error says."""


def _rule(refusing: str, reason: str, *messages: str) -> Rule:
    return Rule(reason, refusing, re.compile("|".join(messages)))


DETAILS = "only one language reads the damaged detail, and both agree on the rest"

RULES = (
    _rule(
        "r",
        "R has no such number, text or extent",
        r"beyond 2\^53",
        r"beyond 2\^31 - 1",
        r"more than 2\^31 - 1 rows",
        r"-2\^63 has no value",
        r"U\+0000",
        "too many cells",
    ),
    _rule(
        "python",
        "Python's sets and dicts can't hold these elements or keys",
        "cannot look up",
        "has a key twice",
        "holds an element twice",
        "cannot be in one",
    ),
    _rule(
        "python",
        "Python has bigints and decimals as numbers, R as text",
        "not a value of type '(bigint|decimal)'",
    ),
    _rule(
        "r",
        "R refuses fields of a wrong wire type, which Python's protobuf skips",
        "not a sound protobuf message",
    ),
    _rule(
        "python", "Python reads all texts of a part, R those of the rows that it needs", "a text is not UTF-8"
    ),
    _rule("python", "SciPy has no missing values", "are not as many numbers as it has indices"),
    _rule(
        "python",
        "Python reads a node again that is a value and names, and rows go once",
        "or nodes share rows",
    ),
)


def may_differ(python: Outcome, r: Outcome) -> str | None:
    """Gives the reason for which only one language reads a value that has no such details. `None`: there is none."""
    refusing, outcome = ("python", python) if r.kind == "read" else ("r", r)
    for rule in RULES:
        if rule.refusing == refusing and rule.message.search(outcome.message):
            return rule.reason
    return None
