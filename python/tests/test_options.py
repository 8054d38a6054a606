"""How the text of options becomes values."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instep._arguments import top_options
from instep._cli._options import DecoratorText

SIMPLE = st.integers() | st.booleans() | st.none() | st.text('abc ,:={}[]"\\\\', max_size=6)
JSON = st.recursive(
    SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc,", max_size=3), inner)
)


@given(st.dictionaries(st.text("abc_", min_size=1, max_size=5), JSON, max_size=3))
def test_decorator_text_reads_json_values(arguments: dict[str, Any]) -> None:
    text = "retry" + (
        ":" + ",".join(f"{name}={json.dumps(value)}" for name, value in arguments.items())
        if arguments
        else ""
    )
    read = DecoratorText().convert(text, None, None)
    assert read.name == "retry"
    assert json.loads(read.arguments or "{}") == arguments


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("retry", {}),
        ("retry:times=2,on=ValueError", {"times": 2, "on": "ValueError"}),
        ("resources:memory=[1, 2],cpu=0.5", {"memory": [1, 2], "cpu": 0.5}),
        ('environment:vars={"A": "1,2", "B": "x"}', {"vars": {"A": "1,2", "B": "x"}}),
        ("catch:var=problem, print_exception=False", {"var": "problem", "print_exception": False}),
    ],
)
def test_decorator_text_reads_what_people_write(text: str, arguments: dict[str, Any]) -> None:
    assert json.loads(DecoratorText().convert(text, None, None).arguments or "{}") == arguments


@pytest.mark.parametrize(
    "text", ["", ":", "retry:", "retry:times", "retry:=3", ":times=3", "retry:times=1,x"]
)
def test_decorator_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        DecoratorText().convert(text, None, None)


@pytest.mark.parametrize(
    ("arguments", "command", "root"),
    [
        ([], "", None),
        (["run", "--branch", "x"], "run", None),
        (["--quiet", "--branch", "run", "resume"], "resume", None),
        (["--branch=b", "--datastore-root=/x", "run"], "run", "/x"),
        (
            ["--config", "run", "file", "--config-value", "a", "{}", "--datastore-root", "d", "check"],
            "check",
            "d",
        ),
        (["--config", "run"], "", None),
    ],
)
def test_top_options_tell_the_command(arguments: list[str], command: str, root: str | None) -> None:
    found = top_options(arguments)
    assert found.command == command
    assert found.last("--datastore-root") == root
