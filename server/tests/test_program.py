"""The real program, with a scripted host that forks scripted workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from instep_proto.v1 import (
    control_service_pb2,
    digest_pb2,
    graph_pb2,
    log_service_pb2,
    run_pb2,
    store_service_pb2,
)
from instep_server.program import remove_stale_sockets, socket_folder
from rig import Rig, ServerRefusedError, StepDef, running, text_of, value

STDOUT, STDERR = log_service_pb2.LOG_STREAM_STDOUT, log_service_pb2.LOG_STREAM_STDERR
SUCCEEDED, FAILED, CANCELLED = (
    run_pb2.RUN_STATE_SUCCEEDED,
    run_pb2.RUN_STATE_FAILED,
    run_pb2.RUN_STATE_CANCELLED,
)


def line(**script: object) -> list[StepDef]:
    """A flow of two steps, of which the first does what the script says."""
    return [StepDef("start", ["end"], script=script), StepDef("end")]


NESTED = [
    StepDef("start", ["outer"], foreach="xs", script={"set": {"xs": "x"}, "count": 2, "trace": 1}),
    StepDef("outer", ["inner"], foreach="ys", script={"set": {"ys": "y"}, "count": 3, "trace": 1}),
    StepDef("inner", ["left", "right"], script={"trace": 1}),
    StepDef("left", ["both"], script={"trace": 1}),
    StepDef("right", ["both"], script={"trace": 1}),
    StepDef("both", ["close"], join=True, script={"trace": 1}),
    StepDef("close", ["last"], join=True, script={"trace": 1}),
    StepDef("last", ["end"], join=True, script={"trace": 1}),
    StepDef("end", script={"trace": 1}),
]


def test_nested_flow_runs_to_its_end(home: Path) -> None:
    with running(home, NESTED) as rig:
        run = rig.finish(rig.submit(max_workers=4))
        assert run.state == SUCCEEDED, run.failure
        end = rig.tasks(run, "end")[0]
        both = [
            [
                f"both[{' '.join(f'>start()>outer({i}/2)>inner({i}/2 {j}/3)>{side}({i}/2 {j}/3)' for side in ('left', 'right'))}]"
                for j in range(3)
            ]
            for i in range(2)
        ]
        closed = " ".join(f"close[{' '.join(one)}]" for one in both)
        assert rig.artifacts(run, end.task_id)["trace"] == f"last[{closed}]>end()"
        steps = rig.call("ListSteps", flow="Demo", run_id=run.run_id).steps
        assert [(step.name, step.tasks, step.succeeded) for step in steps] == [
            ("end", 1, 1),
            ("last", 1, 1),
            ("close", 2, 2),
            ("both", 6, 6),
            ("right", 6, 6),
            ("left", 6, 6),
            ("inner", 6, 6),
            ("outer", 2, 2),
            ("start", 1, 1),
        ]
        inner = rig.tasks(run, "inner")
        assert sorted(list(task.foreach_path) for task in inner) == [
            [i, j] for i in range(2) for j in range(3)
        ]
        assert {task.index for task in inner} == {0, 1, 2}


def test_run_is_recorded_as_asked(home: Path) -> None:
    with running(home, line()) as rig:
        run = rig.finish(rig.submit(tags=["b", "a", "user:ada"], namespace="user:ada"))
        assert (run.flow, run.run_id, run.user) == ("Demo", "1", "ada")
        assert list(run.user_tags) == ["a", "b"]
        assert list(run.system_tags) == ["instep_version:0.1.0", "runtime:local", "user:ada"]
        assert (run.file, run.working_directory) == (str(rig.flow), str(home.parent))
        assert run.namespace == "user:ada"
        assert 0 < run.created_unix_ms <= run.started_unix_ms <= run.finished_unix_ms
        got = rig.call("GetRun", flow="Demo", run_id="")
        assert got.run == run
        assert [step.name for step in got.graph.steps] == ["start", "end"]


def test_run_ids_grow_and_survive_the_server(home: Path) -> None:
    with running(home, line()) as rig:
        assert [rig.finish(rig.submit(f"r{number}")).run_id for number in range(2)] == ["1", "2"]
    with running(home, line()) as rig:
        assert rig.submit("r9").run_id == "3"
        runs = rig.call("ListRuns", flow="Demo").runs
        assert [run.run_id for run in runs] == ["3", "2", "1"]
        assert list(rig.call("ListFlows").flows) == ["Demo"]


def test_submit_again_gives_the_same_run(home: Path, refusal) -> None:
    with running(home, line()) as rig:
        load = rig.load().load_id
        run = rig.submit("same", load_id=load)
        again = rig.submit("same", load_id=load)
        assert again.run_id == run.run_id
        refused = refusal(rig.submit, "same", load_id=load, user="bob")
        assert (refused.code, refused.reason) == ("ALREADY_EXISTS", "REQUEST_CONFLICT")
        rig.finish(run)


def test_held_run_waits_for_its_start(home: Path) -> None:
    with running(home, line()) as rig:
        run = rig.submit(held=True)
        assert rig.tasks(run) == []
        assert run.state == run_pb2.RUN_STATE_PENDING
        started = rig.call("StartRun", flow="Demo", run_id=run.run_id).run
        assert started.state == run_pb2.RUN_STATE_RUNNING
        assert rig.finish(run).state == SUCCEEDED
        assert rig.call("StartRun", flow="Demo", run_id=run.run_id).run.state == SUCCEEDED


def parameter(name: str, **fields: Any) -> graph_pb2.ParameterSpec:
    return graph_pb2.ParameterSpec(
        name=name, variable=name.replace("-", "_"), type=graph_pb2.PARAMETER_TYPE_STRING, **fields
    )


def test_parameters_and_constants_reach_every_task(home: Path, refusal) -> None:
    parameters = [
        parameter("given"),
        parameter("by-default", default=value("the default")),
        parameter("none"),
        parameter("needed", required=True),
    ]
    constants = [graph_pb2.ConstantSpec(name="unit", manifest=value("kg"))]
    with running(home, NESTED, parameters=parameters, constants=constants) as rig:
        given = {
            name: control_service_pb2.ParameterValue(name=name, manifest=value(name))
            for name in ("given", "needed")
        }
        run = rig.submit(parameters=given.values(), max_workers=4)
        run = rig.finish(run)
        assert run.state == SUCCEEDED, run.failure
        assert [one.name for one in run.inputs] == ["by_default", "given", "needed", "none", "unit"]
        for step in ("start", "last", "end"):
            artifacts = rig.artifacts(run, rig.tasks(run, step)[0].task_id)
            assert {name: text for name, text in artifacts.items() if name not in ("trace", "xs")} == {
                "given": "given",
                "by_default": "the default",
                "none": "",
                "needed": "needed",
                "unit": "kg",
            }
        refused = refusal(rig.submit, "r2", parameters=[given["given"]])
        assert (refused.reason, refused.facts) == ("PARAMETER_INVALID", {"parameter": "needed"})
        assert refused.text == "Parameter 'needed': It is required and has no value."
        other = control_service_pb2.ParameterValue(name="other", manifest=value("x"))
        refused = refusal(rig.submit, "r3", parameters=[*given.values(), other])
        assert "has no such parameter. It has: by-default, given, needed, none." in refused.text
        bad = control_service_pb2.ParameterValue(name="given", manifest=b"\xff")
        assert refusal(rig.submit, "r4", parameters=[given["needed"], bad]).reason == "PARAMETER_INVALID"


def test_failure_of_a_step_fails_the_run(home: Path) -> None:
    with running(home, line(fail="No luck.", print="before", set={"x": 1})) as rig:
        run = rig.finish(rig.submit())
        assert run.state == FAILED
        assert (run.failure.message, run.failed_step, run.failed_task_id) == ("No luck.", "start", "1")
        (task,) = rig.tasks(run)
        assert task.state == run_pb2.TASK_STATE_FAILED
        assert task.attempts[0].failure.message == "No luck."
        assert rig.log(run, "1", STDOUT) == "before\n"


def branches(**script: object) -> list[StepDef]:
    return [
        StepDef("start", ["good", "bad"]),
        StepDef("good", ["join"], script={"sleep": 20}),
        StepDef("bad", ["join"], script={"sleep": 0.3, **script}),
        StepDef("join", ["end"], join=True),
        StepDef("end"),
    ]


def test_failure_ends_siblings_and_what_was_never_reached_is_not_listed(home: Path) -> None:
    with running(home, branches(fail="No luck.")) as rig:
        started = time.monotonic()
        run = rig.finish(rig.submit(max_workers=2))
        assert time.monotonic() - started < 8
        assert (run.state, run.failed_step) == (FAILED, "bad")
        good, bad = rig.tasks(run, "good")[0], rig.tasks(run, "bad")[0]
        assert (good.state, bad.state) == (run_pb2.TASK_STATE_CANCELLED, run_pb2.TASK_STATE_FAILED)
        assert (
            f"[instep] Task good/{good.task_id} was ended (SIGINT): Task bad/{bad.task_id} failed.\n"
            in rig.log(run, good.task_id, STDERR)
        )
        assert [step.name for step in rig.call("ListSteps", flow="Demo", run_id="1").steps] == [
            "bad",
            "good",
            "start",
        ]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            {"kill": signal.SIGSEGV},
            "Task start/1 crashed: its process ended by a segmentation fault (SIGSEGV).",
        ),
        ({"kill": signal.SIGKILL}, "Task start/1 was killed (SIGKILL)."),
        ({"exit": 0}, "Task start/1 ended without completing: its process exited with code 0"),
        ({"exit": 3}, "Task start/1 ended without completing: its process exited with code 3"),
    ],
)
def test_process_that_ends_without_a_report_fails_the_run(
    home: Path, script: dict[str, int], message: str
) -> None:
    with running(home, line(print="said before", warn="warned before", **script)) as rig:
        run = rig.finish(rig.submit())
        assert run.state == FAILED
        assert run.failure.message.startswith(message)
        attempt = rig.tasks(run)[0].attempts[0]
        assert attempt.state == run_pb2.ATTEMPT_STATE_LOST
        assert rig.log(run, "1", STDOUT) == "said before\n"
        assert rig.log(run, "1", STDERR).startswith(f"warned before\n[instep] {message}")


def test_cancel_ends_the_run(home: Path) -> None:
    with running(home, line(sleep=30)) as rig:
        run = rig.submit()
        rig.until(run, attempt_state=run_pb2.ATTEMPT_STATE_LEASED)
        cancelled = rig.call("CancelRun", flow="Demo", run_id="1", reason="Enough.").run
        assert cancelled.state == run_pb2.RUN_STATE_CANCELLING
        run = rig.finish(run)
        assert run.state == CANCELLED
        assert not run.HasField("failure")
        assert rig.call("CancelRun", flow="Demo", run_id="1").run.state == CANCELLED


def test_end_of_the_parent_cancels_the_run(home: Path) -> None:
    with running(home, line(sleep=30)) as rig:
        run = rig.submit()
        rig.until(run, attempt_state=run_pb2.ATTEMPT_STATE_LEASED)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert rig.process.returncode == 0
    with running(home) as rig:
        assert rig.call("GetRun", flow="Demo", run_id="1").run.state == CANCELLED


def test_store_is_left_tidy(home: Path) -> None:
    with running(home, line(print="x")) as rig:
        rig.finish(rig.submit())
        sock = rig.target.removeprefix("unix:")
        assert os.path.exists(sock)
    assert not os.path.exists(sock)
    for folder in ("spool", "tmp", "owners"):
        assert list((home / folder).iterdir()) == []


def test_events_tell_everything_in_order(home: Path) -> None:
    with running(home, line(print="hello", set={"x": 1})) as rig:
        run = rig.submit()
        messages = rig.watch(run, logs=True)
        events = [event for message in messages for event in message.events]
        told = [
            (event.kind, event.task_id, event.run_state or event.task_state or event.attempt_state)
            for event in events
        ]
        assert told == [
            (1, "", 1),
            (1, "", 2),
            *[
                entry
                for task in ("1", "2")
                for entry in ((2, task, 2), (2, task, 3), (3, task, 1), (3, task, 3), (2, task, 5))
            ],
            (1, "", 4),
        ]
        assert [event.cursor for event in events] == sorted({event.cursor for event in events})
        ended = next(event for event in events if event.attempt_state == 3)
        assert (ended.artifacts, ended.artifact_bytes > 0, ended.pid > 0, ended.attempt) == (1, True, True, 0)
        written = b"".join(chunk.data for message in messages for chunk in message.logs)
        assert written == b"hello\n"
        order = [("log" if message.logs else message.events[-1].cursor) for message in messages]
        place = order.index("log")
        assert all(entry < ended.cursor for entry in order[:place])


def test_watch_goes_on_after_a_cursor(home: Path) -> None:
    with running(home, line(print="hello")) as rig:
        run = rig.finish(rig.submit())
        everything = [event.cursor for message in rig.watch(run) for event in message.events]
        rest = [event.cursor for message in rig.watch(run, everything[4]) for event in message.events]
        assert rest == everything[5:]
        assert rig.watch(run, run.cursor) == []
        again = rig.watch(run, logs=True)
        assert b"".join(chunk.data for message in again for chunk in message.logs) == b"hello\n"


def test_a_watch_of_logs_goes_on_where_it_broke_off(home: Path) -> None:
    """I4: from each response on, nothing is missing; what comes again can be told by its offset."""
    with running(home, line(print="hello")) as rig:
        run = rig.finish(rig.submit())
        messages = rig.watch(run, logs=True)
        assert all(message.HasField("log_cursor") for message in messages if message.events)
        for broken in range(len(messages)):
            seen, cursor, log_cursor = [], 0, None
            for message in messages[:broken]:
                seen += [chunk.data for chunk in message.logs]
                cursor = message.events[-1].cursor if message.events else cursor
                log_cursor = message.log_cursor if message.HasField("log_cursor") else log_cursor
            request = control_service_pb2.WatchRunRequest(
                flow=run.flow, run_id=run.run_id, cursor=cursor, logs=True, log_cursor=log_cursor
            )
            rest = list(rig.stub.WatchRun(request, metadata=rig.metadata, timeout=60))
            again = [chunk.data for message in rest for chunk in message.logs]
            assert b"".join(seen + again) == b"hello\n"


def test_a_request_that_comes_several_times_at_once_makes_one_run(home: Path) -> None:
    """I4: a repetition can arrive while the first one is still being worked on."""
    with running(home, line()) as rig:
        load_id = rig.load().load_id
        with ThreadPoolExecutor(8) as pool:
            runs = list(pool.map(lambda _: rig.submit("same", load_id=load_id).run_id, range(8)))
        assert set(runs) == {runs[0]}
        assert len(rig.call("ListRuns", flow="Demo").runs) == 1
        with pytest.raises(grpc.RpcError) as refused:
            rig.submit("same", load_id=load_id, max_workers=7)
        assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS


def test_watch_and_logs_of_a_run_of_another_server(home: Path) -> None:
    with running(home, line(print="hello", sleep=1)) as rig:
        run = rig.submit()
        with running(home) as other:
            assert other.log(run, "1", STDOUT, follow=True) == "hello\n"
            states = [
                event.run_state for message in other.watch(run) for event in message.events if event.kind == 1
            ]
            assert states == [1, 2, 4]


def test_cancel_of_a_run_of_another_server(home: Path) -> None:
    with running(home, line(sleep=30)) as rig:
        run = rig.submit()
        rig.until(run, attempt_state=run_pb2.ATTEMPT_STATE_LEASED)
        with running(home) as other:
            other.call("CancelRun", flow="Demo", run_id="1", reason="Enough.")
            assert other.finish(run).state == CANCELLED


def test_two_servers_share_a_store(home: Path, tmp_path: Path) -> None:
    flow = [StepDef("start", ["work"], foreach="xs", script={"set": {"xs": "x"}, "count": 12})]
    flow += [
        StepDef("work", ["join"], script={"set": {"x": 1}}),
        StepDef("join", ["end"], join=True),
        StepDef("end"),
    ]
    with running(home, flow) as one, running(home, flow) as two:
        runs: dict[str, run_pb2.Run] = {}

        def work(rig: Rig, name: str) -> None:
            runs[name] = rig.finish(rig.submit(name))

        threads = [threading.Thread(target=work, args=(rig, name)) for rig, name in ((one, "a"), (two, "b"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {run.state for run in runs.values()} == {SUCCEEDED}
        assert {run.run_id for run in runs.values()} == {"1", "2"}


def test_run_of_a_server_that_was_killed_is_failed_by_the_next(home: Path) -> None:
    with running(home, line(print="said before", heartbeat=1, sleep=30)) as rig:
        run = rig.submit()
        rig.until(run, attempt_state=run_pb2.ATTEMPT_STATE_LEASED)
        while "said before" not in "".join(path.read_text() for path in (home / "spool").rglob("*.stdout")):
            time.sleep(0.02)
        rig.process.kill()
        rig.process.wait()
    with running(home) as rig:
        run = rig.call("GetRun", flow="Demo", run_id="1").run
        assert run.state == FAILED
        assert "orchestrator ended before the run did" in run.failure.message
        (task,) = rig.tasks(run)
        assert task.state == run_pb2.TASK_STATE_CANCELLED
        assert task.attempts[0].state == run_pb2.ATTEMPT_STATE_LOST
        assert rig.log(run, "1", STDOUT) == "said before\n"
        ends = [event for message in rig.watch(run) for event in message.events if event.run_state == FAILED]
        assert len(ends) == 1
    assert list((home / "owners").iterdir()) == []


def test_what_a_server_left_that_was_killed_without_a_run_is_removed(home: Path) -> None:
    with running(home) as rig:
        rig.process.kill()
        rig.process.wait()
    assert list((home / "owners").iterdir())
    with running(home):
        pass
    assert [path for folder in ("owners", "spool", "tmp") for path in (home / folder).iterdir()] == []


def test_watcher_learns_that_the_owner_was_killed(home: Path) -> None:
    with running(home, line(sleep=30)) as rig:
        run = rig.submit()
        rig.until(run, attempt_state=run_pb2.ATTEMPT_STATE_LEASED)
        with running(home) as other:
            rig.process.kill()
            assert other.finish(run).state == FAILED


def test_too_many_items_fail_the_run_not_the_task(home: Path) -> None:
    with running(home, NESTED) as rig:
        run = rig.finish(rig.submit(max_num_splits=1))
        assert (run.state, run.failed_task_id) == (FAILED, "")
        assert run.failure.message.startswith(
            "Step 'start' splits over 2 items of 'xs', and at most 1 are allowed."
        )
        assert [task.state for task in rig.tasks(run)] == [run_pb2.TASK_STATE_SUCCEEDED]


def test_reuse_runs_several_tasks_in_one_process(home: Path) -> None:
    flow = [StepDef("start", ["work"], foreach="xs", script={"set": {"xs": "x"}, "count": 8})]
    flow.append(StepDef("work", ["join"], script={"print": "out"}, isolation=graph_pb2.ISOLATION_REUSE))
    flow += [StepDef("join", ["end"], join=True), StepDef("end")]
    with running(home, flow) as rig:
        run = rig.finish(rig.submit(max_workers=2))
        assert run.state == SUCCEEDED
        work = rig.tasks(run, "work")
        assert len({task.attempts[0].pid for task in work}) == 2
        assert {rig.log(run, task.task_id, STDOUT) for task in work} == {"out\n"}


def test_max_workers_holds(home: Path) -> None:
    flow = [StepDef("start", ["work"], foreach="xs", script={"set": {"xs": "x"}, "count": 6})]
    flow += [
        StepDef("work", ["join"], script={"sleep": 0.05}),
        StepDef("join", ["end"], join=True),
        StepDef("end"),
    ]
    with running(home, flow) as rig:
        run = rig.submit(max_workers=2)
        running_now = most = 0
        for message in rig.watch(run):
            for event in message.events:
                running_now += {1: 1, 3: -1}.get(event.attempt_state, 0)
                most = max(most, running_now)
        assert most == 2


def test_log_over_the_limit_is_cut(home: Path) -> None:
    with running(home, line(print="x" * 500)) as rig:
        run = rig.finish(rig.submit(max_log_bytes=100))
        assert rig.log(run, "1", STDOUT) == "x" * 100 + (
            "\n[instep] This log is cut here: it has reached its limit of 100 bytes.\n"
        )


def test_graph_with_a_problem_is_told_and_cannot_run(home: Path, refusal) -> None:
    with running(home, [StepDef("start", ["nowhere"]), StepDef("end")]) as rig:
        loaded = rig.load()
        assert any("nowhere" in problem.message for problem in loaded.problems)
        refused = refusal(rig.submit, load_id=loaded.load_id)
        assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "GRAPH_INVALID")
        assert refusal(rig.submit, load_id="unknown").reason == "LOAD_UNKNOWN"


def test_file_that_cannot_be_loaded_is_a_problem(home: Path, tmp_path: Path) -> None:
    with running(home) as rig:
        loaded = rig.call("LoadFlow", file=str(tmp_path / "missing.py"), language="python")
        assert "missing.py can't be read: No such file or directory." in loaded.problems[0].message


def test_unknown_things_are_not_found(home: Path, refusal) -> None:
    with running(home, line()) as rig:
        assert refusal(rig.call, "GetRun", flow="Demo", run_id="1").reason == "FLOW_UNKNOWN"
        rig.finish(rig.submit())
        where = {"flow": "Demo", "run_id": "1"}
        assert refusal(rig.call, "GetRun", flow="Other").reason == "FLOW_UNKNOWN"
        assert refusal(rig.call, "GetRun", flow="Demo", run_id="2").reason == "RUN_UNKNOWN"
        assert refusal(rig.call, "GetRun", flow="Demo", run_id="x").reason == "RUN_UNKNOWN"
        assert refusal(rig.call, "ListTasks", **where, step="middle").reason == "STEP_UNKNOWN"
        assert refusal(rig.call, "ListTasks", **where, task_id="9").reason == "TASK_UNKNOWN"
        assert refusal(rig.call, "ListArtifacts", **where, task_id="1", attempt=1).reason == "ATTEMPT_UNKNOWN"
        refused = refusal(rig.call, "GetArtifact", **where, task_id="1", name="x")
        assert (refused.code, refused.reason) == ("NOT_FOUND", "ARTIFACT_UNKNOWN")
        assert refused.text == "Task Demo/1/1 has no artifact 'x'."
        assert refusal(rig.log, rig.call("GetRun", **where).run, "1", 7).reason == "MALFORMED"


def test_client_reads_manifests_through_the_store_service(home: Path) -> None:
    with running(home, line(set={"x": "content"})) as rig:
        run = rig.finish(rig.submit())
        got = rig.call("GetArtifact", flow="Demo", run_id=run.run_id, task_id="2", name="x")
        assert (got.artifact.producer_task_id, got.artifact.producer_step) == ("1", "start")
        assert got.object_root == str(home / "objects")
        digest = digest_pb2.Digest(hash=got.artifact.digest.hash, size=got.artifact.digest.size)
        request = store_service_pb2.ReadBlobRequest(digest=digest)
        pieces = rig.store_stub.ReadBlob(request, metadata=rig.metadata)
        assert text_of(b"".join(piece.data for piece in pieces)) == "content"
        resolve = store_service_pb2.ResolveBlobsRequest(
            digests=[digest, digest_pb2.Digest(hash="b3:" + "0" * 64, size=3)]
        )
        found, missing = rig.store_stub.ResolveBlobs(resolve, metadata=rig.metadata).blobs
        assert text_of(found.inline) == "content"
        assert missing.missing


def test_tasks_are_listed_in_pages(home: Path) -> None:
    with running(home, NESTED) as rig:
        run = rig.finish(rig.submit(max_workers=4))
        pages, after = [], ""
        while True:
            page = rig.call("ListTasks", flow="Demo", run_id="1", limit=10, after_task_id=after)
            pages += [int(task.task_id) for task in page.tasks]
            after = page.next_after_task_id
            if not after:
                break
        assert pages == list(range(len(rig.tasks(run)), 0, -1))
        (task,) = rig.call("ListTasks", flow="Demo", run_id="1", task_id="3").tasks
        assert task.task_id == "3"
        assert list(task.parent_task_ids) == ["1"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_read_only_store_is_told_to_the_parent(home: Path) -> None:
    home.mkdir(mode=0o500)
    with pytest.raises(ServerRefusedError, match="can't be made or written"):
        Rig(home)


def test_store_that_is_no_directory_is_told_to_the_parent(home: Path) -> None:
    home.write_text("")
    with pytest.raises(
        ServerRefusedError, match=r"error: The store .* can't be made or written: File exists"
    ):
        Rig(home)


def test_parent_that_is_gone_early_ends_the_server_quietly(home: Path) -> None:
    ours, theirs = socket.socketpair()
    command = [
        sys.executable,
        "-m",
        "instep_server",
        "--home",
        str(home),
        "--control-fd",
        str(theirs.fileno()),
    ]
    process = subprocess.Popen(command, pass_fds=(theirs.fileno(),), stderr=subprocess.PIPE)
    ours.close()
    theirs.close()
    _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (0, b"")


def test_sockets_of_killed_servers_are_removed(tmp_path: Path) -> None:
    for name in ("live", "dead", "young"):
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(tmp_path / f"{name}.sock"))
        if name != "young":
            os.utime(tmp_path / f"{name}.sock", (0, 0))
    (tmp_path / "live.sock").unlink()
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(tmp_path / "live.sock"))
        live.listen()
        os.utime(tmp_path / "live.sock", (0, 0))
        remove_stale_sockets(tmp_path)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["live", "young"]


def test_sockets_go_where_only_this_user_may_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime:
        folder = Path(runtime) / "instep"
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        assert socket_folder() == folder
        assert folder.stat().st_mode & 0o777 == 0o700
        folder.chmod(0o755)
        assert socket_folder().stat().st_mode & 0o777 == 0o700
    for unusable in (runtime, "/" + "x" * 100):
        monkeypatch.setenv("XDG_RUNTIME_DIR", unusable)
        assert socket_folder() == Path("/tmp") / f"instep-{os.geteuid()}"
