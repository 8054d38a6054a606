"""Starts the orchestrator: `python -m instep_server --home DIR --control-fd N [--host-fd M]`."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import signal
import sys
import traceback
from pathlib import Path


def main() -> None:
    """Runs the program to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # Until it listens: what imports make stays for good, and looking for garbage in it is in vain.
    parser = argparse.ArgumentParser(prog="instep-server", description="Instep's orchestrator.")
    parser.add_argument("--home", type=Path, required=True, help="directory of the store")
    parser.add_argument("--control-fd", type=int, required=True, help="descriptor that tells the parent")
    parser.add_argument("--host-fd", type=int, help="descriptor of the pipe to a host")
    given = parser.parse_args()
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # gRPC reads it when it is imported
    import asyncio

    from instep_server.errors import InstepError
    from instep_server.program import Arguments, serve

    status = 0
    try:
        asyncio.run(serve(Arguments(home=given.home, control=given.control_fd, host=given.host_fd)))
    except InstepError as err:
        tell(given.control_fd, str(err))
        status = 1
    except Exception as err:  # noqa: BLE001 - the parent has to hear of it, whatever it is
        traceback.print_exception(err)
        tell(given.control_fd, f"{type(err).__name__}: {err}. This is a bug in Instep.")
        status = 1
    sys.stderr.flush()
    # Neither gRPC nor the interpreter has anything left to do that is worth waiting for.
    os._exit(status)


def tell(control: int, message: str) -> None:
    """Tells the parent, if it is still there, why the server cannot start."""
    with contextlib.suppress(BrokenPipeError):
        os.write(control, f"error: {message}\n".encode())


if __name__ == "__main__":
    main()
