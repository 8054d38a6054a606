"""A Python prompt in the place of a task that ran: ``python -m instep._debug FLOW/RUN/STEP/TASK``.

The prompt's names are those of the flow's file itself, so that a function that is typed in takes the place of the
file's own also where other functions call it. `self` and `inputs` are made as a worker makes them, from the stored
run; what is assigned to them stays in this process.
"""

from __future__ import annotations

import argparse
import code
import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from instep import _process
from instep._archive import archive
from instep._artifacts import Artifacts
from instep._code_digest import digest_of_function, digest_of_step
from instep._current import set_current
from instep._format import counted
from instep._inputs import Branch, JoinInputs
from instep._past_task import PastTask, past_task
from instep._task import InputKind, Task
from instep._task_messages import task_from
from instep._task_self import TaskSelf, bind
from instep._user_file import UserFile, load
from instep.errors import InstepError, StoreError
from instep.values import Blob, Digest, ObjectStore


class Replay:
    """The task again: makes its `self` and runs its step, in this process.

    Args:
        past: The task.
        source: The file with its step, loaded.
    """

    def __init__(self, past: PastTask, source: UserFile) -> None:
        self.task: Task = task_from(past.message)
        self.names: dict[str, Any] = vars(source.module)
        self._source = source
        self._blobs = _StoredBlobs(past.object_root)

    def fresh(self) -> None:
        """Sets `self`, and `inputs` in a join, back to what the task saw."""
        task = self.task
        bound = bind(task, None if task.function else self._source.flow, self._artifacts)
        self.names["self"] = bound
        if task.is_join:
            self.names["inputs"] = self._join_inputs(bound)

    def run_step(self, function: Callable[..., object] | None = None) -> None:
        """Runs the step on a fresh `self`, which afterwards has what the step assigned.

        Args:
            function: A function to run in the place of the step's own. None: the step's own.
        """
        self.fresh()
        bound: TaskSelf = self.names["self"]
        arguments = [bound, *([self.names["inputs"]] if self.task.is_join else [])]
        if function is not None:
            function(*arguments)
        elif self.task.function:
            self.names[self.task.function](*arguments)
        else:
            getattr(bound, self.task.step)(*arguments[1:])
        bound.__instep_run__.finish()

    def digest(self) -> str:
        """Gives the digest of the step's code as it is now. Empty: it is not known."""
        task, flow = self.task, self._source.flow
        if task.function:
            return digest_of_function(task.file, task.function)
        return digest_of_step(flow, task.step) if flow is not None else ""

    def call(self) -> str:
        """Says how a person calls the step's function."""
        if self.task.function:
            return f"{self.task.function}(self{', inputs' if self.task.is_join else ''})"
        return f"self.{self.task.step}({'inputs' if self.task.is_join else ''})"

    def _artifacts(self, values: dict[str, object]) -> Artifacts:
        return Artifacts(
            self.task.inputs,
            self._blobs,
            values,
            self.task.on_loss,
            lambda line: _process.write_error(f"{line}\n"),
        )

    def _join_inputs(self, bound: TaskSelf) -> JoinInputs:
        task, artifacts = self.task, bound.__instep_run__.artifacts
        shared = {name: one for name, one in task.inputs.items() if one.kind is not InputKind.ARTIFACT}
        return JoinInputs((task.joins, None), lambda position: ((), None), shared, artifacts.decode)


class _StoredBlobs:
    """Reads from the store, and never writes to it."""

    def __init__(self, root: str) -> None:
        self._objects = ObjectStore(root)

    def fetch(self, hash: str, size: int) -> memoryview | bytes:
        return self._objects.open(hash, size)

    def fetch_manifest(self, digest: Digest) -> bytes:
        return bytes(self._objects.open(digest.hash, digest.size))

    def put(self, blobs: Iterable[Blob]) -> NoReturn:
        raise StoreError("What is made at this prompt is not stored.")


