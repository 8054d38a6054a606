"""`Runner`: runs flows from code and from notebooks.

It starts the command line in a process of its own and talks to it through a socket (`instep._cli._driven`), in place
of doing the command's work in this process. So options, checks, texts and exit codes are those of the terminal;
working directory and environment are truly those that were asked for; what the user's file does when it is loaded
does not happen here; and a notebook is never forked, nor stopped by a signal that is meant for the run.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from instep._executing_run import ExecutingRun, NoShow, Show, TextShow
from instep._flow import FlowSpec
from instep._notebook import is_of_notebook, shell, write_flow
from instep._notebook_show import NotebookShow
from instep._run_events import RunEvent
from instep.errors import UsageError

if TYPE_CHECKING:
    from instep_proto.v1.command_pb2 import CommandRequest

LANGUAGES = {".py": ("python", "python"), ".r": ("r", "Rscript")}
"""Language and interpreter by ending of the file's name, in lower case."""


class Runner:
    """Runs a flow from code.

    Args:
        flow: Path of the flow file, in Python or R; or a flow class. A class that was defined in a notebook is
            written to a flow file first, with what it reaches in the notebook.
        show_output: True to show what happens while it runs: as the command line does, or as a table in a notebook.
        env: Variables to set in the run's environment. None: none.
        cwd: Working directory of the run. None: that of this process.
        on_event: Called with each event of the run (`RunEvent`), by a thread of its own. None: nothing is.
        **options: Options that stand before the command, such as `production=True`, or `config={"name": "file"}`.

    Raises:
        UsageError: The flow is neither.

    Example:
        >>> with Runner("pricing.py") as runner:  # doctest: +SKIP
        ...     done = runner.run(folds=3, tag=["nightly"])
        >>> done.status, done.run.data.report  # doctest: +SKIP
    """

    def __init__(
        self,
        flow: str | os.PathLike[str] | type[FlowSpec],
        *,
        show_output: bool = True,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        on_event: Callable[[RunEvent], None] | None = None,
        **options: object,
    ) -> None:
        self._flow = flow
        self._show_output = show_output
        self._environment = {**os.environ, **(env or {})}
        self._cwd = Path(cwd or ".").absolute()
        self._on_event = on_event
        self._options = options
        self._started: list[ExecutingRun] = []
        if not isinstance(flow, type):
            self._file()
        elif not issubclass(flow, FlowSpec):
            raise UsageError(f"A flow is a class that is derived from FlowSpec, unlike {flow.__name__!r}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Cancels what still runs, and waits for its end."""
        for executing in self._started:
            executing.cancel()
        for executing in self._started:
            for _event in executing:
                pass

    def run(self, **options: object) -> ExecutingRun:
        """Runs the flow and waits for its end. Ctrl-C cancels the run.

        Args:
            **options: Parameters of the flow, and options of the command `run`, such as `tag`, `max_workers`,
                `with_`.

        Returns:
            The run, which has ended. Whether it went well tells its `status`.

        Raises:
            ParameterInvalidError: A parameter is missing or does not fit.
            GraphInvalidError: The flow has problems.
            InstepError: The run could not be started for another reason.
        """
        return self._to_end(self.start_run(**options))

    def resume(self, step: str | None = None, **options: object) -> ExecutingRun:
        """Goes on from an earlier run and waits for the end. Ctrl-C cancels the run.

        Args:
            step: The step that runs again, with all after it. None: what did not succeed runs again.
            **options: Options of the command `resume`, such as `origin_run_id`, `changed`, `tag`.

        Returns:
            The new run, which has ended.

        Raises:
            OriginUnknownError: There is no run to go on from, or it has no such step.
            InstepError: As `run`.
        """
        return self._to_end(self.start_resume(step, **options))

    def start_run(self, **options: object) -> ExecutingRun:
        """Starts a run, and waits only until it is recorded.

        Args:
            **options: As for `run`.

        Raises:
            InstepError: As `run`.

        Example:
            >>> for event in Runner("pricing.py").start_run():  # doctest: +SKIP
            ...     print(event)
        """
        return self._start("run", options)

    def start_resume(self, step: str | None = None, **options: object) -> ExecutingRun:
        """Starts to go on from an earlier run, and waits only until the new run is recorded.

        Args:
            step: As for `resume`.
            **options: As for `resume`.

        Raises:
            InstepError: As `resume`.
        """
        return self._start("resume", {"step": step, **options})

    async def async_run(self, **options: object) -> ExecutingRun:
        """Starts a run, as `start_run`, in a coroutine.

        Args:
            **options: As for `run`.

        Example:
            >>> executing = await Runner("pricing.py").async_run()  # doctest: +SKIP
            >>> await executing.async_wait()  # doctest: +SKIP
        """
        return await asyncio.to_thread(self.start_run, **options)

    async def async_resume(self, step: str | None = None, **options: object) -> ExecutingRun:
        """Starts to go on from an earlier run, as `start_resume`, in a coroutine.

        Args:
            step: As for `resume`.
            **options: As for `resume`.
        """
        return await asyncio.to_thread(self.start_resume, step, **options)

    def _to_end(self, executing: ExecutingRun) -> ExecutingRun:
        try:
            return executing.wait()
        except KeyboardInterrupt:
            executing.cancel()
            executing.wait()
            raise

    def _start(self, command: str, options: Mapping[str, object]) -> ExecutingRun:
        file, translate = self._file()
        executing = ExecutingRun(
            self._request(file, command, options),
            environment=self._environment,
            cwd=self._cwd,
            show=self._show(),
            on_event=self._on_event,
            translate=translate,
        )
        self._started.append(executing)
        try:
            executing.wait_until_recorded()
        except KeyboardInterrupt:
            executing.cancel()
            raise
        return executing

    def _request(self, file: Path, command: str, options: Mapping[str, object]) -> CommandRequest:
        from instep_proto.v1.command_pb2 import CommandRequest

        language, interpreter = LANGUAGES[file.suffix.lower()]
        return CommandRequest(
            file=str(file),
            language=language,
            program=f"{interpreter} {shlex.quote(os.path.relpath(file, self._cwd))}",
            command=command,
            program_options=_json(self._options),
            command_options=_json(options),
        )

    def _show(self) -> Show:
        if not self._show_output:
            return NoShow()
        if hasattr(shell(), "kernel"):
            return NotebookShow()
        return TextShow()

    def _file(self) -> tuple[Path, Callable[[str], str]]:
        """Finds the flow file, or writes it.

        Returns:
            The file, and what makes texts about it those that its user should read.

        Raises:
            UsageError: There is none.
        """
        if isinstance(self._flow, type):
            return self._file_of_class(self._flow)
        file = self._cwd / self._flow
        if file.suffix.lower() not in LANGUAGES:
            raise UsageError(f"{str(file)!r} is no flow file: its name must end in .py or .R.")
        if not file.is_file():
            raise UsageError(f"There is no flow file {str(file)!r}.")
        return file.resolve(), str

    def _file_of_class(self, flow: type[FlowSpec]) -> tuple[Path, Callable[[str], str]]:
        if is_of_notebook(flow):
            notebook: Any = shell()
            written = write_flow(flow, notebook.user_ns, notebook.user_ns["In"], self._cwd)
            return written.file.resolve(), written.translate
        file = getattr(sys.modules.get(flow.__module__), "__file__", None)
        if file is None:
            raise UsageError(f"Flow {flow.__name__!r} is declared neither in a file nor in a notebook.")
        return Path(file).resolve(), str


def _json(options: Mapping[str, object]) -> str:
    """Writes options as JSON.

    Raises:
        UsageError: A value cannot be written on a command line.
    """
    try:
        return json.dumps(dict(options), default=_plain)
    except TypeError as err:
        raise UsageError(f"The options {', '.join(options)} can't be given to a command: {err}.") from err


def _plain(value: object) -> object:
    """Gives a value that JSON has for one of a library."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays
        return value.tolist()
    raise TypeError(f"{value!r} is of class {type(value).__name__}, which has no text")
