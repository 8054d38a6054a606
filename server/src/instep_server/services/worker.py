"""What workers call to get tasks, keep them, and hand them back."""

from __future__ import annotations

from instep_proto.v1 import task_pb2, worker_service_pb2_grpc
from instep_proto.v1 import worker_service_pb2 as pb

from instep_server import limits
from instep_server.core.states import WorkerEvent
from instep_server.errors import Reason, RequestError
from instep_server.reports import report_hash
from instep_server.services.guard import Service, unary, waiting
from instep_server.services.leases import attempt_of, check_open, open_attempt_of, worker_of
from instep_server.services.meta import limit_entries
from instep_server.tokens import Grant, TokenKind
from instep_server.workers import Attempt, Worker

SESSION_SECONDS = 12 * 3600.0


class WorkerService(Service, worker_service_pb2_grpc.WorkerServiceServicer):
    """The service of the same name."""

    @unary(TokenKind.BOOTSTRAP)
    def RegisterWorker(self, request: pb.RegisterWorkerRequest, grant: Grant) -> pb.RegisterWorkerResponse:
        """Opens a session, and leases a task when asked to."""
        if grant.subject != request.worker_id:
            raise RequestError(Reason.TOKEN_SCOPE, "The token is for another worker id.")
        _check_version(request)
        worker = worker_of(self.orchestrator, grant)
        self._admit(worker, request)
        response = pb.RegisterWorkerResponse(
            session_token=self.orchestrator.tokens.issue(
                TokenKind.SESSION, worker.id, seconds=SESSION_SECONDS
            ),
            version=min(request.version_max, limits.VERSION_MAX),
            capabilities=sorted(set(request.capabilities) & set(limits.CAPABILITIES)),
            limits=limit_entries(self.orchestrator.tools.settings),
            object_root=str(self.orchestrator.store.root) if worker.shares_store else "",
        )
        if request.HasField("lease"):
            response.lease.CopyFrom(_lease(worker, request.lease))
        return response

    @unary(TokenKind.SESSION)
    def LeaseTask(self, request: pb.LeaseTaskRequest, grant: Grant) -> pb.LeaseTaskResponse:
        """Leases one task. Never waits: a worker is only started when there is a task for it."""
        return _lease(worker_of(self.orchestrator, grant), request)

    @unary(TokenKind.SESSION)
    def ListJoinInputs(self, request: pb.ListJoinInputsRequest, grant: Grant) -> pb.ListJoinInputsResponse:
        """Lists inputs of a join that did not fit into its task."""
        attempt = open_attempt_of(self.orchestrator, grant, request.lease_token)
        return attempt.worker.run.join_inputs(attempt, request.position)

    @unary(TokenKind.SESSION)
    def Heartbeat(self, request: pb.HeartbeatRequest, grant: Grant) -> pb.HeartbeatResponse:
        """Keeps a lease, and tells what to do."""
        attempt = open_attempt_of(self.orchestrator, grant, request.lease_token)
        if request.seq > attempt.heartbeat_seq:
            attempt.heartbeat_seq = request.seq
            attempt.worker.run.acknowledge(attempt)
        settings = self.orchestrator.tools.settings
        response = pb.HeartbeatResponse(
            ttl_ms=settings.lease_ms, heartbeat_ms=settings.heartbeat_ms, directive=pb.DIRECTIVE_CONTINUE
        )
        if attempt.stop is not None:
            response.directive = pb.DIRECTIVE_CANCEL
            response.cancel_reason = attempt.stop.reason
            response.cancel_grace_ms = limits.CANCEL_GRACE_MS
        return response

    @waiting(TokenKind.SESSION)
    async def CompleteTask(self, request: pb.CompleteTaskRequest, grant: Grant) -> pb.CompleteTaskResponse:
        """Takes the report that ends an attempt."""
        attempt = attempt_of(self.orchestrator, grant, request.lease_token)
        if not request.completion_id:
            raise RequestError(Reason.MALFORMED, "The report has no completion_id.")
        if attempt.completion_id == request.completion_id:
            return await self._repeat(attempt, request)
        check_open(attempt)
        following = await attempt.worker.run.complete(attempt, request)
        return pb.CompleteTaskResponse(
            disposition=pb.DISPOSITION_RECORDED,
            cancel_won=attempt.cancel_won,
            next=None if following is None else _lease_response(following),
        )

    @unary(TokenKind.SESSION)
    def CloseWorker(self, request: pb.CloseWorkerRequest, grant: Grant) -> pb.CloseWorkerResponse:
        """Closes a session."""
        worker = worker_of(self.orchestrator, grant)
        worker.run.close_worker(worker)
        return pb.CloseWorkerResponse()

    def _admit(self, worker: Worker, request: pb.RegisterWorkerRequest) -> None:
        """Registers a worker, or finds that this process did so a moment ago."""
        now = self.orchestrator.tools.monotonic()
        if worker.registered is None:
            worker.advance(WorkerEvent.REGISTER)
            worker.registered = worker.idle_since = now
            worker.pid = request.pid
            worker.machine = request.host
            worker.shares_store = request.store_probe == self.orchestrator.probe
        elif worker.pid != request.pid:
            raise RequestError(
                Reason.SESSION_REPLACED, f"Process {worker.pid} registered as this worker before."
            )
        elif now > worker.registered + limits.REREGISTER_MS / 1000:
            raise RequestError(Reason.TOKEN_EXPIRED, "The worker registered long ago.")

    async def _repeat(self, attempt: Attempt, request: pb.CompleteTaskRequest) -> pb.CompleteTaskResponse:
        """Answers a report that was made before, once the first one is on disk."""
        if report_hash(request) != attempt.completion_hash:
            raise RequestError(
                Reason.COMPLETION_CONFLICT,
                f"Report {request.completion_id!r} was made before, with another content.",
            )
        run = attempt.worker.run.key
        await self.orchestrator.db.write(lambda _connection: None, durable=True, run=run)
        return pb.CompleteTaskResponse(
            disposition=pb.DISPOSITION_DUPLICATE,
            cancel_won=attempt.cancel_won,
            next=_lease(attempt.worker, request.want_next) if request.HasField("want_next") else None,
        )


def _lease(worker: Worker, request: pb.LeaseTaskRequest) -> pb.LeaseTaskResponse:
    if request.draining:
        worker.run.close_worker(worker)
        return pb.LeaseTaskResponse(drain=pb.Drain(reason="The worker asked for it."))
    return _lease_response(worker.run.lease(worker))


def _lease_response(found: task_pb2.Task | str) -> pb.LeaseTaskResponse:
    if isinstance(found, str):
        return pb.LeaseTaskResponse(drain=pb.Drain(reason=found))
    return pb.LeaseTaskResponse(task=found)


def _check_version(request: pb.RegisterWorkerRequest) -> None:
    if request.version_min > limits.VERSION_MAX or request.version_max < limits.VERSION_MIN:
        server = f"{limits.VERSION_MIN}-{limits.VERSION_MAX}"
        worker = f"{request.version_min}-{request.version_max}"
        raise RequestError(
            Reason.VERSION_UNSUPPORTED,
            f"The orchestrator speaks protocol versions {server}, and {request.sdk} speaks {worker}."
            " Update the older of the two.",
            server=server,
            worker=worker,
        )
