"""The worker's side of the protocol against the real program, played by hand: one call at a time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from instep_proto.v1 import (
    digest_pb2,
    failure_pb2,
    graph_pb2,
    log_service_pb2,
    log_service_pb2_grpc,
    meta_service_pb2,
    run_pb2,
    store_service_pb2,
    store_service_pb2_grpc,
    task_pb2,
    worker_service_pb2,
)
from instep_server.active_run import MAX_PAST_LEASES
from rig import HandWorker, Rig, StepDef, hash_of, running, text_of, value

LINE = [StepDef("start", ["end"]), StepDef("end")]
EACH = [
    StepDef("start", ["work"], foreach="xs"),
    StepDef("work", ["join"]),
    StepDef("join", ["end"], join=True),
    StepDef("end"),
]
RECORDED, DUPLICATE = worker_service_pb2.DISPOSITION_RECORDED, worker_service_pb2.DISPOSITION_DUPLICATE
STDOUT = log_service_pb2.LOG_STREAM_STDOUT


@pytest.fixture
def rig(home: Path) -> Iterator[Rig]:
    with running(home, LINE, by_hand=True) as one:
        yield one


@pytest.fixture
def worker(rig: Rig) -> HandWorker:
    """The first worker of a run, before its first call."""
    rig.run = rig.submit()
    return rig.hand.worker()


def attempt_state(rig: Rig, task: int = -1) -> str:
    return run_pb2.AttemptState.Name(rig.tasks(rig.run)[task].attempts[-1].state).removeprefix(
        "ATTEMPT_STATE_"
    )


def finish(rig: Rig, worker: HandWorker) -> Any:
    """Brings the run to its end, from its first worker's report on."""
    worker.exit()
    last = rig.hand.worker()
    last.register()
    last.succeed("end")
    last.exit()
    return rig.finish(rig.run)


def test_server_tells_what_it_is_without_a_token(rig: Rig) -> None:
    info = rig.meta_stub.GetServerInfo(meta_service_pb2.GetServerInfoRequest(client="test"))
    assert (info.version_min, info.version_max, info.server_version) == (1, 1, "0.1.0")
    assert list(info.capabilities) == sorted(info.capabilities)
    assert {limit.key: limit.value for limit in info.limits}["heartbeat_ms"] == "5000"


def test_clients_need_their_token(rig: Rig, worker: HandWorker, refusal) -> None:
    worker.register()
    cases: list[tuple[Any, str, str]] = [
        ((), "UNAUTHENTICATED", "TOKEN_UNKNOWN"),
        ((("authorization", "Bearer " + "00" * 32),), "UNAUTHENTICATED", "TOKEN_UNKNOWN"),
        ((("authorization", "Bearer xyz"),), "INVALID_ARGUMENT", "TOKEN_MALFORMED"),
        ((("authorization", "Basic 00"),), "INVALID_ARGUMENT", "TOKEN_MALFORMED"),
        (worker.session, "PERMISSION_DENIED", "TOKEN_SCOPE"),
        (worker.bootstrap, "PERMISSION_DENIED", "TOKEN_SCOPE"),
    ]
    for metadata, code, reason in cases:
        rig.metadata, kept = metadata, rig.metadata
        refused = refusal(rig.call, "ListFlows")
        rig.metadata = kept
        assert (refused.code, refused.reason) == (code, reason)


def test_bootstrap_and_fork_tell_the_worker_what_it_needs(rig: Rig, worker: HandWorker) -> None:
    bootstrap = worker.fork.bootstrap
    assert bootstrap.endpoint == rig.target
    assert bootstrap.worker_id == worker.id
    assert bootstrap.file == str(rig.flow)
    assert worker.fork.working_directory == str(rig.home.parent)
    env = {entry.key: entry.value for entry in bootstrap.env}
    assert env == {
        "INSTEP_STDERR_FILE": worker.fork.stderr_file,
        "INSTEP_STDOUT_FILE": worker.fork.stdout_file,
    }
    response = worker.register()
    assert response.version == 1
    assert response.object_root == str(rig.home / "objects")


