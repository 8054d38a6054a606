"""The program that drives a command, such as a notebook: it says what to do, and is told what happens."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

import click
from instep_proto.v1 import command_pb2 as pb

from instep._pipe import read_message, write_message

if TYPE_CHECKING:
    from pathlib import Path

    from instep_proto.v1.control_service_pb2 import WatchRunResponse
    from instep_proto.v1.graph_pb2 import Graph
    from instep_proto.v1.run_pb2 import Run

    from instep._progress import Progress


class Driver:
    """The other end of a socket.

    Args:
        fd: Descriptor of the socket.
    """

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self._fd = fd
        self.request = pb.CommandRequest.FromString(read_message(fd))
        self.options: Mapping[str, object] = json.loads(self.request.command_options or "{}")

    def watch(self) -> None:
        """Sees to it that the command ends, in good order, when the program is gone."""
        Thread(target=self._wait_for_end, name="instep-driver", daemon=True).start()

    def _wait_for_end(self) -> None:
        with suppress(ConnectionResetError):  # it is gone, and has not read everything
            while os.read(self._fd, 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    def tell(self, **event: Any) -> None:
        """Sends an event.

        Args:
            **event: The one field of CommandEvent.
        """
        with suppress(BrokenPipeError, ConnectionResetError):  # the program is gone, which `watch` sees, too
            write_message(self._fd, pb.CommandEvent(**event).SerializeToString())

    def tell_error(self, error: Exception) -> None:
        """Sends an error: that of ours which it is, or which it stands for.

        Args:
            error: The error.
        """
        from instep._cli._parameters import ParameterOption
        from instep.errors import InstepError

        known = error if isinstance(error, InstepError) else error.__cause__
        if isinstance(known, InstepError):
            self.tell(error=pb.CommandError(type=type(known).__name__, message=known.message))
            return
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        parameter = getattr(error, "param", None)
        kind = "ParameterInvalidError" if isinstance(parameter, ParameterOption) else "UsageError"
        self.tell(error=pb.CommandError(type=kind, message=message))

    def told(self, progress: Progress, home: Path) -> Progress:
        """Gives what shows a run and tells the program of it.

        Args:
            progress: What shows it.
            home: Directory of the run's store.
        """
        return _Told(self, progress, str(home))


class _Told:
    """Shows a run, and tells of it afterwards: what was written is there when the program hears of it."""

    def __init__(self, driver: Driver, shown: Progress, home: str) -> None:
        self._driver = driver
        self._shown = shown
        self._home = home

    def begin(self, run: Run, graph: Graph) -> None:
        self._shown.begin(run, graph)
        self._driver.tell(started=pb.CommandStarted(run=run, graph=graph, home=self._home))

    def update(self, response: WatchRunResponse) -> None:
        self._shown.update(response)
        self._driver.tell(happened=response)

    def notice(self, text: str) -> None:
        self._shown.notice(text)
        self._driver.tell(notice=text)

    def end(self, run: Run | None) -> None:
        self._shown.end(run)
        if run is not None:
            self._driver.tell(ended=run)


def arguments_of(values: Mapping[str, object], command: click.Command) -> list[str]:
    """Writes values as a person would type them.

    Args:
        values: The values by name of their option or argument, as a Python program calls it: `max_workers` for
            `--max-workers`, `with_` for `--with`. None stands for what is not given.
        command: The command.

    Returns:
        The arguments. A name that the command does not have makes an option that it does not have.
    """
    given = {name: value for name, value in values.items() if value is not None}
    positional = [
        str(given.pop(param.name))
        for param in command.params
        if isinstance(param, click.Argument) and param.name in given
    ]
    options = {name: param for param in command.params for name in param.opts if name.startswith("--")}
    arguments = [text for name, value in given.items() for text in _option(name, value, options)]
    return [*arguments, "--", *positional] if positional else arguments


def _option(name: str, value: object, options: Mapping[str, click.Parameter]) -> Iterator[str]:
    from instep._cli._parameters import ParameterOption

    as_typed = [f"--{name}", f"--{name.rstrip('_').replace('_', '-')}"]
    typed = next((one for one in as_typed if one in options), as_typed[0])
    option = options.get(typed)
    if isinstance(option, ParameterOption):
        yield from (typed, option.text_of(value))
    elif isinstance(option, click.Option) and option.is_flag:
        if value:
            yield typed
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from (typed, str(key), one if isinstance(one, str) else json.dumps(one))
    elif isinstance(value, list) and option is not None and option.multiple:
        for one in value:
            yield from (typed, str(one))
    else:
        yield from (typed, str(value))
