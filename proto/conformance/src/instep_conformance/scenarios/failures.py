"""What is told about a step that fails."""

from __future__ import annotations

from instep_proto.v1 import failure_pb2, task_pb2

from instep_conformance.kit import Kit
from instep_conformance.scenario import scenario

CATCH = "instep.cap.catch.v1"
MESSAGE = "The tank is empty: 0 l, grün."


@scenario("failures")
def failure_of_user_code(kit: Kit) -> None:
    """A step raises an error: kind, language, classes, message, traceback, and a frame with file and line of its code."""
    kit.task("fail", {"message": MESSAGE, "times": 1})
    report = kit.run()
    kit.expect(report.HasField("failure"), f"the attempt fails, and is not {report.WhichOneof('outcome')}")
    failure = report.failure
    kit.expect_kind(failure, "USER_ERROR")
    assert kit.orchestrator.registration is not None
    language = kit.orchestrator.registration.language
    kit.expect(failure.language == language, f"its language is {language}, and not {failure.language!r}")
    kit.expect(len(failure.classes) > 0, "it names the error's classes")
    kit.expect(failure.message == MESSAGE, f"its message is the error's, and not {failure.message!r}")
    kit.expect(MESSAGE in failure.traceback, "its traceback has the message")
    places = [(frame.file, frame.line) for frame in failure.frames if frame.user_code]
    file = str(kit.steps_file)
    kit.expect(any(place[0] == file and place[1] > 0 for place in places), f"a frame is in {file}: {places}")
    assert kit.process is not None
    kit.expect(MESSAGE in kit.process.text("stderr"), "the error stands in stderr")


@scenario("failures")
def failure_keeps_what_was_assigned(kit: Kit) -> None:
    """What the step assigned before it failed is stored, and reported as `partial_outputs`."""
    kit.task("fail", {"message": MESSAGE, "times": 1})
    values = kit.values(kit.run().partial_outputs)
    kit.expect(values == {"before": 1}, f"before is 1 in {values}")


@scenario("failures")
def failure_is_long(kit: Kit) -> None:
    """An error of 3 MB is cut to the limits, with head and tail kept, and marked as truncated."""
    text = "0123456789" * 10
    kit.task("fail", {"message": text, "times": 30_000})
    failure = kit.run().failure
    kit.expect_kind(failure, "USER_ERROR")
    kit.expect(failure.truncated, "it is marked as truncated")
    kit.expect(
        len(failure.message) > 1000, f"it keeps what there is room for, and not {len(failure.message)}"
    )
    kit.expect(failure.message.startswith(text) and failure.message.endswith(text), "it keeps head and tail")


@scenario("failures")
def failure_has_causes(kit: Kit) -> None:
    """An error with three causes tells all of them, in order."""
    kit.task("fail_deep", {"depth": 3})
    messages = _messages(kit.run().failure)
    expected = [f"level {level}" for level in range(4)]
    kit.expect(messages == expected, f"the causes are {expected}, and not {messages}")


@scenario("failures")
def failure_has_too_many_causes(kit: Kit) -> None:
    """An error with 60 causes tells the first of them, and at most 16 levels."""
    kit.task("fail_deep", {"depth": 60})
    failure = kit.run().failure
    kit.expect_kind(failure, "USER_ERROR")
    messages = _messages(failure)
    kit.expect(
        messages[:4] == [f"level {level}" for level in range(4)], f"the first causes are there: {messages}"
    )


@scenario("failures")
def failure_by_quitting(kit: Kit) -> None:
    """User code ends the process: that is never a success. It is reported as a failure, or the process just ends."""
    kit.task("quit")
    kit.start()
    code = kit.finish()
    report = kit.attempt().report
    kit.expect(report is None or report.HasField("failure"), "no success is reported")
    kit.expect(report is not None or code != 0, "an end without a report is not an end with exit code 0")


@scenario("failures")
def failure_to_find_the_code(kit: Kit) -> None:
    """The file has no such function: the failure is CODE_LOAD, and names it."""
    kit.task("absent")
    failure = kit.run().failure
    kit.expect_kind(failure, "CODE_LOAD")
    kit.expect("absent" in failure.message, f"it names the function: {failure.message}")


@scenario("failures")
def failure_to_load_the_file(kit: Kit) -> None:
    """There is no such file: the failure is CODE_LOAD, and names it."""
    kit.steps_file = kit.folder / f"absent{kit.steps_file.suffix}"
    kit.task("nothing")
    failure = kit.run().failure
    kit.expect_kind(failure, "CODE_LOAD")
    kit.expect("absent" in failure.message, f"it names the file: {failure.message}")


@scenario("failures")
def attempt_after_a_failure(kit: Kit) -> None:
    """The third attempt is told why the second failed, in more words than it may understand: it just runs."""
    previous = failure_pb2.Failure(
        kind="FAILURE_KIND_WORKER_LOST", message="The process was killed.", signal=9
    )
    kit.task("add", {"a": 1, "b": 2}, attempt=2, max_attempts=3, previous_failure=previous)
    kit.expect(kit.outputs(kit.run()) == {"total": 3}, "the task is done")


@scenario("catch", capability=CATCH)
def error_is_caught(kit: Kit) -> None:
    """The last attempt of a step with `catch` fails: it is a success with the failure, and the artifact has the error."""
    kit.task("fail", {"message": MESSAGE, "times": 1}, catch=task_pb2.Catch(var="problem"))
    success = kit.run().success
    kit.expect(success.caught.message == MESSAGE, f"the failure is told, and not {success.caught.message!r}")
    names = {output.name for output in success.outputs}
    kit.expect(names == {"before", "problem"}, f"before and problem are stored, and not {names}")


@scenario("catch", capability=CATCH)
def error_is_not_caught_yet(kit: Kit) -> None:
    """An attempt of a step with `catch` fails that is not the last: it is a failure."""
    kit.task("fail", {"message": MESSAGE, "times": 1}, max_attempts=2, catch=task_pb2.Catch(var="problem"))
    kit.expect_kind(kit.run().failure, "USER_ERROR")


@scenario("catch", capability=CATCH)
def no_error_to_catch(kit: Kit) -> None:
    """A step with `catch` succeeds: the artifact for the error is null."""
    kit.task("add", {"a": 1, "b": 2}, catch=task_pb2.Catch(var="problem"))
    values = kit.outputs(kit.run())
    kit.expect(values == {"total": 3, "problem": None}, f"problem is null in {values}")


@scenario("catch", capability=CATCH)
def death_is_caught(kit: Kit) -> None:
    """Earlier attempts died: no user code runs, and the last failure is what is caught."""
    previous = failure_pb2.Failure(
        kind="FAILURE_KIND_WORKER_LOST", message="The process was killed.", signal=9
    )
    kit.task(
        "write",
        {"text": "user code runs", "error": "", "times": 1},
        attempt=2,
        max_attempts=3,
        previous_failure=previous,
        catch=task_pb2.Catch(var="problem", only_handle=True),
    )
    success = kit.run().success
    kit.expect(success.HasField("caught"), "the failure is told")
    kit.expect([output.name for output in success.outputs] == ["problem"], "problem is stored")
    assert kit.process is not None
    kit.expect("user code" not in kit.process.text("stdout"), "no user code runs")


def _messages(failure: failure_pb2.Failure) -> list[str]:
    messages = [failure.message]
    while failure.HasField("cause"):
        failure = failure.cause
        messages.append(failure.message)
    return messages