def test_task_tells_all_about_itself(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    task = worker.task
    assert (task.flow, task.run_id, task.step, task.task_id, task.attempt) == ("Demo", "1", "start", "1", 0)
    assert (task.max_attempts, task.user, task.redelivery, task.is_join) == (1, "ada", 0, False)
    assert task.entry_point.file == str(rig.flow)
    assert task.transition.kind == graph_pb2.TRANSITION_KIND_LINEAR
    assert task.idempotency_key == "Demo/1/start/1"
    assert len(task.lease.lease_token) == 32
    assert task.queued_unix_ms > 0


@pytest.mark.parametrize(
    ("run_says", "told"),
    [
        (graph_pb2.LOSS_POLICY_UNSPECIFIED, graph_pb2.LOSS_POLICY_WARN),
        (graph_pb2.LOSS_POLICY_ERROR, graph_pb2.LOSS_POLICY_ERROR),
    ],
)
def test_task_tells_what_to_do_about_losses(
    rig: Rig, run_says: graph_pb2.LossPolicy, told: graph_pb2.LossPolicy
) -> None:
    rig.run = rig.submit(on_loss=run_says)
    worker = rig.hand.worker()
    worker.register()
    assert worker.task.on_loss == told


def test_register_again_gives_the_same_session_and_task(rig: Rig, worker: HandWorker, refusal) -> None:
    first = worker.register()
    second = worker.register()
    assert second.session_token == first.session_token
    assert second.lease.task.lease == first.lease.task.lease
    assert second.lease.task.redelivery == 1
    refused = refusal(worker.register, pid=os.getpid() + 1)
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "SESSION_REPLACED")
    rig.until(rig.run, attempt_state=run_pb2.ATTEMPT_STATE_LEASED)
    assert len(rig.tasks(rig.run)[-1].attempts) == 1


def test_register_for_another_worker_or_version_is_refused(worker: HandWorker, refusal) -> None:
    assert refusal(worker.register, worker_id="other").reason == "TOKEN_SCOPE"
    refused = refusal(worker.register, version_min=2, version_max=3)
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "VERSION_UNSUPPORTED")
    assert refused.facts == {"server": "1-1", "worker": "2-3"}
    worker.register()


def test_worker_that_cannot_read_the_probe_gets_no_object_root(worker: HandWorker) -> None:
    assert worker.register(store_probe=b"").object_root == ""


