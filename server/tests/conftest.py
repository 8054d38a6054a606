"""What all tests of the server need."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from instep_proto.v1 import error_pb2


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a store may be made."""
    return tmp_path / ".instep"


class Refused:
    """What a call was refused with.

    Attributes:
        code: The status.
        reason: Name of the verdict.
        facts: What came beside it.
        text: The message.
    """

    def __init__(self, err: grpc.RpcError) -> None:
        self.code = err.code().name
        self.text = err.details()
        detail = error_pb2.ErrorDetail.FromString(dict(err.trailing_metadata())["instep-error-bin"])
        self.reason = error_pb2.ErrorReason.Name(detail.reason).removeprefix("ERROR_REASON_")
        self.facts = {entry.key: entry.value for entry in detail.metadata}


@pytest.fixture
def refusal():
    """Calls something and gives the refusal."""

    def call(function, *args: object, **kwargs: object) -> Refused:
        with pytest.raises(grpc.RpcError) as caught:
            function(*args, **kwargs)
        return Refused(caught.value)

    return call
