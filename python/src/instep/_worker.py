"""A worker: leases a task, runs it, reports, and ends.

It is a process forked off a host, or a program of its own: ``python -m instep._worker``, with a pipe that holds one
WorkerBootstrap and whose descriptor the variable INSTEP_BOOTSTRAP_FD names.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from google.protobuf.message import DecodeError
from instep_proto.v1 import host_pb2

from instep import _process
from instep._attempt import EXIT_LOST, Attempt, Interrupt
from instep._current import set_current
from instep._failure import describe
from instep._pipe import read_message
from instep._process_state import ProcessState
from instep._session import Session
from instep._task import Bootstrap, Failed, FailureKind, Report, Task
from instep._task_messages import bootstrap_from
from instep._user_file import UserFile
from instep.errors import (
    AccessError,
    BlobMissingError,
    CapabilityRequiredError,
    InstepError,
    LeaseError,
    TransportError,
    VersionUnsupportedError,
)

BOOTSTRAP_FD = "INSTEP_BOOTSTRAP_FD"
"""Variable that names the descriptor of the pipe with the bootstrap."""
EXIT_ACCESS = 75
"""Exit code of a worker whose token the orchestrator does not take."""
EXIT_VERSION = 76
"""Exit code of a worker that does not speak the orchestrator's protocol."""

_STORE_ROUNDS = 2


def work(bootstrap: Bootstrap, source: UserFile | None) -> NoReturn:
    """Runs tasks until there are none for this worker, and ends the process.

    Args:
        bootstrap: How to reach the orchestrator.
        source: The file that this process has loaded. None: it loads what its task needs.
    """
    interrupt = Interrupt()
    _process.die_first()
    _process.prepare_streams()
    _process.set_environment(bootstrap.env)
    try:
        _run_tasks(Session(bootstrap), source, interrupt)
    except InstepError as err:
        _process.write_error(f"The worker ends: {err}\n")
        os._exit(_exit_code(err))
    _process.end(0)


def main() -> NoReturn:
    """Runs a worker as a program of its own. It dies with the process that started it."""
    _process.die_with(os.getppid())
    try:
        bootstrap = _read_bootstrap()
    except (DecodeError, EOFError, KeyError, OSError, ValueError) as err:
        sys.exit(
            "A worker is started by an orchestrator, with a pipe whose descriptor is named by the environment variable"
            f" {BOOTSTRAP_FD}. This one can't read it: {type(err).__name__}: {err}"
        )
    work(bootstrap, None)


def _read_bootstrap() -> Bootstrap:
    fd = int(os.environ.pop(BOOTSTRAP_FD))
    message = host_pb2.WorkerBootstrap.FromString(read_message(fd))
    os.close(fd)
    return bootstrap_from(message)


def _run_tasks(session: Session, source: UserFile | None, interrupt: Interrupt) -> None:
    task = session.register()
    if session.object_root:  # so that the client finds the run in which it is used
        os.environ.setdefault("INSTEP_HOME", os.path.dirname(session.object_root))
    state = ProcessState()
    while task is not None:
        _process.set_environment(task.env)
        _process.reseed()
        set_current(task)
        attempt = Attempt(session, task, source, interrupt)
        report = attempt.run()
        following = _report(session, attempt, task, report)
        attempt.close()
        if following is not None:
            state.restore()
            _process.empty_logs()
        task = following


def _report(session: Session, attempt: Attempt, task: Task, report: Report) -> Task | None:
    """Reports how an attempt ended, and gets the next task.

    Raises:
        LeaseError: The results are not wanted.
        InstepError: It could not be reported.
    """
    try:
        return _complete(session, attempt, task, report)
    except (AccessError, LeaseError, TransportError):
        raise
    except InstepError as err:  # the report breaks a rule of the protocol: say so in one that does not
        plain = attempt.report(Failed(describe(err, FailureKind.INTERNAL)))
        return session.complete(task.lease_token, os.urandom(16).hex(), plain)


def _complete(session: Session, attempt: Attempt, task: Task, report: Report) -> Task | None:
    completion_id = os.urandom(16).hex()
    for _ in range(_STORE_ROUNDS):
        try:
            return session.complete(task.lease_token, completion_id, report)
        except BlobMissingError:
            attempt.store_again()
    return session.complete(task.lease_token, completion_id, report)


def _exit_code(err: InstepError) -> int:
    if isinstance(err, AccessError):
        return EXIT_ACCESS
    unsupported = isinstance(err, TransportError) and err.code == "UNIMPLEMENTED"
    if unsupported or isinstance(err, CapabilityRequiredError | VersionUnsupportedError):
        return EXIT_VERSION
    return EXIT_LOST


if __name__ == "__main__":
    main()
