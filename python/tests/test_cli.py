"""The command line of flows, as a person uses it."""

import os
import pickle
import re
import signal
import time
from pathlib import Path

import pytest
from cli_flows import (
    BROKEN,
    FAILING,
    GREETING,
    LOOKING,
    REQUIRED,
    SLOW,
    STUBBORN,
    command,
    processes_about,
    started,
    wait_for,
    wait_until,
    write,
)

HELP = """\
Usage: python greeting.py [OPTIONS] [COMMAND] [ARGS]...

  Run a flow and look at its runs.

Options:
  --quiet / --not-quiet       Show no progress. Errors are shown all the same.
  --config NAME FILE          Read a config of the flow from a file. Repeatable. (Environment:
                              INSTEP_FLOW_CONFIG, JSON by name.)
  --config-value NAME TEXT    Give the text of a config. Repeatable. (Environment:
                              INSTEP_FLOW_CONFIG_VALUE, JSON by name.)
  --branch TEXT               Branch of the flow's project: test.TEXT, or prod.TEXT.
  --production                Run on the production branch of the flow's project.
  --datastore-root DIRECTORY  Where runs and their data are kept.
  --datastore [local]         Kind of the store.  [default: local]
  --metadata [local]          Where runs are recorded.  [default: local]
  --version                   Show the version and exit.
  -h, --help                  Show this message and exit.

Commands:
  run     Run the flow.
  resume  Go on from an earlier run.
  check   Check the graph of the flow.
  show    Show the steps in order: language, documentation, where they lead.
  logs    Show what the tasks of a step have written.
  dump    Show the artifacts that the tasks of a step have left behind.
  debug   Open a prompt with what a task saw, to find out why it failed.
  rerun   Run the step of a task again on its old inputs.
  tag     Change and list the tags of a run.
  help    Show this text, or that of a command.
"""

RUN_HELP = """\
Usage: python greeting.py run [OPTIONS]

  Run the flow Greeting.

Parameters of the flow:
  --who TEXT        Whom to greet.  [default: world]
  --times INTEGER   How often.  [default: 2]
  --loud BOOLEAN    [default: False]
  --with-dash TEXT  Further people.
  --options JSON    [default: {"a": 1}]

Options:
  --tag TEXT          Tag of the run. Repeatable.
  --max-workers N     How many tasks may run at once.  [default: one per core]  [x>=1]
  --max-num-splits N  How many tasks one foreach may make.  [default: 10000]  [x>=1]
  --max-log-size N    How much of each log of a task is kept, in MB.  [default: 64]  [x>=1]
  --with DECORATOR    Decorator for all steps that have none of its name, such as retry:times=2.
                      Repeatable.
  --run-id-file FILE  File to write the run's id to, before its first task starts.
  --on-loss POLICY    What to do about losses: warn, error or ignore.  [default: as the flow says]
  --namespace TEXT    What clients in the tasks see: runs with this tag; empty for all.  [default:
                      user:NAME]
  --reuse             Take over what earlier runs did with the same code and the same inputs, and
                      run the rest.
  -h, --help          Show this message and exit.
"""

RESUME_HELP = """\
Usage: python greeting.py resume [OPTIONS] [STEP]

  Go on from an earlier run: what it has done well is taken over, and the rest is run. With STEP,
  that step and all after it run again. Parameters keep their values.

Options:
  --origin-run-id ID  The run to go on from.  [default: the latest one that `run` has started]
  --changed           Run again what has other code or other inputs now, too, and say why.
  --tag TEXT          Tag of the run. Repeatable.
  --max-workers N     How many tasks may run at once.  [default: one per core]  [x>=1]
  --max-num-splits N  How many tasks one foreach may make.  [default: 10000]  [x>=1]
  --max-log-size N    How much of each log of a task is kept, in MB.  [default: 64]  [x>=1]
  --with DECORATOR    Decorator for all steps that have none of its name, such as retry:times=2.
                      Repeatable.
  --run-id-file FILE  File to write the run's id to, before its first task starts.
  --on-loss POLICY    What to do about losses: warn, error or ignore.  [default: as the flow says]
  --namespace TEXT    What clients in the tasks see: runs with this tag; empty for all.  [default:
                      user:NAME]
  -h, --help          Show this message and exit.
"""