def test_lease_that_is_never_acknowledged_is_taken_back(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    answers = [worker.call("LeaseTask", request_id=str(number)) for number in range(4)]
    assert [answer.WhichOneof("answer") for answer in answers] == ["task", "task", "task", "drain"]
    other = rig.hand.worker()
    assert other.register().lease.task.attempt == 1
    rig.until(rig.run, attempt=1, attempt_state=run_pb2.ATTEMPT_STATE_LEASED)
    states = [attempt.state for attempt in rig.tasks(rig.run)[-1].attempts]
    assert states == [run_pb2.ATTEMPT_STATE_RECLAIMED, run_pb2.ATTEMPT_STATE_LEASED]
    worker.exit()
    other.succeed()
    assert finish(rig, other).state == run_pb2.RUN_STATE_SUCCEEDED


def test_first_heartbeat_starts_the_attempt(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    rig.until(rig.run, attempt_state=run_pb2.ATTEMPT_STATE_LEASED)
    answer = worker.call("Heartbeat", seq=1)
    assert (answer.directive, answer.ttl_ms, answer.heartbeat_ms) == (
        worker_service_pb2.DIRECTIVE_CONTINUE,
        30_000,
        5_000,
    )
    worker.call("Heartbeat", seq=1)
    worker.call("Heartbeat", seq=0)
    worker.call("Heartbeat", seq=5)
    worker.succeed()
    run = finish(rig, worker)
    events = [event for message in rig.watch(run) for event in message.events if event.task_id == "1"]
    assert [event.attempt_state for event in events if event.attempt_state] == [1, 2, 3]


def test_complete_again_is_a_duplicate_and_another_body_a_conflict(
    rig: Rig, worker: HandWorker, refusal
) -> None:
    worker.register()
    assert worker.succeed("c1", outputs={"x": "1"}).disposition == RECORDED
    for _ in range(2):
        assert worker.succeed("c1", outputs={"x": "1"}).disposition == DUPLICATE
    refused = refusal(worker.succeed, "c1", outputs={"x": "2"})
    assert (refused.code, refused.reason) == ("ALREADY_EXISTS", "COMPLETION_CONFLICT")
    refused = refusal(worker.succeed, "c2")
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "LEASE_CLOSED")
    assert refusal(worker.call, "Heartbeat", seq=9).reason == "LEASE_CLOSED"
    run = finish(rig, worker)
    assert rig.artifacts(run, "1") == {"x": "1"}


def test_completed_task_is_on_disk_when_the_call_returns(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    worker.succeed(outputs={"x": "kept"})
    rig.process.kill()
    rig.process.wait()
    with running(rig.home) as after:
        assert after.tasks(rig.run)[-1].state == run_pb2.TASK_STATE_SUCCEEDED
        assert after.artifacts(rig.run, "1") == {"x": "kept"}


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ([("x", value("1"), hash_of(b"other"), None)], "DIGEST_MISMATCH"),
        ([("x", value("1"), None, 3)], "DIGEST_MISMATCH"),
        ([("x", value("1"), None, None), ("x", value("2"), None, None)], "MALFORMED"),
        ([("x", b"", hash_of(b"absent"), 6)], "BLOB_MISSING"),
        ([("x", b"", "nonsense", 6)], "MALFORMED"),
        ([("x", b"x" * 70_000, None, None)], "LIMIT_EXCEEDED"),
    ],
)
def test_report_that_is_not_right_is_refused_and_can_be_made_again(
    rig: Rig, worker: HandWorker, refusal, outputs, reason: str
) -> None:
    worker.register()
    success = worker_service_pb2.Success()
    for name, manifest, hash_text, size in outputs:
        output = success.outputs.add(name=name, manifest=manifest)
        output.artifact.hash = hash_text or hash_of(manifest)
        output.artifact.size = len(manifest) if size is None else size
    refused = refusal(worker.call, "CompleteTask", completion_id="c", success=success)
    assert refused.reason == reason
    rig.until(rig.run, attempt_state=run_pb2.ATTEMPT_STATE_LEASED)
    assert attempt_state(rig) == "LEASED"
    assert worker.succeed("c", outputs={"x": "1"}).disposition == RECORDED
    assert rig.artifacts(rig.run, "1") == {"x": "1"}


def test_missing_blob_is_named_and_can_be_stored_by_the_worker(rig: Rig, worker: HandWorker, refusal) -> None:
    root = Path(worker.register().object_root)
    blob = digest_pb2.Digest(hash=hash_of(b"part"), size=4)
    manifest = value("with a part")
    output = task_pb2.Output(name="x", manifest=manifest, blobs=[blob])
    output.artifact.hash, output.artifact.size = hash_of(manifest), len(manifest)
    success = worker_service_pb2.Success(outputs=[output])
    refused = refusal(worker.call, "CompleteTask", completion_id="c", success=success)
    assert (refused.code, refused.facts) == ("FAILED_PRECONDITION", {"digests": blob.hash})
    path = root / "b3" / blob.hash[3:5] / blob.hash[5:]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"part")
    assert worker.call("CompleteTask", completion_id="c", success=success).disposition == RECORDED
    (artifact,) = rig.call("ListArtifacts", flow="Demo", run_id="1", task_id="1").artifacts
    assert artifact.size == len(manifest) + 4


