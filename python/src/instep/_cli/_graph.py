"""Writes graphs and their problems for people."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from instep._cli._program import FAILURE, USAGE, mark
from instep._format import counted, language_mark
from instep.errors import InstepInternalError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from instep_proto.v1.graph_pb2 import Decorator, Graph, GraphProblem, StepSpec, SwitchCase, Transition
    from instep_proto.v1.source_pb2 import SourceLocation

END, LINEAR, SPLIT, FOREACH, SWITCH = 1, 2, 3, 4, 5  # numbers of TransitionKind


def summary(graph: Graph) -> str:
    """Says what a valid graph is made of.

    Args:
        graph: The graph.

    Returns:
        Such as ``The graph looks good: 5 steps (3 py, 2 R) in pricing.py, pricing.R.``
    """
    languages = Counter(step.entry_point.language for step in graph.steps)
    parts = ", ".join(f"{count} {language_mark(name)[0]}" for name, count in sorted(languages.items()))
    files = ", ".join(relative(file.file) for file in graph.files)
    return f"The graph looks good: {counted(len(graph.steps), 'step')} ({parts}) in {files}."


def show_graph(graph: Graph) -> None:
    """Writes the steps of a graph in order, with language, documentation and targets.

    Args:
        graph: The graph.
    """
    click.echo(click.style(graph.flow, bold=True))
    for line in _paragraph(graph.doc):
        click.echo(line)
    for decorator in graph.decorators:
        click.echo(_decorator_text(decorator))
    for step in graph.steps:
        click.echo()
        _show_step(step)


def show_problems(flow: str, problems: Iterable[GraphProblem]) -> None:
    """Writes why a graph is refused, to stderr: place, message and hint of each problem.

    Args:
        flow: Name of the flow. Empty: unknown.
        problems: The problems.
    """
    listed = list(problems)
    head = f"Flow {flow!r} can't run" if flow else "The flow can't run"
    click.echo(
        f"{click.style('Error:', fg='red', bold=True)} {head}: {counted(len(listed), 'problem')}.", err=True
    )
    for problem in listed:
        place = f"{_place(problem.locations[0])}: " if problem.locations else ""
        click.echo(f"\n  {click.style(place, bold=True)}{_indented(problem.message)}", err=True)
        if problem.hint:
            click.echo(f"  {_indented(problem.hint)}", err=True)
        for location in problem.locations[1:]:
            click.echo(f"  See also {_place(location)}.", err=True)


def exit_code_of(problems: Iterable[GraphProblem]) -> int:
    """Gives the exit code of a command that graph problems end: wrong configs are wrong usage.

    Args:
        problems: The problems.
    """
    return USAGE if any(problem.code == "config-invalid" for problem in problems) else FAILURE


def relative(file: str) -> str:
    """Writes a path the short way: relative when it lies in the working directory.

    Args:
        file: Absolute path.
    """
    path = Path(file)
    here = Path(os.path.realpath("."))
    return str(path.relative_to(here)) if path.is_relative_to(here) else file


def decode_inline(manifest: bytes) -> object:
    """Decodes a value that a graph holds.

    Args:
        manifest: The manifest, all parts inlined.
    """
    from instep.values import decode  # only few commands need it

    return decode(manifest, _no_blob)


def transition_text(transition: Transition) -> str:
    """Writes where a step leads.

    Args:
        transition: How the step goes on.
    """
    targets = ", ".join(transition.targets)
    if transition.kind == FOREACH:
        return f"=> {targets} for each of {transition.foreach}"
    if transition.kind == SWITCH:
        cases = ", ".join(f"{_key(case)}: {case.target}" for case in transition.cases)
        return f"=> {cases} by {transition.condition}"
    return f"=> {targets}" if targets else "=> (the end)"


def _show_step(step: StepSpec) -> None:
    place = f"  ({_place(step.location)})" if step.location.file else ""
    join = "  join" if step.takes_inputs else ""
    click.echo(
        f"Step {click.style(step.name, bold=True)}  {mark(step.entry_point.language).rstrip()}{join}{place}"
    )
    for line in _paragraph(step.doc) or ["?"]:
        click.echo(f"    {line}")
    for decorator in step.decorators:
        click.echo(f"    {_decorator_text(decorator)}")
    click.echo(f"    {transition_text(step.transition)}")


def _decorator_text(decorator: Decorator) -> str:
    arguments = json.loads(decorator.arguments or "{}")
    return f"@{decorator.name}" + (
        f"({', '.join(f'{name}={value!r}' for name, value in arguments.items())})" if arguments else ""
    )


def _key(case: SwitchCase) -> str:
    return repr(decode_inline(case.key))


def _no_blob(digest: str, size: int) -> bytes:
    raise InstepInternalError(f"A value that must be inlined names blob {digest} of {size} bytes.")


def _place(location: SourceLocation) -> str:
    return f"{relative(location.file)}:{location.line}" if location.line else relative(location.file)


def _paragraph(doc: str) -> list[str]:
    return [line.rstrip() for line in doc.strip().splitlines()]


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")
