"""The command `debug`: a prompt of the step's language in the place of a task that ran."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from instep import _interpreters
from instep._cli._inspect import TaskPath
from instep._progress import failure_text
from instep.errors import InterpreterFailedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from instep._client import Flow
    from instep._past_task import PastTask

_Decorated = TypeVar("_Decorated", bound="Callable[..., Any]")


def debug_options(command: _Decorated) -> _Decorated:
    """Adds the options of `debug` to a command."""
    for option in (
        click.option(
            "--command", metavar="CODE", help="Run this code in place of a prompt. Exit code 1: it raised."
        ),
        attempt_option,
    ):
        command = option(command)
    return command


attempt_option = click.option(
    "--attempt", type=click.IntRange(min=0), metavar="N", help="Number of the attempt.  [default: latest]"
)


def find_past_task(flow: Flow, path: TaskPath, attempt: int | None) -> PastTask:
    """Finds the task that a person means.

    Args:
        flow: The flow.
        path: The task. Without the id of a task, the only one of the step.
        attempt: Number of the attempt. None: the latest.

    Raises:
        InstepError: There is no such task, or the step has several.
    """
    from instep._past_task import past_task

    tasks = path.tasks(flow)
    if len(tasks) != 1:
        ids = ", ".join(task.id for task in tasks[:10])
        raise UsageError(
            f"Step {path.step!r} of run {flow.id}/{path.run} has {len(tasks)} tasks ({ids}{', ...' * (len(tasks) > 10)}). "
            f"Name one, such as {path.run}/{path.step}/{tasks[0].id}."
        )
    return past_task(flow._archive, flow.id, path.run, path.step, tasks[0].id, attempt)


def show_past(past: PastTask) -> None:
    """Writes which task it is, and how it went.

    Args:
        past: The task.
    """
    step, attempt = past.step, past.attempt
    language = _interpreters.PROMPTS.get(step.entry_point.language, step.entry_point.language)
    failed = attempt.HasField("failure")
    how = "failed" if failed else "succeeded"
    click.secho(f"Task {past.path} ({language}), attempt {attempt.number}, {how}.", bold=True)
    if failed:
        click.echo(f"  What:   {failure_text(attempt.failure)}")
        if where := failure_place(past):
            click.echo(f"  Where:  {where}")


def failure_place(past: PastTask) -> str:
    """Names the last place in the user's code on the way to the failure of a task. Empty: it is not known.

    Args:
        past: The task.
    """
    frame = next((one for one in reversed(past.attempt.failure.frames) if one.user_code and one.file), None)
    if frame is None:
        return ""
    name = frame.function.partition("(")[0]  # R gives the call with its arguments
    function = f" in {name}()" if name else ""
    line = f": {frame.source_line.strip()}" if frame.source_line else ""
    return f"{os.path.relpath(frame.file)}:{frame.line}{function}{line}"


def debug(past: PastTask, home: Path, command: str | None, leave: Callable[[], None]) -> NoReturn:
    """Turns this process into the prompt. Does not return.

    Args:
        past: The task.
        home: The store's directory.
        command: Code to run in place of a prompt. None: a prompt.
        leave: Ends what this process has started.

    Raises:
        InterpreterFailedError: The interpreter can't be started.
    """
    language = past.step.entry_point.language
    if language not in _interpreters.PROMPTS:
        raise UsageError(
            f"There is no prompt of {language}: debug opens one of Python or R. To see step {past.step.name!r} run again, "
            "with what it prints, use rerun."
        )
    if command is None:
        show_past(past)
    words = [past.path, str(past.attempt.number)]
    env = {**os.environ, "INSTEP_HOME": str(home), "INSTEP_PYTHON": _interpreters.python()}
    if language == "r":
        program = _r_command(words, command) if command is not None else _r_prompt(words, env)
    else:
        program = [_interpreters.python(), "-P", "-m", "instep._debug", words[0], "--attempt", words[1]]
        program += [] if command is None else ["--command", command]
    sys.stdout.flush()
    sys.stderr.flush()
    leave()
    try:
        os.execvpe(program[0], program, env)
    except OSError as err:
        raise InterpreterFailedError(
            f"Can't start {program[0]!r}: {err.strerror}. {_interpreters.advice(language)}"
        ) from err


def _r_command(words: list[str], command: str) -> list[str]:
    return [
        _interpreters.rscript(), *_interpreters.R_OPTIONS, "instep:::debug_command()", *words, command,
    ]  # fmt: skip


def _r_prompt(words: list[str], env: dict[str, str]) -> list[str]:
    """Makes the command of a prompt of R. What it is to do first comes as its profile, which reads the user's own."""
    profile = os.memfd_create("instep-debug", 0)
    os.write(profile, b"instep:::debug_profile()\n")
    env["INSTEP_R_PROFILE_USER"] = env.get("R_PROFILE_USER", "")
    env["R_PROFILE_USER"] = f"/proc/self/fd/{profile}"
    return [_interpreters.r(), "--quiet", "--no-save", "--no-restore", "--interactive", "--args", *words]