def test_blobs_can_be_uploaded_through_the_server(rig: Rig, worker: HandWorker, refusal) -> None:
    worker.register(store_probe=b"")
    stub = store_service_pb2_grpc.StoreServiceStub(rig.channel)
    token = worker.task.lease.lease_token
    data = b"part" * 500_000
    digest = digest_pb2.Digest(hash=hash_of(data), size=len(data))
    prepare = store_service_pb2.PrepareUploadsRequest(lease_token=token, digests=[digest])
    (upload,) = stub.PrepareUploads(prepare, metadata=worker.session).uploads
    assert (upload.present, upload.committed_bytes, upload.locations[0].server) == (False, 0, True)
    for offset in range(0, len(data), 1 << 20):
        piece = data[offset : offset + (1 << 20)]
        write = store_service_pb2.WriteBlobRequest(
            lease_token=token, upload_id=upload.upload_id, offset=offset, data=piece
        )
        assert stub.WriteBlob(write, metadata=worker.session).committed_bytes == offset + len(piece)
    gap = store_service_pb2.WriteBlobRequest(
        lease_token=token, upload_id=upload.upload_id, offset=len(data) + 1, data=b"x"
    )
    refused = refusal(stub.WriteBlob, gap, metadata=worker.session)
    assert (refused.code, refused.reason, refused.facts) == (
        "OUT_OF_RANGE",
        "UPLOAD_OFFSET",
        {"expected": str(len(data))},
    )
    finished = store_service_pb2.FinishedUpload(upload_id=upload.upload_id, digest=digest)
    commit = store_service_pb2.CommitUploadsRequest(lease_token=token, uploads=[finished])
    assert [one.ok for one in stub.CommitUploads(commit, metadata=worker.session).uploads] == [True]
    assert stub.PrepareUploads(prepare, metadata=worker.session).uploads[0].present
    read = store_service_pb2.ReadBlobRequest(lease_token=token, digest=digest, offset=2)
    pieces = list(stub.ReadBlob(read, metadata=worker.session))
    assert b"".join(piece.data for piece in pieces) == data[2:]
    assert max(len(piece.data) for piece in pieces) <= 1 << 20
    with pytest.raises(grpc.RpcError):
        list(stub.ReadBlob(store_service_pb2.ReadBlobRequest(digest=digest), metadata=worker.session))


def test_large_manifest_is_a_blob(rig: Rig, worker: HandWorker) -> None:
    root = Path(worker.register().object_root)
    manifest = value("x" * 100_000)
    path = root / "b3" / hash_of(manifest)[3:5] / hash_of(manifest)[5:]
    path.parent.mkdir(parents=True)
    path.write_bytes(manifest)
    output = task_pb2.Output(name="x")
    output.artifact.hash, output.artifact.size = hash_of(manifest), len(manifest)
    worker.call("CompleteTask", completion_id="c", success=worker_service_pb2.Success(outputs=[output]))
    worker.exit()
    end = rig.hand.worker()
    end.register()
    (entry,) = end.task.inputs
    assert (entry.name, entry.manifest, entry.artifact.hash) == ("x", b"", hash_of(manifest))
    assert rig.artifacts(rig.run, "1") == {"x": "x" * 100_000}


def test_lease_of_another_worker_is_refused(home: Path, refusal) -> None:
    with running(home, EACH, by_hand=True) as rig:
        rig.run = rig.submit(max_workers=2)
        start = rig.hand.worker()
        start.register()
        start.succeed(outputs={"xs": "x"}, foreach_count=2)
        start.exit()
        one, two = rig.hand.worker(), rig.hand.worker()
        one.register()
        two.register()
        stolen = one.task.lease.lease_token
        assert refusal(two.call, "Heartbeat", seq=1, lease_token=stolen).reason == "TOKEN_SCOPE"
        assert refusal(two.call, "Heartbeat", seq=1, lease_token=b"x" * 32).reason == "TOKEN_UNKNOWN"
        assert refusal(two.call, "Heartbeat", seq=1, lease_token=b"x").reason == "TOKEN_MALFORMED"
        ended = start.task.lease.lease_token  # it is forgotten when its process is known to have ended
        reason = refusal(two.call, "Heartbeat", seq=1, lease_token=ended).reason
        assert reason in ("TOKEN_SCOPE", "TOKEN_UNKNOWN")


def test_worker_of_many_tasks_can_name_its_newest_leases(home: Path, refusal) -> None:
    """I4: a report that comes twice is a duplicate, also after later tasks; what is kept for that has a limit."""
    count = MAX_PAST_LEASES + 1
    reuse = StepDef("work", ["join"], isolation=graph_pb2.ISOLATION_REUSE)
    with running(home, [EACH[0], reuse, *EACH[2:]], by_hand=True) as rig:
        rig.run = rig.submit(max_workers=1)
        start = rig.hand.worker()
        start.register()
        start.succeed(outputs={"xs": "x"}, foreach_count=count)
        start.exit()
        worker = rig.hand.worker()
        leased = worker.register().lease
        tokens = []
        for number in range(count - 1):
            tokens.append(leased.task.lease.lease_token)
            leased = report(worker, tokens[-1], number, next_id=str(number)).next
        assert report(worker, tokens[1], 1).disposition == DUPLICATE
        assert refusal(report, worker, tokens[0], 0).reason == "TOKEN_UNKNOWN"
        assert report(worker, leased.task.lease.lease_token, count).disposition == RECORDED


