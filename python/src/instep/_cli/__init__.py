"""The command line of flows, one for all languages.

A flow written in Python forks its host off here, before gRPC is used: a host must never have done so. A flow
written in R is its own host and starts `python -m instep._cli`. Everything after that is the same for both.

Commands must feel instant. So the server is started first, and what the command needs is imported while the
server starts.
"""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from instep._arguments import top_options
from instep._cli._session import FlowFile, Session
from instep._cli._signals import Interrupted, Signals
from instep._cli._streams import open_standard_streams
from instep.errors import InstepError, UsageError

if TYPE_CHECKING:
    from instep._flow import FlowSpec

COMMANDS_OF_HOSTS = frozenset({"run", "resume", "check", "show"})
"""Commands that load the flow."""
COMMANDS_OF_SERVERS = COMMANDS_OF_HOSTS | {"logs", "dump", "tag", "debug", "rerun"}
"""Commands that ask a server."""


def main_for_flow(flow: type[FlowSpec], argv: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line of a flow written in Python and ends the process with its exit code.

    Args:
        flow: The flow, declared in the file that runs as the program.
        argv: What was typed after the file's name. None: the arguments of the process.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    module = sys.modules[flow.__module__]
    if getattr(module, "__file__", None) is None:
        raise UsageError(
            f"Flow {flow.__name__!r} must be declared in a file, so that its tasks can load it. "
            f"In a notebook, run it with Runner({flow.__name__}).run()."
        )
    file = os.path.realpath(str(module.__file__))
    source = FlowFile(file, "python", flow.__name__, f"python {shlex.quote(sys.argv[0])}")
    loads = top_options(arguments).command in COMMANDS_OF_HOSTS or _is_bare(arguments)
    sys.exit(run_command(Session(source, serve=partial(_serve, flow, file) if loads else None), arguments))


def run_command(session: Session, arguments: Sequence[str]) -> int:
    """Runs one command of a flow, and ends everything that it has started.

    Args:
        session: The command's session.
        arguments: What was typed after the program's name.

    Returns:
        The exit code.
    """
    open_standard_streams()
    _choose_store(arguments)
    signals = Signals()
    with signals.handled():
        try:
            with session:
                if top_options(arguments).command in COMMANDS_OF_SERVERS or _is_bare(arguments):
                    session.start()
                return _execute(session, signals, arguments)
        except Interrupted as interrupted:
            return interrupted.exit_code
        except InstepError as err:
            from instep._cli._program import FAILURE, show_error

            if session.driver:
                session.driver.tell_error(err)
            show_error(err)
            return FAILURE
        except OSError as err:
            if err.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            sys.exit(f"Error: {err.strerror}. Raise the limit (ulimit -n), or close what is open.")
        except (ImportError, AttributeError):
            from instep._shadow import shadowing_file

            if (why := shadowing_file()) is None:
                raise
            sys.exit(f"Error: {why}")


def _execute(session: Session, signals: Signals, arguments: Sequence[str]) -> int:
    from instep._cli._commands import Command, flow_program
    from instep._cli._program import execute

    told = {"tell_error": session.driver.tell_error} if session.driver else {}
    command = Command(session, signals)
    return execute(flow_program, arguments, program=session.flow.program, obj=command, **told)


def _serve(flow: type[FlowSpec], file: str, fd: int) -> NoReturn:
    """Turns this process into the host of a flow."""
    from instep._host import serve

    serve(fd, flow, file)


def _choose_store(arguments: Sequence[str]) -> None:
    """Heeds `--datastore-root`: the store of this command, of the processes that it starts, and of their clients."""
    root = top_options(arguments).last("--datastore-root") or os.environ.get("INSTEP_DATASTORE_ROOT")
    if root:
        os.environ["INSTEP_HOME"] = os.path.abspath(os.path.expanduser(root))


def _is_bare(arguments: Sequence[str]) -> bool:
    """Tells whether there is no command, which checks the flow, and no wish for help or the version."""
    return not top_options(arguments).command and not {"-h", "--help", "--version"} & set(arguments)
