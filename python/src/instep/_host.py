"""A host: a warm interpreter that has loaded one of the user's files and forks a worker per task.

It has one thread and never opens a gRPC channel: neither would survive a fork. It imports what workers need
before the first fork, but after it has said what it loaded, so that neither the start of the run nor that of a
task waits for it. Two things wake it: a command on the pipe, and the end of a worker.

The command line forks one off itself for the flow's own file (`serve`); the orchestrator starts others for
further files: ``python -m instep._host --file F --fd N``.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import sys
import traceback
from collections.abc import Iterable
from typing import NoReturn

from instep_proto.v1 import graph_pb2, host_pb2, source_pb2

from instep import _process
from instep._code_digest import digest_of_function
from instep._defaults import Evaluation
from instep._flow import FlowSpec
from instep._fragment import fragment_of
from instep._pipe import Frames, write_message
from instep._user_file import UserFile, load, running_file
from instep._version import version
from instep.errors import ConfigInvalidError, SourceLoadError

_WARM_MODULES = ("instep._worker",)
# What writes and reads values of a library, for libraries that the user's file has imported already.
_WARM_CODECS = {
    "numpy": "instep.values._numpy",
    "pandas": "instep.values._pandas",
    "polars": "instep.values._polars",
    "pyarrow": "instep.values._pyarrow",
    "scipy": "instep.values._sparse",
}


def serve(fd: int, flow: type[FlowSpec], file: str) -> NoReturn:
    """Turns this process, forked off the user's program, into the host of its file. Does not return.

    Args:
        fd: The pipe to the orchestrator.
        flow: The flow that the file declares.
        file: Path of the file.
    """
    code = 1
    try:
        os.setsid()
        Host(fd).run(running_file(flow, os.path.realpath(file)))
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the program that forked this process must not go on here
        traceback.print_exc()
    finally:
        os._exit(code)


def main(arguments: list[str] | None = None) -> None:
    """Runs a host as a program of its own."""
    import argparse  # the host of a flow's own file has no use for it

    parser = argparse.ArgumentParser(prog="python -m instep._host", description="Forks workers of a file.")
    parser.add_argument("--file", required=True, help="absolute path of the file")
    parser.add_argument("--fd", type=int, required=True, help="pipe to the orchestrator")
    options = parser.parse_args(arguments)
    host = Host(options.fd)
    try:
        source = load(options.file)
    except SourceLoadError as err:
        host.refuse(options.file, err)
    else:
        host.run(source)


class Host:
    """Serves the commands of the orchestrator.

    Args:
        fd: The pipe to it.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._workers: dict[int, str] = {}
        self._evaluations: dict[int, Evaluation] = {}
        self._wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the terminal is for the command line

    def refuse(self, file: str, err: SourceLoadError) -> None:
        """Says that the file cannot be loaded."""
        problem = graph_pb2.GraphProblem(
            code="config-invalid" if isinstance(err.__cause__, ConfigInvalidError) else "file-not-loaded",
            message=err.message,
            locations=[source_pb2.SourceLocation(file=err.file, line=err.line)],
        )
        self._send(loaded=_loaded(file, problem=problem))

    def run(self, source: UserFile) -> None:
        """Says what was loaded, and serves until the pipe is closed. All workers have ended then."""
        fragment = fragment_of(source.flow, source.file) if source.flow else None
        functions = source.functions()
        codes = [] if source.flow else [digest_of_function(source.file, name) for name in functions]
        self._send(loaded=_loaded(source.file, fragment=fragment, functions=functions, codes=codes))
        source.register_classes()
        _warm_up()
        try:
            self._serve(source)
        finally:
            self._end_workers()

    def _serve(self, source: UserFile) -> None:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        frames = Frames()
        while True:
            ready = {fd for fd, _ in poll.poll()}
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._fd in ready:
                data = self._read()
                if not data:
                    return
                for message in frames.feed(data):
                    self._obey(host_pb2.HostCommand.FromString(message), source)

    def _read(self) -> bytes:
        """Reads from the pipe. Empty: it is closed."""
        try:
            return os.read(self._fd, 65536)
        except ConnectionResetError:  # the orchestrator died with events unread
            return b""

    def _obey(self, command: host_pb2.HostCommand, source: UserFile) -> None:
        match command.WhichOneof("command"):
            case "fork":
                self._fork(command.fork, source)
            case "signal":
                self._signal(command.signal)
            case "evaluate":
                evaluation = Evaluation.start(source.flow, command.evaluate)
                self._evaluations[evaluation.pid] = evaluation

    def _fork(self, command: host_pb2.ForkWorker, source: UserFile) -> None:
        _process.flush_streams()  # what they hold back would be written by the worker again
        host = os.getpid()
        try:
            pid = os.fork()
        except OSError as err:
            self._send(forked=host_pb2.WorkerForked(worker_id=command.worker_id, error=err.strerror))
            return
        if pid == 0:
            self._become_worker(command, source, host)
        with contextlib.suppress(OSError):  # the worker does it too; whoever comes first
            os.setpgid(pid, pid)
        self._workers[pid] = command.worker_id
        self._send(forked=host_pb2.WorkerForked(worker_id=command.worker_id, pid=pid))

    def _become_worker(self, command: host_pb2.ForkWorker, source: UserFile, host: int) -> NoReturn:
        from instep._task_messages import bootstrap_from
        from instep._worker import work

        try:
            _process.lead_group(host)
            _process.reset_signals()
            _process.redirect(command.stdout_file, command.stderr_file)
            for fd in (self._fd, self._wake, self._woken):
                os.close(fd)
            _process.forget_exit_functions()
            if command.working_directory:
                os.chdir(command.working_directory)
            work(bootstrap_from(command.bootstrap), source)
        except BaseException:  # noqa: BLE001 - the host's own code must not go on in a worker
            traceback.print_exc()
        finally:
            os._exit(1)

    def _signal(self, command: host_pb2.SignalWorker) -> None:
        for pid, worker_id in self._workers.items():
            if worker_id == command.worker_id:
                _kill_group(pid, command.signal)

    def _reap(self) -> None:
        for pid in [*self._workers, *self._evaluations]:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                self._bury(pid)

    def _bury(self, pid: int) -> None:
        """Ends what a worker left behind, and reports its end."""
        # Before the worker is reaped: until then nobody else can get its process id.
        _kill_group(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        if pid in self._evaluations:
            self._send(evaluated=self._evaluations.pop(pid).answer(status))
            return
        event = host_pb2.WorkerExited(worker_id=self._workers.pop(pid), max_rss_bytes=usage.ru_maxrss * 1024)
        if os.WIFSIGNALED(status):
            event.signal = os.WTERMSIG(status)
        else:
            event.exit_code = os.WEXITSTATUS(status)
        self._send(exited=event)

    def _end_workers(self) -> None:
        children = [*self._workers, *self._evaluations]
        for pid in children:
            _kill_group(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)

    def _send(
        self,
        *,
        loaded: host_pb2.HostLoaded | None = None,
        forked: host_pb2.WorkerForked | None = None,
        exited: host_pb2.WorkerExited | None = None,
        evaluated: host_pb2.DefaultsEvaluated | None = None,
    ) -> None:
        event = host_pb2.HostEvent(loaded=loaded, forked=forked, exited=exited, evaluated=evaluated)
        # The orchestrator is gone: the next read of the pipe says so, and ends the host.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            write_message(self._fd, event.SerializeToString())


def _warm_up() -> None:
    """Imports and looks up what every worker would have to."""
    codecs = [codec for library, codec in _WARM_CODECS.items() if library in sys.modules]
    for name in (*_WARM_MODULES, *codecs):
        importlib.import_module(name)
    version()
    from instep._http2 import rehearse  # not before the host has said what it loaded

    rehearse()
    gc.collect()
    gc.freeze()  # a collection in a worker would copy every page that it looks at


def _loaded(
    file: str,
    *,
    fragment: graph_pb2.FlowFragment | None = None,
    functions: Iterable[str] = (),
    codes: Iterable[str] = (),
    problem: graph_pb2.GraphProblem | None = None,
) -> host_pb2.HostLoaded:
    return host_pb2.HostLoaded(
        language="python",
        file=file,
        pid=os.getpid(),
        fragment=fragment,
        functions=functions,
        function_codes=codes,
        problem=problem,
        runtime=_process.python_version(),
        can_fork=_process.can_fork(),
    )


def _kill_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


if __name__ == "__main__":
    main()
