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

from graphs.reference import Error, Task, Value


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
    is_caught = any(_is_caught(task) for task in expected.values() if task.step == "end")
    if not run.finished:
        return [f"{run.pathspec} did not end."]
    found = [] if run.successful is not is_caught else [f"{run.pathspec}: successful is {run.successful}"]
    tasks = [task for step in run for task in step]
    keys = {task.id: str(task["key"].data) for task in tasks}
    found += [f"there is no task {key!r}" for key in expected.keys() - set(keys.values())]
    found += [f"task {key!r} is not to be" for key in set(keys.values()) - expected.keys()]
    found += [
        f"there are {count} tasks {key!r}" for key, count in Counter(keys.values()).items() if count > 1
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


def _is_caught(task: Task) -> bool:
    return isinstance(task.artifacts.get(f"error_{task.step}"), Error)


def _of_task(task: RecordedTask, wanted: Task, parents: tuple[str, ...]) -> list[str]:
    artifacts = {name: _plain(artifact.data) for name, artifact in task.artifacts.items()}
    expected = {name: _as_read(value) for name, value in wanted.values.items()}
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


def _as_read(value: Value) -> object:
    """Gives an artifact as Python reads it: R's vector of one element is nothing but its element."""
    data = value.data
    return data[0] if value.writer == "r" and isinstance(data, list) and len(data) == 1 else data


def _plain(value: object) -> object:
    """Gives a value of either language as the reference has it."""
    if isinstance(value, TaskException):
        return Error(value.type, value.exception)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
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


def to_be_cloned(run: Run, again: set[str]) -> set[str]:
    """Tells which tasks a resumed run must take over: those that succeeded and come from such only.

    Args:
        run: The run that is resumed.
        again: Steps that run again in any case.
    """
    tasks = {task.pathspec: task for step in run for task in step}
    good: dict[str, bool] = {}

    def is_good(pathspec: str) -> bool:
        if pathspec not in good:
            task = tasks[pathspec]
            parents = [parent.pathspec for parent in task.parent_tasks]
            is_done = task.status == "succeeded" and task.parent.id not in again
            good[pathspec] = is_done and all(map(is_good, parents))
        return good[pathspec]

    return {pathspec for pathspec in tasks if is_good(pathspec)}
