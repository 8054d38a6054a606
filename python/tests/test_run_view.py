"""What is made of events and log chunks."""

from instep._run_view import LogLine, LogLines, RunView
from instep_proto.v1 import control_service_pb2 as pb
from instep_proto.v1 import failure_pb2, graph_pb2, run_pb2

GRAPH = graph_pb2.Graph(
    flow="F",
    steps=[
        graph_pb2.StepSpec(
            name=name,
            entry_point=graph_pb2.EntryPoint(language=language),
            transition=graph_pb2.Transition(targets=targets),
        )
        for name, language, targets in (
            ("start", "python", ["fit"]),
            ("fit", "r", ["end"]),
            ("end", "python", []),
        )
    ],
)


def _task(step: str, task_id: str, state: str) -> run_pb2.Event:
    return run_pb2.Event(
        kind=run_pb2.EVENT_KIND_TASK_STATE, step=step, task_id=task_id, task_state=f"TASK_STATE_{state}"
    )


def _attempt(step: str, task_id: str, state: str, at: int = 1, traceback: str = "") -> run_pb2.Event:
    failure = failure_pb2.Failure(traceback=traceback) if traceback else None
    return run_pb2.Event(
        kind=run_pb2.EVENT_KIND_ATTEMPT_STATE,
        step=step,
        task_id=task_id,
        attempt=0,
        attempt_state=f"ATTEMPT_STATE_{state}",
        at_unix_ms=at,
        artifacts=2,
        artifact_bytes=10,
        failure=failure,
    )


def _wrote(data: bytes, task_id: str = "1", stream: str = "STDOUT") -> pb.LogChunk:
    return pb.LogChunk(step="start", task_id=task_id, stream=f"LOG_STREAM_{stream}", data=data)


def _taken(lines: LogLines, *chunks: pb.LogChunk, events: list[run_pb2.Event] | None = None) -> list[str]:
    return [line.text for line in lines.take(pb.WatchRunResponse(logs=chunks, events=events or []))]


def test_a_step_counts_its_tasks() -> None:
    view = RunView(GRAPH)
    made = run_pb2.Event(kind=run_pb2.EVENT_KIND_TASKS_MADE, step="fit", count=3)
    for event in (
        made,
        _attempt("fit", "2", "LEASED", at=5),
        _attempt("fit", "3", "LEASED", at=6),
        _attempt("fit", "2", "SUCCEEDED", at=9),
        _task("fit", "2", "SUCCEEDED"),
    ):
        view.apply(event)
    fit = view.steps["fit"]
    assert (fit.total, fit.running, fit.over, fit.failed) == (3, 1, 1, 0)
    assert (fit.first_ms, fit.last_ms) == (5, 9)


def test_a_leased_attempt_that_starts_is_one_start() -> None:
    view = RunView(GRAPH)
    leased, started = _attempt("start", "1", "LEASED"), _attempt("start", "1", "STARTED")
    assert view.is_start(leased)
    view.apply(leased)
    assert not view.is_start(started)
    view.apply(started)
    assert view.steps["start"].running == 1


def test_a_step_is_finished_only_when_no_step_before_it_is_busy() -> None:
    view = RunView(GRAPH)
    view.apply(_task("start", "1", "ACTIVE"))
    view.apply(_task("fit", "2", "SUCCEEDED"))
    assert view.finished() == []
    view.apply(_task("start", "1", "SUCCEEDED"))
    assert [step.name for step in view.finished()] == ["start", "fit"]


def test_a_step_of_a_newer_graph_is_ignored() -> None:
    RunView(GRAPH).apply(_task("unknown", "1", "ACTIVE"))


def test_lines_are_put_together_across_chunks() -> None:
    lines = LogLines()
    assert _taken(lines, _wrote(b"a\nhal")) == ["a"]
    assert _taken(lines, _wrote(b"f\n\n")) == ["half", ""]


def test_lines_of_two_tasks_do_not_mix() -> None:
    lines = LogLines()
    assert _taken(lines, _wrote(b"one"), _wrote(b"two", "2")) == []
    assert _taken(lines, _wrote(b"\n", "2"), _wrote(b"\n")) == ["two", "one"]


def test_a_character_cut_in_two_is_whole_again() -> None:
    lines = LogLines()
    data = "grün\n".encode()
    assert _taken(lines, _wrote(data[:3])) == []
    assert _taken(lines, _wrote(data[3:])) == ["grün"]


def test_the_end_of_an_attempt_ends_its_last_line() -> None:
    lines = LogLines()
    assert _taken(lines, _wrote(b"no newline"), events=[_attempt("start", "1", "SUCCEEDED")]) == [
        "no newline"
    ]


def test_the_end_of_an_attempt_ends_a_line_of_an_earlier_response() -> None:
    lines = LogLines()
    assert _taken(lines, _wrote(b"no newline")) == []
    assert _taken(lines, events=[_attempt("start", "1", "SUCCEEDED")]) == ["no newline"]


def test_a_progress_bar_leaves_its_last_state() -> None:
    assert _taken(LogLines(), _wrote(b" 10%\r 50%\r100%\r\n")) == ["100%"]


def test_the_traceback_of_a_failure_is_left_to_its_report() -> None:
    trace = "Traceback (most recent call last):\n  File x\nValueError: bad"
    failed = _attempt("start", "1", "FAILED", traceback=trace)
    lines = list(
        LogLines().take(
            pb.WatchRunResponse(
                logs=[_wrote(f"warning\n{trace}\n".encode(), stream="STDERR")], events=[failed]
            )
        )
    )
    assert lines == [LogLine("start", "1", "warning")]
