"""Has processes made: starts hosts, has them fork workers, and starts workers itself where forking fails.

A worker is forked from the host of its file when the pool says so and the host can. A worker that was forked and
did not come up makes the launcher use fresh processes for that file from then on.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from instep_proto.v1 import host_pb2, key_value_pb2

from instep_server import processes
from instep_server.configs import Variables
from instep_server.core.dispatch import PoolKey
from instep_server.core.graph_types import Isolation
from instep_server.errors import HostError
from instep_server.frames import frame
from instep_server.host import Host, HostListener
from instep_server.logs import LogStream
from instep_server.tokens import TokenKind, Tokens
from instep_server.workers import Exit, Worker

BOOTSTRAP_SECONDS = 600.0
"""How long a worker may take to its first call."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a host or a worker loads."""

    language: str
    """Language of the file. Empty: it is known once its host has loaded it."""
    file: str
    """Absolute path of the file."""
    variables: Variables = ()
    """Environment variables that decide what the file declares."""


@dataclass(frozen=True, slots=True)
class WorkerListener:
    """Who is told about processes of workers."""

    forked: Callable[[str, int, str], None]
    """A worker has a process: its id, the process id, and why it has none (empty: it has)."""
    exited: Callable[[str, Exit], None]
    """A worker's process has ended: its id, and how."""


