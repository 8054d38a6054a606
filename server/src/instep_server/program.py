"""The program: opens the store, listens, tells its parent where, and ends with it.

It listens before it has read anything, because a parent that starts a flow waits for that; and it ends as soon as
the last run has, without the interpreter's own leave-taking, because a command waits for that, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import stat
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from instep_proto.v1 import (
    control_service_pb2,
    log_service_pb2,
    meta_service_pb2,
    store_service_pb2,
    worker_service_pb2,
)

from instep_server.db.opening import can_be_read, prepare
from instep_server.errors import StoreError, StoreFullError, StoreUnwritableError
from instep_server.home import STALE_SECONDS, Home, OwnerLock
from instep_server.orchestrator import Orchestrator, new_id
from instep_server.room import check_room
from instep_server.services.control import ControlService
from instep_server.services.guard import Service, method_handlers
from instep_server.services.log import LogService
from instep_server.services.meta import MetaService
from instep_server.services.store import StoreService
from instep_server.services.worker import WorkerService
from instep_server.settings import Settings
from instep_server.tokens import TokenKind

MAX_SOCKET_PATH = 100
SOCKET_NAME_LENGTH = 24
PROBE_BYTES = 32
CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 30_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What the program was started with."""

    home: Path
    """The store."""
    control: int
    """Descriptor to tell the parent, and to learn of its end."""
    host: int | None
    """Descriptor of the pipe to a host. None: there is none."""


async def serve(arguments: Arguments) -> None:
    """Runs the server until its parent is gone.

    Args:
        arguments: What the program was started with.

    Raises:
        InstepError: An environment variable is not as it must be, the store cannot be used, there is no place for the
            socket, or no room for threads.
    """
    settings = Settings.from_environment(os.environ)
    check_room()
    server_id = new_id()
    home = Home(arguments.home.resolve())
    probe = os.urandom(PROBE_BYTES)
    lock, unwritable = _prepare(home, server_id, probe)
    orchestrator = Orchestrator(home, server_id, probe, settings, unwritable)
    path = socket_folder() / f"{server_id[:16]}.sock"
    server = grpc.aio.server(options=CHANNEL_OPTIONS)
    server.add_generic_rpc_handlers(
        [method_handlers(service(orchestrator), descriptor) for descriptor, service in _SERVICES]
    )
    _bind(server, path)
    orchestrator.launcher.endpoint = endpoint = settings.endpoint or f"unix:{path}"
    host = None
    if arguments.host is not None:
        host = await orchestrator.launcher.attach(socket.socket(fileno=arguments.host))
    await server.start()
    await orchestrator.begin(host)
    token = orchestrator.tokens.issue(TokenKind.CLIENT)
    gc.freeze()
    gc.enable()
    # A parent that is gone already is found to be gone by the next line.
    with contextlib.suppress(BrokenPipeError):
        os.write(arguments.control, f"{endpoint}\n{token.hex()}\n{settings.call_ms / 1000:g}\n\n".encode())
    remove_stale_sockets(path.parent)
    await _parent_is_gone(arguments.control)
    await orchestrator.shut_down("The command that started the run has ended.")
    await server.stop(0)
    path.unlink(missing_ok=True)
    if lock is not None:
        lock.release()


def _prepare(home: Home, server_id: str, probe: bytes) -> tuple[OwnerLock | None, StoreError | None]:
    """Makes a store ready to be written, or else to be read: what is there can be looked at on a full disk, too.

    Returns:
        The server's lock; and why the store can only be read.

    Raises:
        StoreError: It can be neither written nor read.
    """
    lock = None
    try:
        lock = home.make(server_id, probe)
        prepare(home.database)
    except (StoreUnwritableError, StoreFullError) as err:
        if not can_be_read(home.database):
            raise
        return lock, err
    return lock, None


def socket_folder() -> Path:
    """Finds or makes the directory for sockets, which only this user may enter.

    Raises:
        StoreError: It belongs to somebody else, or its path is too long for sockets.
    """
    runtime, temporary = (os.environ.get(name) or "/tmp" for name in ("XDG_RUNTIME_DIR", "TMPDIR"))
    own = f"instep-{os.geteuid()}"
    usual = Path("/tmp") / own
    # A login that has ended leaves the variable behind without the directory.
    places = (Path(runtime) / ("instep" if runtime != "/tmp" else own), usual, Path(temporary) / own)
    folder = next(filter(_is_usable, places), usual)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as err:
        raise StoreError(f"The directory {folder} for sockets can't be made: {err.strerror}.") from err
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise StoreError(
            f"{folder} does not belong to you. Remove it, or set XDG_RUNTIME_DIR to a directory of yours."
        )
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def _is_usable(folder: Path) -> bool:
    """Tells whether a directory for sockets is there or can be made, and can be written to."""
    where = folder if folder.exists() else folder.parent
    return len(str(folder)) + SOCKET_NAME_LENGTH <= MAX_SOCKET_PATH and os.access(where, os.W_OK | os.X_OK)


def _bind(server: grpc.aio.Server, path: Path) -> None:
    """Makes a server listen at a socket.

    Raises:
        StoreError: The socket can't be made.
    """
    try:
        server.add_insecure_port(f"unix:{path}")
    except RuntimeError as err:
        raise StoreError(
            f"No socket can be made in {path.parent}. Make room on its disk, or set XDG_RUNTIME_DIR to a directory of"
            " yours that can be written."
        ) from err


def remove_stale_sockets(folder: Path) -> None:
    """Removes the sockets of servers that were killed. One that was made a moment ago may not listen yet.

    Args:
        folder: The directory for sockets.
    """
    for path in folder.glob("*.sock"):
        with contextlib.suppress(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
            if path.stat().st_mtime < time.time() - STALE_SECONDS and probe.connect_ex(str(path)):
                path.unlink()


_SERVICES: tuple[tuple[ServiceDescriptor, type[Service]], ...] = (
    (meta_service_pb2.DESCRIPTOR.services_by_name["MetaService"], MetaService),
    (control_service_pb2.DESCRIPTOR.services_by_name["ControlService"], ControlService),
    (worker_service_pb2.DESCRIPTOR.services_by_name["WorkerService"], WorkerService),
    (store_service_pb2.DESCRIPTOR.services_by_name["StoreService"], StoreService),
    (log_service_pb2.DESCRIPTOR.services_by_name["LogService"], LogService),
)


async def _parent_is_gone(control: int) -> None:
    """Waits until the parent closes its end, or asks by SIGTERM."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()

    def look() -> None:
        try:
            if os.read(control, 4096):
                return
        except ConnectionResetError:
            pass
        loop.remove_reader(control)
        gone.set()

    loop.add_reader(control, look)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, gone.set)
    await gone.wait()
