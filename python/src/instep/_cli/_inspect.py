"""Commands that look at runs: what both programs show of logs and artifacts."""

from __future__ import annotations

import heapq
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from instep.errors import (
    ArtifactUnknownError,
    AttemptUnknownError,
    InstepError,
    PathspecInvalidError,
    TaskUnknownError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from instep._client import DataArtifact, Flow, Run, Task

STREAMS = ("stdout", "stderr")
MAX_VALUE_SIZE = 1000

_Decorated = TypeVar("_Decorated", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True)
class TaskPath:
    """What a person names to see logs or artifacts: one task, or all tasks of a step."""

    run: str
    """Id of the run."""
    step: str
    """Name of the step."""
    task: str = ""
    """Id of the task. Empty: all tasks of the step."""

    @classmethod
    def parse(cls, text: str) -> TaskPath:
        """Reads ``RUN/STEP`` or ``RUN/STEP/TASK``.

        Args:
            text: What was typed.

        Raises:
            PathspecInvalidError: The text has another form.
        """
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise PathspecInvalidError(
                f"{text!r} names no tasks. Expected RUN/STEP or RUN/STEP/TASK, such as 3/start.",
                pathspec=text,
            )
        return cls(*parts)

    def tasks(self, flow: Flow) -> list[Task]:
        """Finds the tasks, oldest first.

        Args:
            flow: The flow whose run is meant.

        Raises:
            NotFoundError: There is no such run, step or task.
        """
        run: Run = flow._child(self.run)
        step = run._child(self.step)
        if self.task:
            return [step._child(self.task)]
        return list(step)[::-1]


def log_options(command: _Decorated) -> _Decorated:
    """Adds the options of `logs` to a command."""
    for option in (
        click.option("--timestamps", is_flag=True, help="Show when each line arrived, in UTC."),
        click.option(
            "--attempt",
            type=click.IntRange(min=0),
            metavar="N",
            help="Number of the attempt.  [default: latest]",
        ),
        click.option("--stderr", is_flag=True, help="Show only what went to standard error."),
        click.option("--stdout", is_flag=True, help="Show only what went to standard output."),
    ):
        command = option(command)
    return command


def dump_options(command: _Decorated) -> _Decorated:
    """Adds the options of `dump` to a command."""
    for option in (
        click.option(
            "--file",
            type=click.Path(dir_okay=False, writable=True, path_type=Path),
            help="Pickle a dictionary {task: {name: value}} to this file in place of printing.",
        ),
        click.option(
            "--max-value-size",
            type=click.IntRange(min=0),
            metavar="BYTES",
            default=MAX_VALUE_SIZE,
            show_default=True,
            help="Print only values of at most so many bytes.",
        ),
        click.option("--private", is_flag=True, help="Show names that begin with _, too."),
        click.option("--include", metavar="NAMES", help="Only these artifacts: names separated by commas."),
    ):
        command = option(command)
    return command


def show_logs(
    flow: Flow,
    path: TaskPath,
    *,
    quiet: bool,
    stdout: bool,
    stderr: bool,
    attempt: int | None,
    timestamps: bool,
) -> None:
    """Writes what tasks have written, one task after another.

    Args:
        flow: The flow.
        path: The tasks.
        quiet: True to write only the logs themselves.
        stdout: True to write standard output. When neither is chosen, both are written, in order of arrival.
        stderr: True to write standard error.
        attempt: Number of the attempt. None: the latest.
        timestamps: True to write when each line arrived.

    Raises:
        InstepError: There are no such tasks, or none has started.
    """
    streams = [name for name, chosen in zip(STREAMS, (stdout, stderr), strict=True) if chosen] or STREAMS
    tasks = path.tasks(flow)
    started = [task for task in _at_attempt(tasks, attempt) if task.has_started]
    if not started:
        raise TaskUnknownError(
            f"No task of {flow.id}/{path.run}/{path.step} has started, so there is no log."
        )
    for task in started:
        if not quiet:
            click.secho(f"Log of {task.pathspec} (attempt {task.current_attempt}):", bold=True)
        for at, line in _merged(task, streams):
            time = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} " if timestamps else ""
            click.echo(time + line, color=True)  # a log keeps the colors that the task wrote, in a file, too


def dump(
    flow: Flow,
    path: TaskPath,
    *,
    include: str | None,
    private: bool,
    max_value_size: int,
    file: Path | None,
) -> None:
    """Writes the artifacts of tasks.

    Args:
        flow: The flow.
        path: The tasks.
        include: Names of the artifacts, separated by commas. None: all.
        private: True to write names that begin with ``_``, too.
        max_value_size: The largest value that is printed, in bytes.
        file: File that gets the values in place of stdout. None: they are printed.

    Raises:
        InstepError: There are no such tasks, or a value for the file cannot be read.
    """
    names = [name.strip() for name in include.split(",")] if include is not None else None
    found = {task.pathspec: _chosen(task, names, private=private) for task in path.tasks(flow)}
    if names and file is None and not any(found.values()):
        raise ArtifactUnknownError(f"No task of {flow.id}/{path.run}/{path.step} has {' or '.join(names)}.")
    if file is not None:
        _pickle(found, file)
        return
    for pathspec, artifacts in found.items():
        click.secho(f"Artifacts of {pathspec}:", bold=True)
        for artifact in artifacts:
            _print_artifact(artifact, max_value_size)


def _at_attempt(tasks: Sequence[Task], attempt: int | None) -> Sequence[Task]:
    """Gives the tasks as of one attempt, without those that did not have it.

    Raises:
        AttemptUnknownError: None of them had it.
    """
    if attempt is None:
        return tasks
    had: list[Task] = []
    for task in tasks:
        try:
            had.append(task.at_attempt(attempt))
        except AttemptUnknownError:
            if len(tasks) == 1:
                raise
    if not had:
        raise AttemptUnknownError(f"None of these tasks had an attempt {attempt}.", attempt=attempt)
    return had


def _merged(task: Task, streams: Sequence[str]) -> Iterator[tuple[datetime, str]]:
    return heapq.merge(*(task.loglines(stream) for stream in streams), key=lambda line: line[0])


def _chosen(task: Task, names: Sequence[str] | None, *, private: bool) -> list[DataArtifact]:
    return [
        artifact
        for name, artifact in task.artifacts.items()
        if (name in names if names is not None else private or not name.startswith("_"))
    ]


def _pickle(found: dict[str, list[DataArtifact]], file: Path) -> None:
    values = {
        pathspec: {artifact.id: artifact.data for artifact in artifacts}
        for pathspec, artifacts in found.items()
    }
    try:
        with file.open("wb") as out:
            pickle.dump(values, out, protocol=5)
    except OSError as err:
        raise click.ClickException(f"Can't write {str(file)!r}: {err.strerror}.") from err


def _print_artifact(artifact: DataArtifact, max_value_size: int) -> None:
    head = f"{click.style(artifact.id, bold=True)} [size: {artifact.size} type: {artifact.type}]"
    if artifact.size > max_value_size:
        click.echo(f"{head} = <{artifact.summary}; too large to print, see --max-value-size>")
        return
    try:
        text = repr(artifact.data)
    except InstepError as err:
        text = f"<can't be read here: {err.message}>"
    click.echo(f"{head} = {text}")
