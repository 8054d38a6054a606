"""Decides on which branch of its project a run is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from instep_server.core.policy import Project

_BRANCH = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True, slots=True)
class RunProject:
    """The project of a run."""

    name: str
    """Name."""
    branch: str
    """`user.<name>`, `test.<branch>`, `prod` or `prod.<branch>`."""

    @property
    def is_production(self) -> bool:
        """True on branches that begin with `prod`."""
        return self.branch == "prod" or self.branch.startswith("prod.")

    @property
    def tags(self) -> tuple[str, str]:
        """The system tags that tell it."""
        return f"project:{self.name}", f"project_branch:{self.branch}"


class ProjectError(Exception):
    """A branch cannot be what it was asked to be. The message says why."""


def run_project(
    project: Project | None, *, user: str, branch: str, production: bool, origin: RunProject | None = None
) -> RunProject | None:
    """Decides on the branch of a run.

    Args:
        project: The flow's project, as its decorator says. None: the flow belongs to none.
        user: Login name of the person who starts the run.
        branch: The branch that was asked for. Empty: none was.
        production: True when the production branch was asked for.
        origin: What the resumed run was on. It holds when nothing else was asked for.

    Returns:
        The project. None: the flow belongs to none.

    Raises:
        ProjectError: A branch was asked for without a project, or its name is malformed.
    """
    if project is None:
        if branch or production:
            option = f"--branch {branch}" if branch else "--production"
            raise ProjectError(f"The flow belongs to no project, so that {option} means nothing.")
        return None
    if origin is not None and origin.name == project.name and not branch and not production:
        return origin
    branch, production = branch or project.branch, production or project.production
    if branch and not _BRANCH.fullmatch(branch):
        raise ProjectError(
            f"{branch!r} can't be a branch: its name has 1 to 128 letters, digits, dots, dashes or underscores."
        )
    if production:
        return RunProject(project.name, f"prod.{branch}" if branch else "prod")
    return RunProject(project.name, f"test.{branch}" if branch else f"user.{user}")