TAG_HELP = """\
Usage: python greeting.py tag replace [OPTIONS]

  Remove tags from a run, and add others, at once.

Options:
  --run-id ID      Id of the run.
  --namespace TAG  Tag that the run must have; empty for any run.  [default: user:NAME]
  --remove TAG     Tag to remove. Repeatable.  [required]
  --add TAG        Tag to add. Repeatable.  [required]
  -h, --help       Show this message and exit.
"""

SHOW = """\
Greeting
Greets people, one by one.

Step start  py  (greeting.py:15)
    Collects the people.
    => greet for each of people

Step greet  py  (greeting.py:23)
    ?
    => gather

Step gather  py  join  (greeting.py:32)
    ?
    => end

Step end  py  (greeting.py:37)
    ?
    => (the end)
"""


@pytest.fixture(scope="module")
def greeting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a flow that has run once."""
    folder = tmp_path_factory.mktemp("greeting")
    write(folder, "greeting.py", GREETING)
    done = command("greeting.py", "run", "--with-dash", "Ada,Bob", "--run-id-file", "id", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def run_id(greeting: Path) -> str:
    return (greeting / "id").read_text()


def test_help_names_all_commands(tmp_path: Path) -> None:
    write(tmp_path, "greeting.py", GREETING)
    for arguments in (["--help"], ["help"]):
        assert command("greeting.py", *arguments, cwd=tmp_path).stdout == HELP
    assert not (tmp_path / ".instep").exists()


def test_help_of_run_shows_parameters_with_types_and_defaults(greeting: Path) -> None:
    for arguments in (["run", "--help"], ["help", "run"]):
        assert command("greeting.py", *arguments, cwd=greeting).stdout == RUN_HELP


def test_help_of_resume_and_tag(greeting: Path) -> None:
    assert command("greeting.py", "resume", "--help", cwd=greeting).stdout == RESUME_HELP
    assert command("greeting.py", "tag", "replace", "--help", cwd=greeting).stdout == TAG_HELP


def test_show_tells_the_steps_in_order(greeting: Path) -> None:
    done = command("greeting.py", "show", cwd=greeting)
    assert (done.returncode, done.stdout) == (0, SHOW)


def test_check_of_a_good_graph_says_so(greeting: Path) -> None:
    done = command("greeting.py", "check", cwd=greeting)
    assert done.returncode == 0
    assert done.stdout == "The graph looks good: 4 steps (4 py) in greeting.py.\n"


def test_no_command_checks_and_tells_what_can_be_done(greeting: Path) -> None:
    done = command("greeting.py", cwd=greeting)
    assert done.returncode == 0
    assert "The graph looks good" in done.stdout
    assert "python greeting.py run" in done.stdout


@pytest.mark.parametrize("name", ["check", "run", "run --folds 3", "show", ""])
def test_a_bad_graph_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    write(tmp_path, "broken.py", BROKEN)
    done = command("broken.py", *name.split(), cwd=tmp_path)
    assert done.returncode == 1
    assert "Flow 'Broken' can't run" in done.stderr
    assert re.search(r"broken\.py:\d+: .*nowhere", done.stderr)


@pytest.mark.holds("6.2 6.3 6.6 8.10 9.7 13.2", "python")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chekc"], "No such command 'chekc'. Did you mean 'check'?"),
        (["--quite"], "No such option '--quite'."),
        (["run", "--max-worker", "1"], "'--max-workers'?)"),
        (["run", "--times", "many"], "Option --times must be a whole number, not 'many'."),
        (["run", "--loud", "perhaps"], "Option --loud must be true or false"),
        (["run", "--options", "{"], "Option --options must be JSON, not '{'"),
        (["run", "--max-workers", "0"], "0 is not in the range x>=1"),
        (["run", "--tag", ""], "A tag can't be empty."),
        (["run", "--tag", "x" * 501], "A tag has at most 500 characters, and this one has 501"),
        (["run", "--max-workers"], "Option '--max-workers' requires an argument."),
        (["run", "--tag", os.fsdecode(b"\xff")], "a tag must be valid UTF-8"),
        (["run", "--with", "retry:"], "'retry:' is no decorator. Write, for example, --with retry:times=2."),
        (
            ["run", "--with", "retry:times"],
            "has no argument and value at 'times'. Write retry:argument=value.",
        ),
        (["run", "--with", "retry:foo=1"], "The decorator 'retry' of --with has no argument 'foo'."),
        (["run", "--with", "nothing"], "'nothing'"),
        (["run", "--branch", "b"], "It is an option of the program: write it before the command."),
        (["resume", "--times", "3"], "--times is a parameter of the flow. A resumed run keeps the values"),
        (["--datastore", "s3", "run"], "'s3' is not 'local'."),
        (["tag", "replace", "--run-id", "1", "--add", "x"], "Missing option '--remove'."),
        (["tag", "add", "--run-id", "1"], "Missing argument 'TAG...'."),
        (["logs"], "Missing argument 'RUN/STEP[/TASK]'."),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(
    greeting: Path, arguments: list[str], message: str
) -> None:
    done = command("greeting.py", *arguments, cwd=greeting)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.holds("6.4 6.7", "python")
def test_a_required_parameter_comes_from_the_command_line_or_the_environment(tmp_path: Path) -> None:
    write(tmp_path, "required.py", REQUIRED)
    done = command("required.py", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "--folds" in done.stderr
    from_environment = {"INSTEP_RUN_FOLDS": "3"}
    assert command("required.py", "run", cwd=tmp_path, env=from_environment).returncode == 0
    done = command(
        "required.py", "run", "--folds", "4", "--run-id-file", "id", cwd=tmp_path, env=from_environment
    )
    assert done.returncode == 0
    seen = command("required.py", "dump", f"{(tmp_path / 'id').read_text()}/end", cwd=tmp_path).stdout
    assert "seen [size: " in seen
    assert "= 4\n" in seen


def test_run_tells_each_thing_that_happens(greeting: Path) -> None:
    done = command("greeting.py", "run", "--max-workers", "1", cwd=greeting)
    assert (done.returncode, done.stderr) == (0, "")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ", "", done.stdout)
    text = re.sub(r"\(pid \d+\)", "(pid N)", text)
    text = re.sub(r"\d+\.\d+ s", "T s", text)
    lines = text.splitlines()
    assert lines[0].startswith("Instep ")
    assert lines[0].endswith(" runs flow Greeting for user ada.")
    assert lines[1:3] == [
        "Validating the graph...",
        "    The graph looks good: 4 steps (4 py) in greeting.py.",
    ]
    (run,) = re.findall(r"^Run Greeting/(\d+) starts\.$", text, re.MULTILINE)
    for line in (
        f"[{run}/start/1 (pid N)] Task is starting.",
        f"[{run}/start/1 (pid N)] people: ['world']",
        f"[{run}/greet/2 (pid N)] hello worldhello world",
        f"[{run}/greet/2 (pid N)] to world",
    ):
        assert line in lines
    assert re.search(
        rf"^\[{run}/start\S*\] .*Foreach yields 1 child step\.$|Foreach yields 1 child step", text
    )
    assert len(re.findall(r"Task finished successfully\. \(T s, \d+ artifacts?, ", text)) == 4
    assert lines[-1] == "Done! (T s)"


def test_quiet_run_writes_nothing(greeting: Path) -> None:
    done = command("greeting.py", "--quiet", "run", cwd=greeting)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_failed_run_shows_the_users_traceback_first(tmp_path: Path) -> None:
    write(tmp_path, "failing.py", FAILING)
    done = command("failing.py", "run", "--max-workers", "1", cwd=tmp_path)
    assert done.returncode == 1
    report = done.stderr.strip()
    assert report.startswith("Traceback (most recent call last):")
    assert "instep/" not in report.split("Error: Run")[0]
    assert "ValueError: no such cut" in report
    assert re.search(r"Run Failing/\d+ failed in step 'fit' \(py\), task 3\.", report)
    assert "'Ideal' (index 1 of cuts)" in report
    (log,) = re.findall(r"Log: +(\S+)", report)
    assert "ValueError: no such cut" in Path(log).read_text()
    (shown,) = re.findall(r"python (failing.py logs \S+)", report)
    assert "before the error" in command(*shown.split(), cwd=tmp_path).stdout
    assert "Traceback" not in done.stdout


@pytest.mark.holds("13.10", "python")
def test_quiet_does_not_hide_the_report_of_a_failure(tmp_path: Path) -> None:
    write(tmp_path, "failing.py", FAILING)
    done = command("failing.py", "--quiet", "run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "ValueError: no such cut" in done.stderr


@pytest.mark.holds("12.4", "python")
def test_logs_show_both_streams_or_one(greeting: Path, run_id: str) -> None:
    both = command("greeting.py", "--quiet", "logs", f"{run_id}/greet", cwd=greeting).stdout.splitlines()
    assert sorted(both) == sorted(
        line for name in ("world", "Ada", "Bob") for line in (f"hello {name}hello {name}", f"to {name}")
    )
    only = command("greeting.py", "--quiet", "logs", f"{run_id}/greet", "--stderr", cwd=greeting).stdout
    assert only.splitlines() == ["to world", "to Ada", "to Bob"]


def test_logs_of_one_task_have_a_heading_and_times(greeting: Path, run_id: str) -> None:
    done = command("greeting.py", "logs", f"{run_id}/start/1", "--timestamps", cwd=greeting)
    heading, line = done.stdout.splitlines()
    assert heading == f"Log of Greeting/{run_id}/start/1 (attempt 0):"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} people: \['world', 'Ada', 'Bob'\]", line)


@pytest.mark.holds("12.4", "python")
@pytest.mark.parametrize("name", ["logs", "dump"])
@pytest.mark.parametrize(
    "path", ["999/start", "{run}/nowhere", "{run}/start/99", "{run}", "a/b/c/d", "/start"]
)
def test_a_path_that_names_nothing_exits_with_1(greeting: Path, run_id: str, name: str, path: str) -> None:
    done = command("greeting.py", name, path.format(run=run_id), cwd=greeting)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_dump_prints_name_size_type_and_value(greeting: Path, run_id: str) -> None:
    text = command("greeting.py", "dump", f"{run_id}/end", "--include", "texts,big,who", cwd=greeting).stdout
    lines = text.splitlines()
    assert lines[0].startswith(f"Artifacts of Greeting/{run_id}/end/")
    assert re.fullmatch(
        r"big \[size: \d+ type: \S+\] = <.*too large to print, see --max-value-size>", lines[1]
    )
    assert re.fullmatch(r"texts \[size: \d+ type: \S+\] = \['hello worldhello world', .*\]", lines[2])
    assert re.fullmatch(r"who \[size: \d+ type: \S+\] = 'world'", lines[3])
    big = ("dump", f"{run_id}/end", "--include", "big", "--max-value-size", "100000")
    assert "x" * 5000 in command("greeting.py", *big, cwd=greeting).stdout


def test_dump_leaves_private_names_out(greeting: Path, run_id: str) -> None:
    assert "_hidden" not in command("greeting.py", "dump", f"{run_id}/start", cwd=greeting).stdout
    assert "_hidden" in command("greeting.py", "dump", f"{run_id}/start", "--private", cwd=greeting).stdout


@pytest.mark.holds("13.7", "python")
def test_dump_to_a_file_writes_a_dictionary(greeting: Path, run_id: str) -> None:
    done = command("greeting.py", "dump", f"{run_id}/greet", "--include", "text", "--file", "d", cwd=greeting)
    assert (done.returncode, done.stdout) == (0, "")
    values = pickle.loads((greeting / "d").read_bytes())
    assert [entry["text"] for entry in values.values()] == [
        f"hello {n}hello {n}" for n in ("world", "Ada", "Bob")
    ]
    assert all(path.startswith(f"Greeting/{run_id}/greet/") for path in values)


def test_the_program_instep_looks_at_the_store(greeting: Path, run_id: str) -> None:
    runs = command("-m", "instep", "runs", "Greeting", cwd=greeting).stdout.splitlines()
    assert f"Greeting/{run_id}" in runs[-1]
    assert "succeeded" in runs[-1]
    for name in (f"Greeting/{run_id}", run_id, "Greeting"):
        shown = command("-m", "instep", "show", name, cwd=greeting).stdout.splitlines()
        assert "succeeded" in shown[0]
        assert [line.split()[1] for line in shown[1:]] == ["start", "greet", "gather", "end"]
    for path in (f"Greeting/{run_id}/start", f"{run_id}/start", f"{run_id}/start/1"):
        assert "people:" in command("-m", "instep", "logs", path, cwd=greeting).stdout
    assert (
        "= 'world'"
        in command("-m", "instep", "dump", "Greeting/end", "--include", "who", cwd=greeting).stdout
    )


def test_the_program_instep_without_a_store_says_where_it_looked(tmp_path: Path) -> None:
    done = command("-m", "instep", "runs", cwd=tmp_path, env={"INSTEP_HOME": str(tmp_path / "none")})
    assert done.returncode == 1
    assert "INSTEP_HOME" in done.stderr


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_cancels_the_run_and_leaves_nothing_behind(tmp_path: Path, number: int, code: int) -> None:
    write(tmp_path, "slow.py", SLOW)
    flag = tmp_path / "flag"
    with started(
        "slow.py", "run", "--run-id-file", "id", cwd=tmp_path, env={"SLOW_FLAG": str(flag)}
    ) as process:
        wait_for(flag)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "cancelled" in out
    assert processes_about(str(flag)) == []
    shown = command("-m", "instep", "show", f"Slow/{(tmp_path / 'id').read_text()}", cwd=tmp_path).stdout
    assert "cancelled" in shown


def test_a_second_signal_stops_waiting_for_a_stubborn_task(tmp_path: Path) -> None:
    write(tmp_path, "stubborn.py", STUBBORN)
    flag = tmp_path / "flag"
    with started("stubborn.py", "run", cwd=tmp_path, env={"SLOW_FLAG": str(flag)}) as process:
        wait_for(flag)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        while "Cancelling the run" not in process.stdout.readline():
            pass
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert time.monotonic() - began < 5
        os.kill(int(flag.read_text()), signal.SIGKILL)
    wait_until(lambda: processes_about(str(flag)) == [])


@pytest.mark.holds("13.6", "python")
def test_options_come_from_the_environment(greeting: Path) -> None:
    done = command("greeting.py", "run", cwd=greeting, env={"INSTEP_QUIET": "1", "INSTEP_RUN_TAG": "a b"})
    assert (done.returncode, done.stdout) == (0, "")
    assert command("-m", "instep", "runs", "--limit", "1", cwd=greeting).stdout.rstrip().endswith("ada  a, b")


def test_the_client_works_inside_a_task(tmp_path: Path) -> None:
    write(tmp_path, "looking.py", LOOKING)
    done = command("looking.py", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "state of this run: running" in done.stdout
    assert processes_about(str(tmp_path / ".instep")) == []


def test_the_end_of_the_server_is_told(tmp_path: Path) -> None:
    write(tmp_path, "slow.py", SLOW)
    flag = tmp_path / "flag"
    with started("slow.py", "run", cwd=tmp_path, env={"SLOW_FLAG": str(flag)}) as process:
        wait_for(flag)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        (server,) = [
            int(pid) for pid in children if b"instep_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(server, signal.SIGKILL)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "ended unexpectedly (signal SIGKILL)" in err
    assert "Traceback" not in err