def main(arguments: list[str] | None = None) -> int:
    """Runs the program.

    Returns:
        The exit code: 1 when the task can't be looked at, or the command raised.
    """
    parser = argparse.ArgumentParser(prog="python -m instep._debug", description="Looks into a task.")
    parser.add_argument("path", help="FLOW/RUN/STEP/TASK")
    parser.add_argument("--attempt", type=int, required=True, help="number of the attempt")
    parser.add_argument("--command", help="code to run in place of a prompt")
    options = parser.parse_args(arguments)
    try:
        flow, run_id, step, task_id = options.path.split("/")
        past = past_task(archive(), flow, run_id, step, task_id, options.attempt)
        replay = _prepare(past)
    except InstepError as err:
        print(f"Error: {err.message}", file=sys.stderr)
        return 1
    if past.step.code and (now := replay.digest()) and now != past.step.code:
        print(
            f"The code of step {step!r} has changed since run {run_id}: this is the code of now.",
            file=sys.stderr,
        )
    if options.command is not None:
        return _run_command(replay, options.command)
    _prompt(replay)
    return 0


def _prepare(past: PastTask) -> Replay:
    """Makes this process what the worker's was: directory, configs, code, environment."""
    os.chdir(past.working_directory)
    os.environ.update(past.load_environment())
    task = task_from(past.message)
    source = load(task.file)
    source.register_classes()
    source.check_step(task)
    _process.set_environment(task.env)
    set_current(task)
    replay = Replay(past, source)
    # A function of the flow's that has one of these names is not to be replaced: the step may call it.
    replay.names.setdefault("run_step", replay.run_step)
    replay.names.setdefault("fresh", replay.fresh)
    replay.fresh()
    return replay


def _run_command(replay: Replay, command: str) -> int:
    try:
        exec(compile(command, "<command>", "exec"), replay.names)  # noqa: S102 - a person typed it for that
    except Exception as err:  # noqa: BLE001 - it is the user's, and shown as Python shows it
        own = err.__traceback__
        traceback.print_exception(err.with_traceback(own.tb_next if own else None))
        return 1
    return 0


def _prompt(replay: Replay) -> None:
    """Shows what there is, and reads and runs lines until the end."""
    _complete(replay.names)
    code.InteractiveConsole(replay.names).interact(banner=_banner(replay), exitmsg="")


def _banner(replay: Replay) -> str:
    task = replay.task
    seen = ", ".join(sorted(task.inputs)) or "nothing"
    item = ""
    if task.foreach:
        level = task.foreach[-1]
        item = f"; self.input is item {level.index} of {level.variable}, counted from 0"
    lines = [f"  self                  what the task saw: {seen}{item}"]
    if task.is_join:
        lines.append(f"  inputs                the {counted(len(task.joins), 'task')} that it joins")
    lines += [
        f"  {replay.call():<20}  runs the step on `self`",
        "  run_step()            runs the step on a fresh `self`; run_step(f) runs your function f instead",
        "  fresh()               sets `self` back to what the task saw",
        "  import pdb; pdb.pm()  looks at the place of the last error",
        "Nothing that you do here changes the run. Ctrl-D leaves.",
    ]
    return "\n".join(lines)


def _complete(names: dict[str, Any]) -> None:
    """Makes the Tab key complete names. Artifacts are completed without being read."""
    with contextlib.suppress(ImportError):  # a Python that was built without readline
        import readline
        import rlcompleter

        class Completer(rlcompleter.Completer):
            def attr_matches(self, text: str) -> list[str]:
                owner, _, start = text.rpartition(".")
                value = names.get(owner)
                if not isinstance(value, TaskSelf | Branch | JoinInputs):
                    return super().attr_matches(text)
                found = (name for name in dir(value) if name.startswith(start))
                return [f"{owner}.{name}" for name in found if start or not name.startswith("_")]

        readline.set_completer(Completer(names).complete)
        readline.parse_and_bind("tab: complete")


if __name__ == "__main__":
    sys.exit(main())
