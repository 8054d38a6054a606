"""What a person sees of a run, as lines and on a terminal."""

import io
import re

import pytest
from instep._live import LiveProgress
from instep._progress import LineProgress, failure_text, reuse_texts
from instep._run_view import StepView
from instep_proto.v1 import control_service_pb2 as pb
from instep_proto.v1 import failure_pb2, graph_pb2, run_pb2
from rich.console import Console

GRAPH = graph_pb2.Graph(
    flow="Pricing",
    steps=[
        graph_pb2.StepSpec(
            name="start",
            entry_point=graph_pb2.EntryPoint(language="python"),
            transition=graph_pb2.Transition(
                kind=graph_pb2.TRANSITION_KIND_FOREACH, targets=["fit"], foreach="cuts"
            ),
        ),
        graph_pb2.StepSpec(name="fit", entry_point=graph_pb2.EntryPoint(language="r")),
    ],
)
RUN = run_pb2.Run(flow="Pricing", run_id="3", created_unix_ms=1_000)
FAILURE = failure_pb2.Failure(
    classes=["builtins.ValueError", "builtins.Exception"],
    message="bad cut\nsecond line",
    traceback="Traceback (most recent call last):\nValueError: bad cut",
)


def _attempt(step: str, task_id: str, state: str, at: int, **fields: object) -> run_pb2.Event:
    return run_pb2.Event(
        kind=run_pb2.EVENT_KIND_ATTEMPT_STATE,
        run_id="3",
        step=step,
        task_id=task_id,
        attempt=0,
        at_unix_ms=at,
        attempt_state=f"ATTEMPT_STATE_{state}",
        **fields,  # type: ignore[arg-type]
    )


def _task(step: str, task_id: str, state: str, at: int) -> run_pb2.Event:
    return run_pb2.Event(
        kind=run_pb2.EVENT_KIND_TASK_STATE,
        step=step,
        task_id=task_id,
        at_unix_ms=at,
        task_state=f"TASK_STATE_{state}",
    )


RESPONSES = [
    pb.WatchRunResponse(
        events=[_attempt("start", "1", "LEASED", 1_100, pid=77)],
        logs=[pb.LogChunk(step="start", task_id="1", data=b"hello\n")],
    ),
    pb.WatchRunResponse(
        events=[
            _attempt("start", "1", "SUCCEEDED", 1_350, artifacts=2, artifact_bytes=1_234),
            _task("start", "1", "SUCCEEDED", 1_350),
            run_pb2.Event(
                kind=run_pb2.EVENT_KIND_TASKS_MADE, step="fit", task_id="1", count=2, at_unix_ms=1_350
            ),
            _attempt("fit", "2", "LEASED", 1_400),
            _attempt("fit", "3", "LEASED", 1_400),
        ]
    ),
    pb.WatchRunResponse(
        events=[
            _attempt("fit", "2", "SUCCEEDED", 1_500),
            _task("fit", "2", "SUCCEEDED", 1_500),
            _attempt("fit", "3", "FAILED", 1_600, failure=FAILURE),
            _task("fit", "3", "FAILED", 1_600),
        ]
    ),
]
FAILED = run_pb2.Run(
    flow="Pricing", run_id="3", created_unix_ms=1_000, finished_unix_ms=3_000, state=run_pb2.RUN_STATE_FAILED
)


def test_lines_tell_each_thing_that_happens() -> None:
    out = io.StringIO()
    progress = LineProgress(out)
    progress.begin(RUN, GRAPH)
    for response in RESPONSES:
        progress.update(response)
    progress.notice("Something to know.")
    progress.end(FAILED)
    lines = out.getvalue().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ", line) for line in lines)
    assert [line[24:] for line in lines] == [
        "Run Pricing/3 starts.",
        "[3/start/1 (pid 77)] Task is starting.",
        "[3/start/1 (pid 77)] hello",
        "[3/start/1 (pid 77)] Task finished successfully. (0.25 s, 2 artifacts, 1.2 kB)",
        "[3/start/1 (pid 77)] Foreach yields 2 child steps.",
        "[3/fit/2] Task is starting.",
        "[3/fit/3] Task is starting.",
        "[3/fit/2] Task finished successfully. (0.10 s, no artifacts)",
        "[3/fit/3] Task failed after 0.20 s: ValueError: bad cut",
        "Something to know.",
        "Run failed. (2.0 s)",
    ]


def test_a_terminal_shows_a_line_for_each_step_that_is_done() -> None:
    out = io.StringIO()
    progress = LiveProgress(Console(file=out, force_terminal=True, width=100, color_system=None))
    progress.begin(RUN, GRAPH)
    for response in RESPONSES:
        progress.update(response)
    progress.end(FAILED)
    shown = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", out.getvalue()).splitlines()]
    for line in (
        "Run Pricing/3",
        "[3/start/1] hello",
        "✓ py start    0.25 s  2 artifacts, 1.2 kB",
        "✗ R  fit      0.20 s  2 of 2 tasks  1 failed  no artifacts",
        "Run failed. (2.0 s)",
    ):
        assert line in shown
    assert any("Task failed" in line and "ValueError: bad cut" in line for line in shown)


