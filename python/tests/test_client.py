"""The client, over runs that really happened."""

import multiprocessing
import pickle
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_flows import FAILING, GREETING, SLOW, command, processes_about, started, wait_for, write
from instep import (
    DataArtifact,
    Flow,
    Instep,
    Run,
    Step,
    Task,
    default_namespace,
    errors,
    get_namespace,
    namespace,
)
from instep._archive import archive, close_all


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs of one flow and a failed run of another."""
    folder = tmp_path_factory.mktemp("client")
    write(folder, "greeting.py", GREETING)
    write(folder, "failing.py", FAILING)
    for arguments in (
        ("greeting.py", "run", "--with-dash", "Ada,Bob", "--tag", "first", "--run-id-file", "first"),
        ("greeting.py", "run", "--who", "Eve", "--run-id-file", "second"),
    ):
        done = command(*arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
    assert command("failing.py", "run", "--run-id-file", "failed", cwd=folder).returncode == 1
    return folder


@pytest.fixture(autouse=True)
def _in_store(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INSTEP_HOME", raising=False)
    monkeypatch.delenv("INSTEP_NAMESPACE", raising=False)
    monkeypatch.setenv("INSTEP_USER", "ada")
    monkeypatch.chdir(store)
    default_namespace()


@pytest.fixture(scope="module", autouse=True)
def _no_server_left(store: Path) -> Iterator[None]:
    yield
    close_all()
    assert processes_about(str(store)) == []


@pytest.fixture
def first(store: Path) -> Run:
    return Run(f"Greeting/{(store / 'first').read_text()}")


@pytest.fixture
def failed(store: Path) -> Run:
    return Run(f"Failing/{(store / 'failed').read_text()}")


def test_the_root_lists_flows() -> None:
    assert [flow.id for flow in Instep()] == ["Failing", "Greeting"]
    assert "Greeting" in Instep()
    assert Instep()["Greeting"] == Flow("Greeting")
    with pytest.raises(KeyError):
        Instep()["None"]


def test_a_flow_gives_its_runs_newest_first(store: Path) -> None:
    ids = [(store / name).read_text() for name in ("second", "first")]
    flow = Flow("Greeting")
    assert [run.id for run in flow] == ids == [run.id for run in flow.runs()]
    assert [run.id for run in flow.runs("first")] == ids[1:]
    assert list(flow.runs("first", "other")) == []
    assert flow.latest_run == flow.latest_successful_run == flow[ids[0]]
    assert flow.tags == frozenset()


def test_a_failed_run_is_the_latest_but_not_the_latest_successful() -> None:
    flow = Flow("Failing")
    assert flow.latest_run is not None
    assert flow.latest_successful_run is None


def test_ids_and_parents_fit_together(first: Run) -> None:
    step = first["greet"]
    task = step.task
    artifact = task["text"]
    assert artifact.pathspec == f"{first.pathspec}/greet/{task.id}/text"
    assert artifact.path_components == ["Greeting", first.id, "greet", task.id, "text"]
    assert (artifact.parent, task.parent, step.parent, first.parent) == (task, step, first, Flow("Greeting"))
    for thing in (first, step, task, artifact):
        assert type(thing)(thing.pathspec) == thing
        assert datetime.now(UTC) - thing.created_at < timedelta(minutes=5)


def test_children_are_found_by_id(first: Run) -> None:
    assert "greet" in first
    assert "nowhere" not in first
    with pytest.raises(KeyError):
        first["nowhere"]
    with pytest.raises(KeyError):
        first["greet"]["99"]
    with pytest.raises(KeyError):
        first["greet"].task["nothing"]


@pytest.mark.parametrize("cls", [Flow, Run, Step, Task, DataArtifact])
def test_a_path_of_the_wrong_form_is_refused(cls: type) -> None:
    with pytest.raises(errors.PathspecInvalidError, match="of the form 'FLOW"):
        cls("a/b/c/d/e/f")


@pytest.mark.parametrize(
    ("cls", "path", "error"),
    [
        (Flow, "None", errors.FlowUnknownError),
        (Run, "Greeting/999", errors.RunUnknownError),
        (Step, "Greeting/{run}/nowhere", errors.StepUnknownError),
        (Task, "Greeting/{run}/start/99", errors.TaskUnknownError),
        (Task, "Greeting/{run}/end/1", errors.TaskUnknownError),
        (Run, "Greeting/01", errors.RunUnknownError),
        (Run, "Greeting/\u0661", errors.RunUnknownError),
        (Task, "Greeting/{run}/start/01", errors.TaskUnknownError),
        (DataArtifact, "Greeting/{run}/start/1/nothing", errors.ArtifactUnknownError),
    ],
)
def test_what_does_not_exist_is_not_found(first: Run, cls: type, path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        cls(path.format(run=first.id))


def test_a_run_that_succeeded_is_finished(first: Run) -> None:
    assert (first.finished, first.successful, first.status) == (True, True, "succeeded")
    assert first.finished_at is not None
    assert first.end_task == first["end"].task
    assert first.data is not None
    assert first.data.texts == [f"hello {name}hello {name}" for name in ("world", "Ada", "Bob")]


def test_a_run_that_failed_is_neither_finished_nor_successful(failed: Run) -> None:
    assert (failed.finished, failed.successful, failed.status) == (False, False, "failed")
    assert failed.finished_at is None
    assert failed.end_task is None
    assert failed.data is None
    assert {step.id for step in failed} == {"start", "fit"}


def test_steps_and_tasks_are_newest_first(first: Run) -> None:
    assert [step.id for step in first] == ["end", "gather", "greet", "start"]
    assert [step.id for step in first.steps()] == [step.id for step in first]
    assert [task.index for task in first["greet"]] == [2, 1, 0]
    assert first["greet"].task.index == 2
    assert first["start"].task.index is None


def test_a_task_gives_values_by_name(first: Run) -> None:
    task = first["start"].task
    assert task.data.people == ["world", "Ada", "Bob"]
    assert task.data.options == {"a": 1}
    assert "people" in task.data
    assert "nothing" not in task.data
    assert not hasattr(task.data, "nothing")
    with pytest.raises(AttributeError, match="has no artifact 'nothing'"):
        _ = task.data.nothing
    assert task.artifacts.people.data == task["people"].data == task.data.people
    assert set(dir(task.data)) >= {"people", "who"}


def test_private_names_are_fetched_by_name_only(first: Run) -> None:
    task = first["start"].task
    assert task.data._hidden == 1
    assert "_hidden" not in [artifact.id for artifact in task]


def test_equal_values_have_the_same_content_id(first: Run) -> None:
    assert first["start"].task["who"].sha == first["end"].task["who"].sha
    assert first["start"].task["who"].size > 0
    assert re.fullmatch(r"b3:[0-9a-f]{64}", first["start"].task["who"].sha)


def test_inputs_of_a_task_are_its_parents(first: Run) -> None:
    assert list(first["start"].task.parent_tasks) == []
    assert [task.index for task in first["gather"].task.parent_tasks] == [0, 1, 2]


def test_logs_are_text_and_lines_with_times(first: Run) -> None:
    task = first["start"].task
    assert task.stdout == "people: ['world', 'Ada', 'Bob']\n"
    assert task.stderr == ""
    ((at, line),) = task.loglines("stdout")
    assert line == task.stdout.rstrip("\n")
    assert at.tzinfo is UTC


def test_a_failed_task_has_its_exception(failed: Run) -> None:
    task = next(task for task in failed["fit"] if task.index == 1)
    assert not task.successful
    assert task.exception is not None
    assert (task.exception.exception, task.exception.type) == ("no such cut", "builtins.ValueError")
    assert task.exception.stacktrace.startswith("Traceback")
    assert "ValueError: no such cut" in task.stderr
    assert Task(task.pathspec, attempt=0).exception == task.exception
    with pytest.raises(errors.AttemptUnknownError):
        Task(task.pathspec, attempt=1)


def test_tags_are_those_of_the_run(first: Run) -> None:
    assert first.user_tags == frozenset({"first"})
    assert "user:ada" in first.system_tags
    assert first["start"].task["who"].tags == first.tags == first.user_tags | first.system_tags


def test_objects_can_be_pickled(first: Run) -> None:
    for thing in (Flow("Greeting"), first, first["start"], first["start"].task, first["start"].task["who"]):
        assert pickle.loads(pickle.dumps(thing)) == thing


def _read_who(path: str) -> object:
    return Task(path).data.who


def test_a_forked_process_can_look_for_itself(first: Run) -> None:
    task = first["start"].task
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(_read_who, (task.pathspec,)) == "world"
    assert task.stdout


def test_threads_share_one_server(first: Run) -> None:
    seen: list[object] = []
    threads = [
        threading.Thread(target=lambda: seen.append(_read_who(f"{first.pathspec}/start/1"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["world"] * 4


def test_a_run_under_way_can_be_looked_at(store: Path) -> None:
    write(store, "slow.py", SLOW)
    flag = store / "flag"
    with started("slow.py", "run", cwd=store, env={"SLOW_FLAG": str(flag)}) as process:
        wait_for(flag)
        run = Flow("Slow").latest_run
        assert run is not None
        assert (run.status, run.finished, run.end_task) == ("running", False, None)
        assert not run["start"].task.finished
        process.terminate()
        process.wait(30)
    assert run.status == "cancelled"
    task = run["start"].task
    assert (task.status, task.finished) == ("cancelled", False)
    assert task.exception is not None
    assert task.exception.type == "CANCELLED"
    assert "It was interrupted at its terminal." in repr(task)


def test_a_client_elsewhere_reads_bytes_through_the_orchestrator(first: Run) -> None:
    flow, run_id, _, task_id = first["end"].task.path_components
    reader = archive().reader
    artifact = reader.get(flow, run_id, task_id, "big")
    assert len(artifact.blobs) == 1
    artifact.object_root = ""
    assert reader.value(artifact) == "x" * 5000


@pytest.fixture
def second(store: Path) -> Iterator[Run]:
    """A run whose tags a test may change: it has none at first."""
    run = Run(f"Greeting/{(store / 'second').read_text()}")
    yield run
    if run.user_tags:
        run.remove_tags(run.user_tags)


@pytest.mark.holds("9.2 9.3", "python")
def test_tags_are_changed_for_all_who_look(second: Run) -> None:
    held = second["start"].task
    second.add_tag("a")
    second.add_tags(["b", "c c", "ä"])
    assert second.user_tags == held.user_tags == {"a", "b", "c c", "ä"}
    assert second.tags == second.user_tags | second.system_tags
    second.remove_tag("a")
    second.remove_tags(["b", "absent"])
    assert second.user_tags == Run(second.pathspec).user_tags == {"c c", "ä"}
    second.replace_tag("c c", "d")
    second.replace_tags(["d", "ä"], ["ä", "e"])
    assert second.user_tags == {"ä", "e"}
    second.add_tag(["e", "f"])
    assert second.user_tags == {"ä", "e", "f"}


@pytest.mark.holds("9.4 9.5", "python")
def test_system_tags_stay(second: Run) -> None:
    second.add_tags(["user:ada", "mine"])
    assert second.user_tags == {"mine"}
    with pytest.raises(errors.TagInvalidError, match="system tag"):
        second.remove_tags(["mine", "user:ada"])
    assert second.user_tags == {"mine"}


@pytest.mark.holds("9.7", "python")
@pytest.mark.parametrize(
    "tag",
    ["", "x" * 501, "\ud800", b"bytes", 7, None, ["good", 7], [str(number) for number in range(51)]],
    ids=["empty", "long", "surrogate", "bytes", "number", "none", "mixed", "many"],
)
def test_a_bad_tag_changes_nothing(second: Run, tag: str) -> None:
    with pytest.raises(errors.TagInvalidError):
        second.add_tag(tag)
    assert second.user_tags == frozenset()


@pytest.mark.holds("9.6", "python")
def test_nothing_cannot_be_replaced_by_nothing(second: Run) -> None:
    with pytest.raises(errors.TagInvalidError):
        second.replace_tags([], [])


@pytest.mark.holds("9.8 9.9 11.17", "python")
def test_what_is_outside_of_the_namespace_is_not_seen(first: Run, second: Run) -> None:
    assert namespace("first") == get_namespace() == "first"
    assert [flow.id for flow in Instep()] == ["Greeting"]
    assert list(Flow("Greeting")) == [first] == [Flow("Greeting").latest_run]
    assert first.id in Flow("Greeting")
    assert second.id not in Flow("Greeting")
    for cls, path in (
        (Flow, "Failing"),
        (Run, second.pathspec),
        (Step, f"{second.pathspec}/start"),
        (Task, f"{second.pathspec}/start/1"),
        (DataArtifact, f"{second.pathspec}/start/1/who"),
    ):
        with pytest.raises(errors.NamespaceMismatchError, match="not in the namespace 'first'"):
            cls(path)
    with pytest.raises(errors.NamespaceMismatchError):
        Flow("Greeting")[second.id]
    with pytest.raises(errors.TaskUnknownError):  # what does not exist is not found, in any namespace
        Task(f"{second.pathspec}/start/99")
    assert second.is_in_namespace()  # it was made before
    assert namespace(None) is None
    assert Run(second.pathspec) == second
    assert default_namespace() == get_namespace() == "user:ada"


def test_the_namespace_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTEP_NAMESPACE", "first")
    assert get_namespace() == "first"
    monkeypatch.setenv("INSTEP_NAMESPACE", "")
    assert get_namespace() is None


@pytest.mark.parametrize("name", ["", 7])
def test_a_namespace_that_is_no_tag_is_refused(name: str) -> None:
    with pytest.raises(errors.TagInvalidError):
        namespace(name)


@pytest.mark.holds("11.13", "python")
def test_a_pickled_object_keeps_its_namespace(first: Run, second: Run) -> None:
    namespace(None)
    pickled = pickle.dumps((Run(second.pathspec), Run(second.pathspec)["start"].task.at_attempt(0)))
    namespace("first")
    run, task = pickle.loads(pickled)
    assert (run, task.parent.parent) == (second, second)
    assert len(list(run.parent)) == 2
    assert task.metadata_dict["attempt"] == "0"


def test_a_pickled_object_finds_its_store_from_another_folder(
    first: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = pickle.dumps(first["start"].task["who"])
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(pickled).data == "world"


@pytest.mark.holds("9.10", "python")
def test_runs_are_searched_by_status_time_step_and_tags(first: Run, second: Run) -> None:
    flow = Flow("Greeting")
    assert list(flow.runs(status="succeeded")) == [second, first]
    assert list(flow.runs(status=["failed", "cancelled"])) == []
    assert list(flow.runs("first", status="succeeded", since="1 hour", step="greet")) == [first]
    assert list(flow.runs(step="nowhere")) == []
    assert list(flow.runs(before=timedelta(hours=1))) == []
    assert list(flow.runs(since=second.created_at)) == [second]
    assert [run.id for run in Flow("Failing").runs(status="failed")] == ["1"]


@pytest.mark.holds("9.10", "python")
def test_tasks_and_steps_are_searched_by_tags_and_status(first: Run, failed: Run) -> None:
    assert [task.index for task in failed["fit"].tasks(status="failed")] == [1]
    assert [task.index for task in failed["fit"].tasks(status=["failed", "succeeded"])] == [1, 0]
    assert len(list(first["greet"].tasks("first"))) == 3
    assert list(first["greet"].tasks("first", "other")) == []
    assert len(list(first.steps("first"))) == 4
    assert list(first.steps("other")) == []


@pytest.mark.parametrize(
    "filters", [{"status": "fine"}, {"since": "a while"}, {"before": 7}], ids=["status", "since", "before"]
)
def test_a_search_for_what_cannot_be_is_refused(filters: dict[str, Any]) -> None:
    with pytest.raises(errors.UsageError):
        Flow("Greeting").runs(**filters)


@pytest.mark.holds("11.11", "python")
def test_relatives_are_exactly_the_direct_ones(first: Run) -> None:
    start, end = first["start"].task, first["end"].task
    assert [task.index for task in start.child_tasks] == [0, 1, 2]
    for task in first["greet"]:
        assert list(task.parent_tasks) == [start]
        assert list(task.child_tasks) == [first["gather"].task]
    assert (list(start.parent_tasks), list(end.child_tasks)) == ([], [])
    assert list(first["greet"].parent_steps) == [first["start"]]
    assert list(first["greet"].child_steps) == [first["gather"]]
    assert (list(first["start"].parent_steps), list(first["end"].child_steps)) == ([], [])


@pytest.mark.holds("11.9 8.7", "python")
def test_metadata_tell_of_attempts(first: Run, failed: Run) -> None:
    task = first["start"].task
    assert [(entry.value, entry.task) for entry in task.metadata if entry.type == "attempt"] == [("0", task)]
    assert task.metadata_dict["attempt-ok"] == "True"
    assert int(task.metadata_dict["pid"]) > 0
    assert not {"origin-run-id", "origin-task-id"} & set(task.metadata_dict)
    assert next(iter(failed["fit"].tasks(status="failed"))).metadata_dict["attempt-ok"] == "False"
    assert (first.origin_pathspec, first["start"].origin_pathspec, task.origin_pathspec) == (None, None, None)
    assert task.runtime_name == "local"


@pytest.mark.holds("11.12", "python")
@pytest.mark.parametrize("attempt", [-1, 1, 99, "0", 0.0, False])
def test_an_attempt_that_cannot_be_is_not_found(first: Run, attempt: int) -> None:
    for cls, path in ((Task, "start/1"), (DataArtifact, "start/1/who")):
        with pytest.raises(errors.AttemptUnknownError):
            cls(f"{first.pathspec}/{path}", attempt=attempt)


def test_repr_says_what_a_person_wants_to_know(first: Run, failed: Run) -> None:
    def shown(thing: object) -> str:
        return re.sub(r"\d+\.\d+ s", "T s", re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "WHEN", repr(thing)))

    assert shown(first) == "<Run Greeting/1: succeeded in T s, started WHEN, by ada, tags first>"
    assert shown(Flow("Failing")) == "<Flow Failing: latest run 1 failed in T s, started WHEN, by ada>"
    assert shown(failed["fit"]) == "<Step Failing/1/fit: python, 2 tasks, 1 succeeded, 1 failed, T s>"
    broken = next(failed["fit"].tasks(status="failed"))
    assert shown(broken) == f"<Task {broken.pathspec}: failed in T s, index 1, ValueError: no such cut>"
    assert shown(first["start"].task["who"]) == "<DataArtifact Greeting/1/start/1/who: str 'world', 387 B>"
    assert "Failing, Greeting" in repr(Instep())
    assert "people" in repr(first["start"].task.data)


def test_notebooks_show_escaped_tables(first: Run, second: Run) -> None:
    second.add_tag("<script>")
    for thing in (Instep(), Flow("Greeting"), second):
        assert "<script>" not in thing._repr_html_()
        assert "&lt;script&gt;" in thing._repr_html_()
    assert first["greet"]._repr_html_().count("<tr>") == 4
    task = first["start"].task
    assert "_hidden" not in task._repr_html_()
    for html in (task._repr_html_(), task.data._repr_html_(), task.artifacts._repr_html_()):
        assert "<td" in html
    assert "str &#x27;world&#x27;" in first["start"].task["who"]._repr_html_()


def test_keys_can_be_completed(first: Run) -> None:
    task = first["start"].task
    assert {"Failing", "Greeting"} <= set(Instep()._ipython_key_completions_())
    assert Flow("Greeting")._ipython_key_completions_() == ["2", "1"]
    assert first._ipython_key_completions_() == ["end", "gather", "greet", "start"]
    assert task.id in first["start"]._ipython_key_completions_()
    assert {"people", "_hidden"} <= set(task._ipython_key_completions_())
    assert {"people", "_hidden"} <= set(task.artifacts._ipython_key_completions_())


@pytest.mark.parametrize("tag", ["", "\ud800", 7], ids=["empty", "surrogate", "number"])
def test_what_is_no_text_is_refused_everywhere(tag: str) -> None:
    with pytest.raises(errors.UsageError):
        Flow("Greeting").runs(tag)
    with pytest.raises(errors.PathspecInvalidError):
        Flow(tag)
    with pytest.raises(errors.TagInvalidError):
        namespace(tag)
