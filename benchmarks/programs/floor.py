"""Measures what nothing that runs tasks in processes can do without: `floor.py FOLDER`.

Prints lines of a name and seconds. Nothing of Instep runs but for what its host imports, which makes a process as large
as the one that workers are forked off. The server of the calls is this file in a process of its own: `floor.py FOLDER
serve`.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ROUNDS = 500
WARMING = 50
METHOD = "Floor/Call"
REQUEST = b"x" * 200
OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0))


def main(folder: str) -> None:
    """Measures everything. The process grows as it goes, so forks come first, and imports no sooner than needed."""
    tell("fork", forks(lambda: None))
    import subprocess

    from instep import _host

    _host._warm_up()
    tell("fork_sdk", forks(lambda: None))
    tell("fork_parallel", forks(lambda: None, at_once=os.cpu_count() or 1))
    gc.freeze()
    target = f"unix:{folder}/floor.sock"
    with subprocess.Popen(
        [sys.executable, __file__, folder, "serve"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        tell("fork_h2", forks(lambda: dial(h2_caller(target))))
        importlib.import_module("grpc._channel")  # what gRPC itself imports only when a channel is made
        gc.freeze()
        tell("fork_grpcio", forks(lambda: dial(caller(target))))
        tell("call", calls(caller(target)))  # last: a process that has used gRPC must not fork
        server.kill()
    tell("commit", commits(f"{folder}/floor.db"))


def tell(name: str, seconds: float) -> None:
    print(name, seconds, flush=True)


def forks(work: Callable[[], object], at_once: int = 1) -> float:
    """Forks processes that work and exit, and waits for each. Returns seconds per process."""
    start = time.perf_counter()
    for number in range(ROUNDS):
        if os.fork() == 0:
            work()
            os._exit(0)
        if number >= at_once - 1:
            os.wait()
    for _ in range(at_once - 1):
        os.wait()
    return (time.perf_counter() - start) / ROUNDS


def dial(call: Callable[[], object]) -> None:
    """Does what a worker's process cannot do without: a call that gets a task, and one that reports."""
    call()
    call()


def calls(call: Callable[[], object]) -> float:
    """Calls again and again on one channel. Returns seconds per call."""
    for _ in range(WARMING):
        call()
    start = time.perf_counter()
    for _ in range(ROUNDS):
        call()
    return (time.perf_counter() - start) / ROUNDS


def caller(target: str) -> Callable[[], object]:
    """Makes a channel of grpcio and what calls on it."""
    import grpc

    call = grpc.insecure_channel(target, options=OPTIONS).unary_unary(f"/instep.v1.{METHOD}")
    return lambda: call(REQUEST, timeout=60)


def h2_caller(target: str) -> Callable[[], object]:
    """Makes a connection of the SDK, which speaks gRPC over the library h2, and what calls on it."""
    from instep._rpc import Connection
    from instep_proto.v1 import value_pb2

    connection = Connection(target, "x" * 64)
    request = value_pb2.Manifest(producer=REQUEST.decode())
    return lambda: connection.call(METHOD, request, value_pb2.Manifest)


def commits(path: str) -> float:
    """Commits rows one by one, each synced, as the database of a store does. Returns seconds per commit."""
    import sqlite3

    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, data BLOB)")
    start = time.perf_counter()
    for _ in range(ROUNDS):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO rows (data) VALUES (?)", (REQUEST,))
        connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    connection.close()
    return seconds / ROUNDS


async def serve(folder: str) -> None:
    """Answers calls with what they sent."""
    import grpc

    class Methods(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            async def answer(request: bytes, context: Any) -> bytes:
                return request

            return grpc.unary_unary_rpc_method_handler(answer) if details.method.endswith(METHOD) else None

    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((Methods(),))
    server.add_insecure_port(f"unix:{folder}/floor.sock")
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    if len(sys.argv) > 2:
        import asyncio

        asyncio.run(serve(sys.argv[1]))
    else:
        main(sys.argv[1])