def test_a_terminal_shows_that_a_step_was_cancelled() -> None:
    out = io.StringIO()
    progress = LiveProgress(Console(file=out, force_terminal=True, width=100, color_system=None))
    progress.begin(RUN, GRAPH)
    progress.update(RESPONSES[0])
    progress.update(
        pb.WatchRunResponse(
            events=[_attempt("start", "1", "CANCELLED", 1_350), _task("start", "1", "CANCELLED", 1_350)]
        )
    )
    progress.end(None)
    assert "■ py start    0.25 s  1 cancelled  no artifacts" in out.getvalue()
    assert "✓" not in out.getvalue()


def test_a_terminal_shows_a_bar_for_a_step_that_goes_on() -> None:
    out = io.StringIO()
    progress = LiveProgress(Console(file=out, force_terminal=True, width=100, color_system=None))
    progress.begin(RUN, GRAPH)
    for response in RESPONSES[:2]:
        progress.update(response)
    progress.refresh()
    progress.end(None)
    assert re.search(r"R  fit\s+━*\s*0/2, 2 running", out.getvalue())


@pytest.mark.parametrize(
    ("classes", "message", "text"),
    [
        (["a.b.Error"], "what", "Error: what"),
        (["simpleError", "error"], "", "simpleError"),
        ([], "what", "what"),
        ([], "", ""),
    ],
)
def test_failure_text_is_one_line(classes: list[str], message: str, text: str) -> None:
    assert failure_text(failure_pb2.Failure(classes=classes, message=message)) == text


def _shown(*events: run_pb2.Event, logs: tuple[pb.LogChunk, ...] = ()) -> list[str]:
    out = io.StringIO()
    progress = LineProgress(out)
    progress.begin(RUN, GRAPH)
    progress.update(pb.WatchRunResponse(events=events, logs=logs))
    return [line[24:] for line in out.getvalue().splitlines()[1:]]


def test_lines_tell_of_retries() -> None:
    waits = _task("start", "1", "RETRY_WAIT", 1_350)
    waits.text = "Task is tried again in 5.0 s."
    assert _shown(
        _attempt("start", "1", "LEASED", 1_100), _attempt("start", "1", "LOST", 1_350, failure=FAILURE), waits
    ) == [
        "[3/start/1] Task is starting.",
        "[3/start/1] Task's process was lost after 0.25 s: ValueError: bad cut",
        "[3/start/1] Task is tried again in 5.0 s.",
    ]


def test_lines_tell_what_a_switch_chose() -> None:
    chose = _task("start", "1", "SUCCEEDED", 1_200)
    chose.text = "Task chose step 'fit'."
    assert (
        _shown(_attempt("start", "1", "LEASED", 1_100), _attempt("start", "1", "SUCCEEDED", 1_200), chose)[-1]
        == "[3/start/1] Task chose step 'fit'."
    )


def test_lines_tell_of_caught_errors_with_their_tracebacks() -> None:
    caught = _attempt("start", "1", "SUCCEEDED", 1_200, failure=FAILURE, artifacts=1, artifact_bytes=10)
    written = FAILURE.traceback.encode()
    assert _shown(
        _attempt("start", "1", "LEASED", 1_100),
        caught,
        logs=(pb.LogChunk(step="start", task_id="1", data=written, stream="LOG_STREAM_STDERR"),),
    ) == [
        "[3/start/1] Task is starting.",
        "[3/start/1] Traceback (most recent call last):",
        "[3/start/1] ValueError: bad cut",
        "[3/start/1] Task failed, and the error was caught: ValueError: bad cut (0.10 s, 1 artifact, 10 B)",
    ]


def test_lines_tell_for_each_step_what_was_cloned_what_ran_and_why() -> None:
    cloned = _task("start", "1", "SUCCEEDED", 1_000)
    cloned.cloned_from.run_id, cloned.text = "2", "It succeeded in run 2."
    runs = _task("fit", "2", "READY", 1_000)
    runs.text = "Its code has changed since run 2."
    assert _shown(
        cloned,
        runs,
        _attempt("fit", "2", "LEASED", 1_100),
        _attempt("fit", "2", "SUCCEEDED", 1_200),
        _task("fit", "2", "SUCCEEDED", 1_200),
    ) == [
        "Step start: cloned 1 task. It succeeded in run 2.",
        "[3/fit/2] Task is starting.",
        "[3/fit/2] Task finished successfully. (0.10 s, no artifacts)",
        "Step fit: ran 1 task. Its code has changed since run 2.",
    ]


def test_reasons_that_are_many_are_summed_up() -> None:
    step = StepView("fit", "r", frozenset())
    step.cloned = {"It succeeded in run 2.": 3}
    step.ran = {f"Task start/{number}, before it, ran again.": 1 for number in range(9)}
    assert reuse_texts(step) == [
        "cloned 3 tasks. Each: It succeeded in run 2.",
        "ran 1 task. Task start/0, before it, ran again.",
        "ran 1 task. Task start/1, before it, ran again.",
        "ran 1 task. Task start/2, before it, ran again.",
        "ran 6 tasks for other reasons.",
    ]
