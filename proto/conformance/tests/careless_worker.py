"""A worker that runs no code and reports success for every task. It can do some things wrong on top of that.

Arguments: `new-id` reports again under another id, `gives-up` never reports again, `wrong-token` shows a wrong token,
`exit-code` ends with 3, `tells` writes its token to stderr.
"""

from __future__ import annotations

import os
import struct
import sys
import time

import grpc
from instep_proto.v1 import host_pb2, worker_service_pb2_grpc
from instep_proto.v1 import worker_service_pb2 as pb

faults = set(sys.argv[1:])


def main() -> int:
    fd = int(os.environ["INSTEP_BOOTSTRAP_FD"])
    (length,) = struct.unpack("<I", os.read(fd, 4))
    bootstrap = host_pb2.WorkerBootstrap.FromString(os.read(fd, length))
    if "tells" in faults:
        print(bootstrap.token.hex(), file=sys.stderr)
    stub = worker_service_pb2_grpc.WorkerServiceStub(grpc.insecure_channel(bootstrap.endpoint))
    registration = pb.RegisterWorkerRequest(
        worker_id=bootstrap.worker_id,
        version_min=1,
        version_max=1,
        language="careless",
        runtime_version="1",
        sdk="careless 1",
        host="here",
        pid=os.getpid(),
        lease=pb.LeaseTaskRequest(request_id="1"),
    )
    session = stub.RegisterWorker(registration, metadata=bearer(bootstrap.token))
    if session.lease.WhichOneof("answer") == "task":
        token = b"wrong" if "wrong-token" in faults else session.session_token
        report(stub, session.lease.task.lease.lease_token, token)
    return 3 if "exit-code" in faults else 0


def report(stub: worker_service_pb2_grpc.WorkerServiceStub, lease_token: bytes, token: bytes) -> None:
    for number in range(5):
        completion_id = str(number) if "new-id" in faults else "0"
        request = pb.CompleteTaskRequest(
            lease_token=lease_token, completion_id=completion_id, success=pb.Success()
        )
        try:
            stub.CompleteTask(request, metadata=bearer(token))
            return
        except grpc.RpcError as err:
            if "gives-up" in faults:
                sys.exit(1)
            if err.trailing_metadata():  # a verdict
                return
        time.sleep(0.05)


def bearer(token: bytes) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token.hex()}"),)


if __name__ == "__main__":
    sys.exit(main())
