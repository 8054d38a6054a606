"""Starting and ending an orchestrator."""

import os
import select
import signal
from pathlib import Path

import pytest
from instep._home import flow_home
from instep._rpc import Connection
from instep._server_process import ServerProcess
from instep.errors import ServerFailedError
from instep_proto.v1 import meta_service_pb2 as pb


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INSTEP_HOME", str(tmp_path / "store"))
    return flow_home(tmp_path / "flow.py")


def test_a_server_listens_and_ends(home: Path) -> None:
    server = ServerProcess(home)
    address = server.address()
    assert address == server.address()
    with Connection(address.target) as connection:
        info = connection.call(
            "MetaService/GetServerInfo", pb.GetServerInfoRequest(), pb.GetServerInfoResponse
        )
    assert info.version_min <= 1 <= info.version_max
    socket = Path(address.target.removeprefix("unix:"))
    assert socket.exists()
    assert not server.ends_within(0)
    server.stop()
    assert server.ends_within(0)
    assert server.exit_text() == "exit code 0"
    assert not socket.exists()
    server.stop()


def test_a_server_that_cannot_start_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    server = ServerProcess(tmp_path / "file" / "store")
    (tmp_path / "file").write_text("")
    with pytest.raises(ServerFailedError, match="The orchestrator") as caught:
        server.address()
    assert "file" in caught.value.message
    server.stop()


def test_a_server_that_is_killed_before_it_listens_is_told(home: Path) -> None:
    server = ServerProcess(home)
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(ServerFailedError, match=r"ended before it listened \(signal SIGKILL\)"):
        server.address()
    server.stop()


def test_the_end_of_the_parent_ends_the_server(home: Path) -> None:
    """Also when the parent has forked: the child must not keep the server alive."""
    ready, write = os.pipe()
    hold, release = os.pipe()
    parent = os.fork()
    if parent == 0:
        server = ServerProcess(home)
        os.write(write, f"{server.pid} {server.address().target}".encode())
        if os.fork() == 0:
            os.close(release)
            os.read(hold, 1)
        os._exit(0)
    os.waitpid(parent, 0)
    pid, target = os.read(ready, 1000).decode().split()
    _wait_until_gone(int(pid))
    assert not Path(target.removeprefix("unix:")).exists()
    os.close(release)


def _wait_until_gone(pid: int) -> None:
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([fd], [], [], 20)[0], f"Process {pid} goes on."
    finally:
        os.close(fd)
