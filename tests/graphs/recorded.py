"""What is recorded of a run, as the client tells it, in the words of the reference."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from instep import Flow, Run, TaskException
from instep import Task as RecordedTask
from instep.errors import FlowUnknownError

from graphs.reference import Error, Task


@contextmanager
def store(folder: Path) -> Iterator[None]:
    """Makes a store in a folder, and lets clients look into it."""
    home = folder / ".instep"
    home.mkdir(mode=0o700, exist_ok=True)
    before = os.environ.pop("INSTEP_HOME", None)
    os.environ["INSTEP_HOME"] = str(home)
    try:
        yield
    finally:
        del os.environ["INSTEP_HOME"]
        if before is not None:
            os.environ["INSTEP_HOME"] = before


def runs(flow: str) -> list[Run]:
    """Lists the runs of a flow, oldest first, if any was recorded. Needs `store`."""
    try:
        return list(Flow(flow))[::-1]
    except FlowUnknownError:
        return []


def differences(run: Run, expected: dict[str, Task]) -> list[str]:
    """Compares a run with the reference.

    Args:
        run: The run.
        expected: The tasks that it must have, by key.

    Returns:
        Sentences; none when everything is as it should be.
    """
    if not run.successful and not any(_is_caught(task) for task in expected.values()):
        return [f"{run.pathspec} did not succeed."]
    tasks = [task for step in run for task in step]
    keys = {task.id: str(task["key"].data) for task in tasks}
    found = [
        f"task {key!r}: {times} times instead of once" for key, times in _uneven(keys.values(), expected)
    ]
    children = Counter((parent, task.key) for task in expected.values() for parent in task.parents)
    for task in tasks:
        key = keys[task.id]
        if key in expected:
            after = Counter((key, keys[child.id]) for child in task.child_tasks)
            wanted = Counter({edge: count for edge, count in children.items() if edge[0] == key})
            found += _of_task(task, expected[key], tuple(keys[parent.id] for parent in task.parent_tasks))
            found += [] if after == wanted else [f"{key}: children {after}, not {wanted}"]
    return found


def _uneven(keys: object, expected: dict[str, Task]) -> list[tuple[str, int]]:
    counts = Counter(dict.fromkeys(expected, 0))
    counts.update(keys)  # type: ignore[call-overload]
    return [(key, count) for key, count in counts.items() if count != 1 or key not in expected]


def _is_caught(task: Task) -> bool:
    return any(
        isinstance(value, Error) for name, value in task.artifacts.items() if name == f"error_{task.step}"
    )


def _of_task(task: RecordedTask, wanted: Task, parents: tuple[str, ...]) -> list[str]:
    artifacts = {name: plain(artifact.data) for name, artifact in task.artifacts.items()}
    # R's vector of one element is nothing but its element.
    expected = {
        name: data[0]
        if isinstance(data, list) and len(data) == 1 and not isinstance(artifacts.get(name), list)
        else data
        for name, data in wanted.artifacts.items()
    }
    facts = {
        "step": (task.parent.id, wanted.step),
        "status": (task.status, "succeeded"),
        "finished": (task.finished, True),
        "successful": (task.successful, not _is_caught(wanted)),
        "index": (task.index, wanted.index),
        # A clone has one attempt.
        "attempt": (task.current_attempt, 0 if task.origin_pathspec else wanted.attempts - 1),
        "parents": (parents, wanted.parents),
        **{
            f"artifact {name!r}": (artifacts.get(name, "nothing"), expected.get(name, "nothing"))
            for name in artifacts.keys() | expected.keys()
        },
    }
    return [
        f"{wanted.key} ({task.pathspec}): {fact} is {is_!r}, not {should!r}"
        for fact, (is_, should) in facts.items()
        if is_ != should or type(is_) is not type(should)
    ]


def plain(value: object) -> object:
    """Gives a value of either language as the reference has it."""
    if isinstance(value, TaskException):
        return Error(value.type, value.exception)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return value


def content(run: Run) -> dict[str, object]:
    """Tells what must never change of a run that is over: its tasks that succeeded, with lineage and content ids."""
    return {
        task.pathspec: (
            [parent.pathspec for parent in task.parent_tasks],
            {name: artifact.sha for name, artifact in task.artifacts.items()},
            task.origin_pathspec,
        )
        for step in run
        for task in step
        if task.status == "succeeded"
    }


def cloned(run: Run) -> set[str]:
    """Tells which tasks a run took over: their origins' pathspecs."""
    return {task.origin_pathspec for step in run for task in step if task.origin_pathspec}


def to_be_cloned(run: Run) -> set[str]:
    """Tells which tasks a resumed run must take over: those that succeeded and come from such only."""
    tasks = {task.pathspec: task for step in run for task in step}
    good: dict[str, bool] = {}

    def is_good(pathspec: str) -> bool:
        if pathspec not in good:
            task = tasks[pathspec]
            parents = [parent.pathspec for parent in task.parent_tasks]
            good[pathspec] = task.status == "succeeded" and all(map(is_good, parents))
        return good[pathspec]

    return {pathspec for pathspec in tasks if is_good(pathspec)}