class Launcher:
    """The hosts and worker processes of this server.

    Args:
        listener: Who is told about workers.
        tokens: Makes their tokens.
        probe: File whose content proves that a worker shares the file system.
        call_ms: How long a worker's call may take before it is made again.
    """

    def __init__(self, listener: WorkerListener, tokens: Tokens, probe: Path, call_ms: int) -> None:
        self.endpoint = ""
        self._listener = listener
        self._tokens = tokens
        self._probe = probe
        self._call_ms = call_ms
        self._hosts: dict[Program, Host] = {}
        self._fresh: dict[str, subprocess.Popen[bytes]] = {}
        self._forked: dict[str, Host] = {}
        self._groups: dict[str, int] = {}
        self._broken_forks: set[tuple[str, str]] = set()
        self._machine = os.uname().nodename

    async def attach(self, pipe: socket.socket) -> Host:
        """Takes over the pipe to a host that runs already. It is known by its file once it has loaded it.

        Args:
            pipe: Our end of the pipe.

        Returns:
            The host.
        """
        host = Host(self._host_listener(), "the flow's file", process=None)
        host.loaded.add_done_callback(lambda _: self._name(host))
        await host.attach(pipe)
        return host

    def known(self, program: Program) -> Host | None:
        """Finds a host that runs already."""
        host = self._hosts.get(program)
        return host if host is not None and host.is_alive else None

    def adopt(self, host: Host, program: Program) -> None:
        """Makes a host the one of a program, which it has loaded as if it had been started for it."""
        self._hosts[program] = host

    async def host(self, program: Program) -> Host:
        """Finds the host of a program, or starts one.

        Args:
            program: What it loads.

        Raises:
            HostError: It cannot be started.
        """
        if (known := self.known(program)) is not None:
            return known
        ours, theirs = socket.socketpair()
        try:
            command = processes.host_command(program.language, program.file, theirs.fileno())
            process = processes.start(
                command, keep=theirs.fileno(), stdout=2, stderr=2, env=dict(program.variables)
            )
        except HostError:
            ours.close()
            raise
        finally:
            theirs.close()
        host = self._hosts[program] = Host(self._host_listener(), program.file, process=process.pid)
        processes.watch(process, lambda code, rss: host.ended(_exit_of(code, rss)))
        await host.attach(ours)
        return host

    async def launch(self, worker: Worker, *, working_directory: str, variables: Variables) -> None:
        """Has a worker's process made.

        Args:
            worker: The worker.
            working_directory: Where it runs.
            variables: Environment variables with which its file is loaded.

        Raises:
            HostError: It cannot be made.
        """
        if self._is_to_fork(worker.pool):
            host = await self.host(_program(worker.pool, variables))
            await host.loaded
        if not self.fork(worker, working_directory=working_directory, variables=variables):
            worker.forked = False
            self._start_fresh(worker, working_directory, variables)

    def fork(self, worker: Worker, *, working_directory: str, variables: Variables) -> bool:
        """Has a worker forked off a host that is ready. As `launch` otherwise.

        Returns:
            False when there is no such host.
        """
        host = self.known(_program(worker.pool, variables)) if self._is_to_fork(worker.pool) else None
        if host is None or not host.is_loaded or not host.forks:
            return False
        worker.forked = True
        self._forked[worker.id] = host
        host.fork(self._fork_command(worker, working_directory))
        return True

    def stop_forking(self, pool: PoolKey) -> bool:
        """Makes all further workers of a file fresh processes, because a forked one did not come up.

        Returns:
            True when that is new.
        """
        key = (pool.language, pool.file)
        is_new = key not in self._broken_forks
        self._broken_forks.add(key)
        return is_new

    def signal(self, worker: Worker, number: int) -> None:
        """Sends a signal to a worker's process and its children. One that is gone is ignored."""
        if host := self._forked.get(worker.id):
            host.signal(worker.id, number)
        elif process := self._fresh.get(worker.id):
            processes.kill_group(process.pid, number)

    def is_at_work(self, worker: Worker) -> bool:
        """Tells whether a worker's process is one of this machine's that lives and is not stopped."""
        process = self._fresh.get(worker.id)
        pid = process.pid if process is not None else self._groups.get(worker.id)
        return pid is not None and worker.machine == self._machine and processes.is_at_work(pid)

    def close(self) -> None:
        """Ends all hosts and workers."""
        for host in set(self._hosts.values()):
            host.close()
        for process in self._fresh.values():
            processes.kill_group(process.pid, signal.SIGKILL)

    def _is_to_fork(self, pool: PoolKey) -> bool:
        return pool.isolation is not Isolation.SPAWN and (pool.language, pool.file) not in self._broken_forks

    def _host_listener(self) -> HostListener:
        return HostListener(forked=self._was_forked, exited=self._exited, gone=self._host_gone)

    def _name(self, host: Host) -> None:
        if host.loaded.cancelled() or host.loaded.exception() is not None:
            return
        loaded = host.loaded.result()
        self._hosts[Program(loaded.language, loaded.file)] = host

    def _was_forked(self, worker_id: str, pid: int, error: str) -> None:
        if pid and worker_id in self._forked:
            self._groups[worker_id] = pid
        if error:
            self._forked.pop(worker_id, None)
        self._listener.forked(worker_id, pid, error)

    def _exited(self, worker_id: str, end: Exit) -> None:
        self._forked.pop(worker_id, None)
        self._groups.pop(worker_id, None)
        self._fresh.pop(worker_id, None)
        self._tokens.revoke(TokenKind.BOOTSTRAP, worker_id)
        self._listener.exited(worker_id, end)

    def _host_gone(self, host: Host) -> None:
        """A host takes its workers with it. What they have started, nobody else would end."""
        for worker_id in [one for one, its in self._forked.items() if its is host]:
            if group := self._groups.get(worker_id):
                processes.kill_group(group, signal.SIGKILL)
            self._exited(worker_id, Exit(signal=signal.SIGKILL))

    def _bootstrap(self, worker: Worker) -> host_pb2.WorkerBootstrap:
        return host_pb2.WorkerBootstrap(
            endpoint=self.endpoint,
            token=self._tokens.issue(TokenKind.BOOTSTRAP, worker.id, seconds=BOOTSTRAP_SECONDS),
            worker_id=worker.id,
            store_probe_file=str(self._probe),
            env=[
                key_value_pb2.KeyValue(key=name, value=value)
                for name, value in sorted(_spool_env(worker).items())
            ],
            file=worker.pool.file,
            reuse=worker.pool.isolation is Isolation.REUSE,
            call_ms=self._call_ms,
        )

    def _fork_command(self, worker: Worker, working_directory: str) -> host_pb2.ForkWorker:
        return host_pb2.ForkWorker(
            worker_id=worker.id,
            bootstrap=self._bootstrap(worker),
            stdout_file=worker.spool.path(LogStream.STDOUT),
            stderr_file=worker.spool.path(LogStream.STDERR),
            working_directory=working_directory,
        )

    def _start_fresh(self, worker: Worker, working_directory: str, variables: Variables) -> None:
        read, write = os.pipe()
        files: list[int] = []
        try:
            files += (_open_spool(worker.spool.path(stream)) for stream in LogStream)
            process = processes.start(
                processes.worker_command(worker.pool.language, worker.pool.file, read),
                keep=read,
                stdout=files[0],
                stderr=files[1],
                working_directory=working_directory,
                env={**dict(variables), **_spool_env(worker)},
            )
            os.write(write, frame(self._bootstrap(worker).SerializeToString()))
        finally:
            for file in (read, write, *files):
                os.close(file)
        self._fresh[worker.id] = process
        processes.watch(process, lambda code, rss: self._exited(worker.id, _exit_of(code, rss)))
        self._listener.forked(worker.id, process.pid, "")


def _program(pool: PoolKey, variables: Variables) -> Program:
    return Program(pool.language, pool.file, variables)


def _spool_env(worker: Worker) -> dict[str, str]:
    return {
        "INSTEP_STDOUT_FILE": worker.spool.path(LogStream.STDOUT),
        "INSTEP_STDERR_FILE": worker.spool.path(LogStream.STDERR),
    }


def _open_spool(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as err:
        raise HostError(f"{path} can't be written: {err.strerror}.") from err


def _exit_of(returncode: int, max_rss_bytes: int) -> Exit:
    if returncode < 0:
        return Exit(signal=-returncode, max_rss_bytes=max_rss_bytes)
    return Exit(code=returncode, max_rss_bytes=max_rss_bytes)
