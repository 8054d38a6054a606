"""The orchestrator as a stranger sees it: a client built from proto/ alone, over its Unix socket."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from instep_proto.v1 import (
    control_service_pb2,
    control_service_pb2_grpc,
    meta_service_pb2,
    meta_service_pb2_grpc,
)
from project import Project, wait_until

SECONDS = 20


class Server:
    """An orchestrator that was started as the SDKs start it."""

    def __init__(self, project: Project) -> None:
        self.control, theirs = socket.socketpair()
        fd = theirs.fileno()
        command = [sys.executable, "-m", "instep_server", "--home", str(project.folder / ".instep")]
        self.process = subprocess.Popen(
            [*command, "--control-fd", str(fd)],
            env=project.environment,
            stdin=subprocess.DEVNULL,
            pass_fds=[fd],
            start_new_session=True,
        )
        theirs.close()
        self.control.settimeout(SECONDS)
        block = b""
        while not block.endswith(b"\n\n"):
            piece = self.control.recv(4096)
            assert piece, "the server ended"
            block += piece
        self.target, self.token = block.decode().split("\n")[:2]
        self.channel = grpc.insecure_channel(self.target, options=[("grpc.enable_http_proxy", 0)])

    @property
    def socket_path(self) -> Path:
        """The socket in the file system."""
        return Path(self.target.removeprefix("unix:").replace("//", "/"))


@pytest.fixture
def server(project: Project) -> Iterator[Server]:
    """A running orchestrator over an empty store."""
    mine = Server(project)
    yield mine
    mine.channel.close()
    mine.control.close()
    assert mine.process.wait(SECONDS) == 0


def test_server_tells_its_versions_without_a_token(server: Server) -> None:
    stub = meta_service_pb2_grpc.MetaServiceStub(server.channel)
    info = stub.GetServerInfo(meta_service_pb2.GetServerInfoRequest(client="test"), timeout=SECONDS)
    assert 1 <= info.version_min <= info.version_max
    assert info.server_id
    assert info.server_version


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, grpc.StatusCode.UNAUTHENTICATED),
        (f"Bearer {'00' * 32}", grpc.StatusCode.UNAUTHENTICATED),
        ("Bearer 00", grpc.StatusCode.INVALID_ARGUMENT),
        ("nonsense", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_every_other_call_needs_the_token(server: Server, header: str | None, code: grpc.StatusCode) -> None:
    stub = control_service_pb2_grpc.ControlServiceStub(server.channel)
    request = control_service_pb2.ListFlowsRequest()
    with pytest.raises(grpc.RpcError) as caught:
        stub.ListFlows(request, metadata=[("authorization", header)] if header else [], timeout=SECONDS)
    assert caught.value.code() == code
    granted = [("authorization", f"Bearer {server.token}")]
    assert list(stub.ListFlows(request, metadata=granted, timeout=SECONDS).flows) == []


def test_socket_and_store_belong_to_the_user_alone(server: Server, project: Project) -> None:
    for directory in (server.socket_path.parent, project.folder / ".instep"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert directory.stat().st_uid == os.geteuid()
    assert len(str(server.socket_path)) < 100
    assert (project.folder / ".instep" / ".gitignore").read_text().strip() == "*"


def test_server_ends_and_removes_its_socket_when_its_parent_is_gone(project: Project) -> None:
    server = Server(project)
    assert server.socket_path.exists()
    server.control.close()
    assert server.process.wait(SECONDS) == 0
    assert not server.socket_path.exists()


def test_two_servers_share_a_store(server: Server, project: Project) -> None:
    second = Server(project)
    assert second.target != server.target
    second.control.close()
    wait_until(lambda: second.process.poll() is not None, seconds=SECONDS)
