from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from instep import current
from instep._current import set_current
from instep._task import Task
from instep._task_messages import task_from
from instep_proto.v1 import task_pb2
from scripted_orchestrator import task_of


@pytest.fixture
def task() -> Iterator[Task]:
    running = task_from(
        task_of(
            Path("/flow.py"), "fit", attempt=1, tags=["a", "b"], parameter_names=["x"], namespace="user:ada"
        )
    )
    set_current(running)
    yield running
    set_current(None)


@pytest.mark.holds("10.3", "python")
def test_current_outside_a_task_knows_nothing() -> None:
    assert current.is_running_flow is False
    assert current.run_id is None
    assert current.pathspec is None
    assert current.run is None
    assert "run_id" not in current
    assert repr(current) == "<current: no task>"


@pytest.mark.usefixtures("task")
def test_current_in_a_task_tells_its_place() -> None:
    assert current.is_running_flow is True
    assert (current.flow_name, current.run_id, current.step_name, current.task_id) == (
        "Sample",
        "7",
        "fit",
        "3",
    )
    assert current.pathspec == "Sample/7/fit/3"
    assert current.retry_count == 1
    assert current.tags == frozenset({"a", "b"})
    assert current.parameter_names == ["x"]
    assert current.username == "ada"
    assert current.namespace == "user:ada"
    assert current.tempdir


def test_current_origin_is_none_unless_the_run_resumes_another(task: Task) -> None:
    assert current.origin_run_id is None
    set_current(replace(task, origin_run_id="5"))
    assert current.origin_run_id == "5"


@pytest.mark.holds("10.4", "python")
@pytest.mark.usefixtures("task")
def test_current_get_never_raises() -> None:
    assert current.get("run_id") == "7"
    assert current.get("project_name", "none") == "none"
    assert current.get("_task") is None
    assert "run_id" in current
    assert "origin_run_id" not in current
    assert "project_name" not in current
    with pytest.raises(AttributeError):
        _ = current.project_name


def test_current_without_a_project_has_no_names_of_one() -> None:
    assert not hasattr(current, "project_name")
    assert "branch_name" not in current
    assert current.get("is_production", "unknown") == "unknown"


def test_current_tells_the_project() -> None:
    project = task_pb2.Project(name="pricing", branch="prod.b", is_production=True)
    set_current(task_from(task_of(Path("/flow.py"), "fit", project=project)))
    try:
        assert (current.project_name, current.branch_name) == ("pricing", "prod.b")
        assert current.is_production
        assert not current.is_user_branch
        assert current.project_flow_name == "pricing.prod.b.Sample"
    finally:
        set_current(None)
    assert not hasattr(current, "project_name")