def report(worker: HandWorker, token: bytes, number: int, *, next_id: str = "") -> Any:
    """Reports that a task succeeded, and asks for the next one when that has an id."""
    following = worker_service_pb2.LeaseTaskRequest(request_id=next_id) if next_id else None
    return worker.call(
        "CompleteTask",
        lease_token=token,
        completion_id=f"c{number}",
        success=worker_service_pb2.Success(),
        want_next=following,
    )


def test_join_gets_its_inputs_in_pages(home: Path) -> None:
    with running(home, EACH, by_hand=True) as rig:
        rig.run = rig.submit(max_workers=1)
        worker = rig.hand.worker()
        worker.register()
        worker.succeed(outputs={"xs": "x"}, foreach_count=30)
        worker.exit()
        for number in range(30):
            worker = rig.hand.worker()
            worker.register()
            worker.succeed(outputs={"y": f"{number} " + "y" * 60_000})
            worker.exit()
        worker = rig.hand.worker()
        worker.register()
        task = worker.task
        assert task.is_join
        assert [entry.name for entry in task.inputs] == []
        joins = list(task.joins)
        pages = 1
        following = task.joins_next if task.HasField("joins_next") else None
        while following is not None:
            page = worker.call("ListJoinInputs", position=following)
            joins += page.joins
            pages += 1
            following = page.joins_next if page.HasField("joins_next") else None
        assert task.ByteSize() < 2 << 20
        assert [join.position for join in joins] == list(range(30))
        found = {entry.name: entry for entry in joins[29].artifacts}
        assert set(found) == {"xs", "y"}
        assert {join.step for join in joins} == {"work"}
        forwarded = [task_pb2.Input(name="xs", artifact=found["xs"].artifact)]
        worker.call(
            "CompleteTask", completion_id="c", success=worker_service_pb2.Success(forwarded=forwarded)
        )
        listed = rig.call("ListArtifacts", flow="Demo", run_id="1", task_id=task.task_id).artifacts
        assert [(one.name, one.producer_step, one.producer_task_id) for one in listed] == [
            ("xs", "start", "1")
        ]


def test_forwarding_what_no_input_has_is_refused(home: Path, refusal) -> None:
    with running(home, EACH, by_hand=True) as rig:
        rig.run = rig.submit(max_workers=1)
        reports: list[dict[str, Any]] = [{"outputs": {"xs": "x"}, "foreach_count": 1}, {}]
        for report in reports:
            worker = rig.hand.worker()
            worker.register()
            worker.succeed(**report)
            worker.exit()
        join = rig.hand.worker()
        join.register()
        wrong = task_pb2.Input(name="xs", artifact=digest_pb2.Digest(hash=hash_of(b"?"), size=1))
        refused = refusal(join.succeed, forwarded=[wrong])
        assert refused.text == "Step 'join' forwards 'xs', which none of its inputs has with that digest."


def test_foreach_without_a_count_is_refused(home: Path, refusal) -> None:
    with running(home, EACH, by_hand=True) as rig:
        rig.run = rig.submit()
        worker = rig.hand.worker()
        worker.register()
        assert refusal(worker.succeed, outputs={"xs": "x"}).reason == "MALFORMED"


