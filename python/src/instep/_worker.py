"""A worker: leases a task, runs it, reports, and ends.

It is a process forked off a host, or a program of its own: ``python -m instep._worker --fd N``, where the
descriptor is a pipe with one WorkerBootstrap.
"""

from __future__ import annotations

import argparse
import os
from typing import NoReturn

from instep_proto.v1 import host_pb2

from instep import _process
from instep._attempt import EXIT_LOST, Attempt, Interrupt
from instep._current import set_current
from instep._failure import describe
from instep._pipe import read_message
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
    _process.prepare_streams()
    _process.set_environment(bootstrap.env)
    try:
        _run_tasks(Session(bootstrap), source, interrupt)
    except InstepError as err:
        _process.write_error(f"The worker ends: {err}\n")
        os._exit(_exit_code(err))
    _process.end(0)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs a worker as a program of its own."""
    parser = argparse.ArgumentParser(prog="python -m instep._worker", description="Runs tasks of a run.")
    parser.add_argument("--fd", type=int, required=True, help="pipe with the bootstrap")
    fd: int = parser.parse_args(arguments).fd
    message = host_pb2.WorkerBootstrap.FromString(read_message(fd))
    os.close(fd)
    work(bootstrap_from(message), None)


def _run_tasks(session: Session, source: UserFile | None, interrupt: Interrupt) -> None:
    task = session.register()
    if session.object_root:  # so that the client finds the run in which it is used
        os.environ.setdefault("INSTEP_HOME", os.path.dirname(session.object_root))
    while task is not None:
        _process.set_environment(task.env)
        _process.reseed()
        set_current(task)
        attempt = Attempt(session, task, source, interrupt)
        report = attempt.run()
        following = _report(session, attempt, task, report)
        attempt.close()
        if following is not None:
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
