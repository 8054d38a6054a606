"""The branch of its project that a run is on."""

from __future__ import annotations

from typing import Any

import pytest
from instep_server.core.policy import Project
from instep_server.core.project import ProjectError, RunProject, run_project

ASKED: dict[str, Any] = {"user": "ada", "branch": "", "production": False}


@pytest.mark.parametrize(
    ("project", "asked", "branch"),
    [
        (Project(name="p"), {}, "user.ada"),
        (Project(name="p", branch="d"), {}, "test.d"),
        (Project(name="p", branch="d"), {"branch": "b"}, "test.b"),
        (Project(name="p", production=True), {}, "prod"),
        (Project(name="p", production=True), {"branch": "b"}, "prod.b"),
        (Project(name="p", branch="d"), {"production": True}, "prod.d"),
    ],
)
def test_what_is_asked_for_goes_over_the_decorator(
    project: Project, asked: dict[str, Any], branch: str
) -> None:
    found = run_project(project, **{**ASKED, **asked})
    assert found == RunProject("p", branch)
    assert found.is_production == branch.startswith("prod")
    assert found.tags == ("project:p", f"project_branch:{branch}")


def test_resumed_run_stays_on_the_branch_of_its_origin() -> None:
    origin = RunProject("p", "prod")
    assert run_project(Project(name="p"), **ASKED, origin=origin) == origin
    assert run_project(Project(name="other"), **ASKED, origin=origin) == RunProject("other", "user.ada")
    asked = {**ASKED, "branch": "b"}
    assert run_project(Project(name="p"), **asked, origin=origin) == RunProject("p", "test.b")


def test_branch_that_only_begins_like_production_is_none() -> None:
    assert not RunProject("p", "production").is_production


@pytest.mark.parametrize("branch", ["a b", "ä", "x" * 129, "a/b"])
def test_malformed_branch_is_refused(branch: str) -> None:
    with pytest.raises(ProjectError, match="can't be a branch"):
        run_project(Project(name="p"), **{**ASKED, "branch": branch})
