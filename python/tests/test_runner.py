"""Runs from code: the command line, driven by a program."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_flows import (
    BROKEN,
    FAILING,
    GREETING,
    REQUIRED,
    SLOW,
    command,
    processes_about,
    wait_for,
    wait_until,
    write,
)
from instep import RunEvent, Runner, errors
from instep._archive import close_all


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("INSTEP_HOME", raising=False)
    monkeypatch.setenv("INSTEP_USER", "ada")
    monkeypatch.chdir(tmp_path)
    yield
    close_all()
    wait_until(lambda: processes_about(str(tmp_path)) == [])


def test_a_run_takes_parameters_and_options_as_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "greeting.py", GREETING)
    done = Runner("greeting.py").run(
        who="Zoë",
        with_dash=["A", "B"],
        times=1,
        loud=True,
        options={"z": [1]},
        tag=["x", "y z"],
        max_workers=1,
    )
    assert (done.status, done.returncode) == ("succeeded", 0)
    assert done.run is not None
    assert done.run.data is not None
    assert done.run.data.texts == ["hello Zoë", "hello A", "hello B"]
    assert (done.run.data.options, done.run.data.loud) == ({"z": [1]}, True)
    assert done.run.user_tags == {"x", "y z"}
    shown = capsys.readouterr()
    assert shown.out == done.stdout
    assert "hello Zoë" in shown.out
    assert shown.err == done.stderr == ""


def test_events_come_in_order_and_end_with_the_run(tmp_path: Path) -> None:
    write(tmp_path, "greeting.py", GREETING)
    called: list[RunEvent] = []
    executing = Runner("greeting.py", show_output=False, on_event=called.append).start_run(max_workers=1)
    seen = list(executing)
    assert executing.wait() is executing
    assert called == seen == list(executing)
    assert (seen[0].kind, seen[0].text) == ("run", "Run Greeting/1 starts.")
    assert (seen[-1].kind, seen[-1].status) == ("run", "succeeded")
    assert [event.text for event in seen if event.kind == "output" and event.step == "start"] == [
        "people: ['world']"
    ]
    assert [event.step for event in seen if event.kind == "attempt" and event.status == "succeeded"] == [
        "start", "greet", "gather", "end"
    ]  # fmt: skip


def test_a_coroutine_can_start_a_run_and_follow_it(tmp_path: Path) -> None:
    write(tmp_path, "greeting.py", GREETING)

    async def follow() -> tuple[str, list[str]]:
        executing = await Runner("greeting.py", show_output=False).async_run()
        kinds = [event.kind async for event in executing]
        return (await executing.async_wait()).status, kinds

    status, kinds = asyncio.run(follow())
    assert status == "succeeded"
    assert (kinds[0], kinds[-1]) == ("run", "run")


def test_a_run_that_fails_tells_why(tmp_path: Path) -> None:
    write(tmp_path, "failing.py", FAILING)
    done = Runner(tmp_path / "failing.py", show_output=False).run()
    assert (done.status, done.returncode) == ("failed", 1)
    assert "ValueError: no such cut" in done.stderr
    assert done.run is not None
    assert done.run.status == "failed"


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        (GREETING, {"times": "often"}, errors.ParameterInvalidError, "--times"),
        (REQUIRED, {}, errors.ParameterInvalidError, "--folds"),
        (GREETING, {"nothing": 1}, errors.UsageError, "--nothing"),
        (GREETING, {"max_workers": 0}, errors.UsageError, "--max-workers"),
        (GREETING, {"who": object()}, errors.UsageError, "who"),
        (BROKEN, {}, errors.GraphInvalidError, "nowhere"),
        ("raise KeyError('oh')", {}, errors.GraphInvalidError, "oh"),
    ],
    ids=["value", "required", "option", "number", "object", "graph", "file"],
)
def test_what_cannot_run_raises_and_leaves_no_run(
    tmp_path: Path, text: str, options: dict[str, object], error: type[Exception], message: str
) -> None:
    write(tmp_path, "flow.py", text)
    with pytest.raises(error, match=message):
        Runner("flow.py", show_output=False).run(**options)


@pytest.mark.parametrize("flow", ["nothing.py", "flow.txt", str])
def test_what_is_no_flow_is_refused(flow: str) -> None:
    with pytest.raises(errors.UsageError):
        Runner(flow)


def test_a_class_stands_for_its_file(tmp_path: Path) -> None:
    write(tmp_path, "greeting.py", GREETING)
    done = command(
        "-c",
        "from greeting import Greeting; from instep import Runner;"
        "print(Runner(Greeting, show_output=False).run(who='Ann').run.data.who)",
        cwd=tmp_path,
    )
    assert (done.stdout, done.stderr) == ("Ann\n", "")


def test_environment_and_working_directory_are_those_asked_for(tmp_path: Path) -> None:
    write(tmp_path, "greeting.py", GREETING)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    runner = Runner(tmp_path / "greeting.py", show_output=False, env={"INSTEP_RUN_WHO": "Eve"}, cwd=elsewhere)
    done = runner.run()
    assert done.run is not None
    assert done.run.data is not None
    assert done.run.data.who == "Eve"
    assert done.run._record.working_directory == str(elsewhere)
    assert "INSTEP_RUN_WHO" not in os.environ


def test_a_run_can_be_waited_for_in_time_and_cancelled(tmp_path: Path) -> None:
    write(tmp_path, "slow.py", SLOW)
    flag = tmp_path / "flag"
    with Runner("slow.py", show_output=False, env={"SLOW_FLAG": str(flag)}) as runner:
        executing = runner.start_run()
        wait_for(flag)
        with pytest.raises(TimeoutError):
            executing.wait(0)
        assert (executing.status, executing.returncode) == ("running", None)
        executing.cancel()
        assert executing.wait().status == "cancelled"
        assert executing.returncode == 130
        flag.unlink()
        left = runner.start_run()
        wait_for(flag)
    assert left.status == "cancelled"


def test_an_error_of_the_callback_reaches_who_waits(tmp_path: Path) -> None:
    write(tmp_path, "slow.py", SLOW)

    def fails(event: RunEvent) -> None:
        raise LookupError(event.text)

    runner = Runner("slow.py", show_output=False, env={"SLOW_FLAG": str(tmp_path / "flag")}, on_event=fails)
    with pytest.raises(LookupError, match="starts"):
        runner.run()


def test_the_end_of_the_program_cancels_its_runs(tmp_path: Path) -> None:
    write(tmp_path, "slow.py", SLOW)
    program = (
        "import os; from instep import Runner;"
        "e = Runner('slow.py', show_output=False).start_run(); print(e.run.id, flush=True); input(); os._exit(9)"
    )
    flag = tmp_path / "flag"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "SLOW_FLAG": str(flag)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for(flag)
        process.communicate("\n")
    wait_until(lambda: processes_about(str(flag)) == [])