def test_deleted_artifact_is_gone_afterwards(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    worker.succeed(outputs={"x": "1", "y": "2"})
    worker.exit()
    end = rig.hand.worker()
    end.register()
    end.succeed(deleted=["x"])
    assert rig.artifacts(rig.run, "1") == {"x": "1", "y": "2"}
    assert rig.artifacts(rig.run, "2") == {"y": "2"}


def test_failed_attempt_keeps_what_it_had_assigned(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    manifest = value("half done")
    output = task_pb2.Output(name="x", manifest=manifest)
    output.artifact.hash, output.artifact.size = hash_of(manifest), len(manifest)
    failure = failure_pb2.Failure(kind=failure_pb2.FAILURE_KIND_USER_ERROR, message="No.", classes=["a.B"])
    worker.call("CompleteTask", completion_id="c", failure=failure, partial_outputs=[output])
    worker.exit()
    run = rig.finish(rig.run)
    assert run.failure == failure
    assert rig.artifacts(run, "1") == {"x": "half done"}


def test_declined_task_goes_to_another_worker_and_fails_in_the_end(rig: Rig, worker: HandWorker) -> None:
    for number in range(4):
        worker.register()
        declined = worker_service_pb2.Declined(reason="Not here.")
        worker.call("CompleteTask", completion_id="c", declined=declined)
        worker.exit()
        if number < 3:
            worker = rig.hand.worker()
    run = rig.finish(rig.run)
    assert run.state == run_pb2.RUN_STATE_FAILED
    assert run.failure.message == "Task start/1 could not be begun 4 times. Its worker declined it: Not here."
    assert [attempt.state for attempt in rig.tasks(run)[-1].attempts] == [run_pb2.ATTEMPT_STATE_DECLINED] * 4


def test_cancel_interrupts_at_once_and_tells_the_heartbeat(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    rig.call("CancelRun", flow="Demo", run_id="1", reason="Enough.")
    assert rig.hand.signal() == (worker.id, signal.SIGINT)
    answer = worker.call("Heartbeat", seq=1)
    assert (answer.directive, answer.cancel_reason) == (worker_service_pb2.DIRECTIVE_CANCEL, "Enough.")
    cancelled = worker_service_pb2.CancelledOutcome(reason=answer.cancel_reason)
    worker.call("CompleteTask", completion_id="c", cancelled=cancelled)
    worker.exit()
    assert rig.finish(rig.run).state == run_pb2.RUN_STATE_CANCELLED
    assert attempt_state(rig) == "CANCELLED"


def test_success_that_comes_after_a_cancel_is_kept_but_cancel_wins(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    rig.call("CancelRun", flow="Demo", run_id="1", reason="Enough.")
    assert worker.succeed(outputs={"x": "1"}).cancel_won
    worker.exit()
    run = rig.finish(rig.run)
    assert run.state == run_pb2.RUN_STATE_CANCELLED
    assert attempt_state(rig) == "SUCCEEDED"
    assert rig.tasks(run)[-1].state == run_pb2.TASK_STATE_CANCELLED


def test_worker_that_comes_after_a_cancel_is_drained(rig: Rig, worker: HandWorker) -> None:
    rig.call("CancelRun", flow="Demo", run_id="1", reason="Enough.")
    assert worker.register().lease.drain.reason == "The run is ending."
    worker.exit()
    assert rig.finish(rig.run).state == run_pb2.RUN_STATE_CANCELLED
    assert rig.tasks(rig.run) == []


def test_run_ends_only_after_its_workers_have(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    failure = failure_pb2.Failure(kind=failure_pb2.FAILURE_KIND_USER_ERROR, message="No.")
    worker.call("CompleteTask", completion_id="c", failure=failure)
    assert rig.call("GetRun", flow="Demo").run.state == run_pb2.RUN_STATE_RUNNING
    worker.write("last words\n")
    worker.exit()
    run = rig.finish(rig.run)
    assert run.state == run_pb2.RUN_STATE_FAILED
    assert rig.log(run, "1", STDOUT) == "last words\n"


def test_process_that_dies_makes_its_attempt_lost_at_once(rig: Rig, worker: HandWorker, refusal) -> None:
    worker.register()
    worker.call("Heartbeat", seq=1)
    worker.exit(None, signal=signal.SIGSEGV)
    run = rig.finish(rig.run)
    assert run.failure.kind == failure_pb2.FAILURE_KIND_WORKER_LOST
    assert run.failure.signal == signal.SIGSEGV
    assert refusal(worker.succeed).reason == "TOKEN_UNKNOWN", "its session has ended"


def test_host_that_dies_takes_its_workers_along(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    rig.hand.close()
    run = rig.finish(rig.run)
    assert run.state == run_pb2.RUN_STATE_FAILED
    assert run.failure.message.startswith("Task start/1 was killed (SIGKILL).")


def test_close_worker_gives_the_task_back(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    worker.call("CloseWorker", reason="Going.")
    worker.call("CloseWorker", reason="Going.")
    other = rig.hand.worker()
    assert other.register().lease.task.attempt == 1
    worker.exit()
    other.succeed()
    assert finish(rig, other).state == run_pb2.RUN_STATE_SUCCEEDED


def test_logs_are_appended_by_offset(rig: Rig, worker: HandWorker, refusal) -> None:
    worker.register(store_probe=b"")
    stub = log_service_pb2_grpc.LogServiceStub(rig.channel)

    def append(offset: int, data: bytes, **fields: Any):
        request = log_service_pb2.AppendLogsRequest(
            lease_token=worker.task.lease.lease_token, stream=STDOUT, offset=offset, data=data, **fields
        )
        return stub.AppendLogs(request, metadata=worker.session)

    assert append(0, b"one\n").next_offset == 4
    assert append(0, b"one\n").next_offset == 4
    assert append(2, b"e\ntwo\n").next_offset == 8
    refused = refusal(append, 10, b"x")
    assert (refused.code, refused.reason, refused.facts) == ("OUT_OF_RANGE", "LOG_OFFSET", {"expected": "8"})
    worker.succeed()
    assert refusal(append, 8, b"late").reason == "LEASE_CLOSED"
    run = finish(rig, worker)
    assert rig.log(run, "1", STDOUT) == "one\ntwo\n"


def test_report_takes_output_up_to_where_it_says(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    worker.write("early")
    worker.call("CompleteTask", completion_id="c", success=worker_service_pb2.Success(), stdout_end=5)
    assert rig.log(rig.run, "1", STDOUT) == "early"
    worker.write(" late")
    run = finish(rig, worker)
    assert rig.log(run, "1", STDOUT) == "early late"
    assert not Path(worker.fork.stdout_file).exists()


def test_log_is_followed_until_it_is_complete(rig: Rig, worker: HandWorker) -> None:
    worker.register()
    rig.until(rig.run, attempt_state=run_pb2.ATTEMPT_STATE_LEASED)
    request = log_service_pb2.TailLogsRequest(
        flow="Demo", run_id="1", task_id="1", stream=STDOUT, follow=True
    )
    pieces = rig.log_stub.TailLogs(request, metadata=rig.metadata, timeout=20)
    worker.write("one\n")
    worker.call("CompleteTask", completion_id="c", success=worker_service_pb2.Success(), stdout_end=4)
    assert next(pieces).data == b"one\n"
    worker.write("two\n")
    worker.exit()
    assert next(pieces).data == b"two\n"
    assert next(pieces).end


def test_forks_that_fail_are_replaced_by_fresh_processes(rig: Rig, worker: HandWorker) -> None:
    worker.write("Boom: no module.\n", stderr=True)
    worker.exit(1)
    run = rig.finish(rig.run)
    notices = [event.text for message in rig.watch(run) for event in message.events if event.kind == 5]
    assert len(notices) == 1
    assert "did not come up. Its tasks get fresh processes now." in notices[0]
    assert "Boom: no module." in notices[0]


def test_forked_worker_that_somebody_kills_is_followed_by_another_one(rig: Rig, worker: HandWorker) -> None:
    """One that the kernel kills for want of memory says nothing about forking."""
    worker.exit(None, signal=9)
    again = rig.hand.worker()
    again.register()
    again.succeed()
    run = finish(rig, again)
    assert not [event.text for message in rig.watch(run) for event in message.events if event.kind == 5]


def test_unknown_fields_and_outcomes_do_no_harm(rig: Rig, worker: HandWorker, refusal) -> None:
    worker.register()
    assert refusal(worker.call, "CompleteTask", completion_id="c").reason == "MALFORMED"
    empty = worker_service_pb2.Success()
    assert refusal(worker.call, "CompleteTask", completion_id="", success=empty).reason == "MALFORMED"
    assert text_of(value("still alive")) == "still alive"
    assert worker.succeed().disposition == RECORDED
