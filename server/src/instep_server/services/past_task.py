"""Writes a task of any run as its worker got it, from the database."""

from __future__ import annotations

from instep_proto.v1 import graph_pb2, task_pb2

from instep_server import tags
from instep_server._convert import graph_step_from_proto, loss_policy_from_proto
from instep_server.convert_run import artifact_from_row, failure_from_bytes, path_from_text
from instep_server.core.environment import Artifact, Environment
from instep_server.core.graph_types import TransitionKind
from instep_server.core.planned import Frame, PlannedTask
from instep_server.core.project import RunProject
from instep_server.core.states import AttemptState
from instep_server.db import _sqlite
from instep_server.db.connection import Row
from instep_server.db.database import Database
from instep_server.manifests import Manifests
from instep_server.services.records import AttemptKey, find_attempt, left_behind
from instep_server.task_message import RunFacts, TaskMessages

_NEVER_BEGUN = frozenset({AttemptState.DECLINED, AttemptState.RECLAIMED})


class PastTasks:
    """The tasks of one recorded run.

    Args:
        db: The database.
        manifests: The manifests.
        run: Row of the run.
        graph: Its graph.
    """

    def __init__(self, db: Database, manifests: Manifests, run: Row, graph: graph_pb2.Graph) -> None:
        self._db = db
        self._manifests = manifests
        self._run = run
        self._graph = graph
        self._inputs = {
            row["name"]: artifact_from_row(row)
            for row in db.all(_sqlite.ARTIFACTS, {"run": run["id"], "task": 0, "attempt": 0})
        }
        self._steps = {step.name: graph_step_from_proto(step) for step in graph.steps}

    def message(self, task_id: str, number: int | None) -> task_pb2.Task:
        """Writes a task, without a lease and with all inputs of a join.

        Args:
            task_id: Id of the task.
            number: Number of the attempt. None: the latest.

        Raises:
            RequestError: TASK_UNKNOWN or ATTEMPT_UNKNOWN.
        """
        run = self._run
        key = find_attempt(self._db, run, task_id, number)
        facts = RunFacts(
            flow=run["flow_name"],
            number=run["number"],
            user=run["user_name"],
            namespace=run["namespace"],
            working_directory=run["working_directory"],
            max_log_bytes=run["max_log_bytes"],
            on_loss=loss_policy_from_proto(run["on_loss"]),
            project=RunProject(run["project"], run["project_branch"]) if run["project"] else None,
            origin_run_id=str(run["origin_number"] or ""),
            variables=(),
        )
        messages = TaskMessages(
            facts,
            [
                *(parameter.variable for parameter in self._graph.parameters),
                *(config.variable for config in self._graph.configs),
            ],
            self._manifests,
            lambda: tags.user_tags(self._db, run["id"]),
        )
        message = messages.describe(self._planned(key), key.attempt)
        message.queued_unix_ms = self._row(key.task)["created_unix_ms"]
        return message

    def _planned(self, key: AttemptKey) -> PlannedTask:
        """Makes the task as it was when an attempt was leased."""
        row = self._row(key.task)
        step = self._steps[row["step"]]
        parents = self._parents(key.task)
        earlier = self._attempts(key.task)[: key.attempt]
        begun = [attempt for attempt in earlier if attempt["state"] not in _NEVER_BEGUN]
        failure = failure_from_bytes(begun[-1]["failure"]) if begun else None
        return PlannedTask(
            id=key.task,
            step=step,
            parents=tuple(parents),
            inherits=row["inherits"],
            environment=self._inputs if row["inherits"] is None else self._left(row["inherits"]),
            frames=self._frames(row),
            joins=tuple(self._joined(parent) for parent in parents) if step.is_join else (),
            attempts=key.attempt + 1,
            releases=len(earlier) - len(begun),
            failure=failure,
            only_handles=failure is not None and not step.policy.retries_after(len(begun), failure),
        )

    def _joined(self, number: int) -> PlannedTask:
        step = self._steps[self._row(number)["step"]]
        return PlannedTask(
            id=number,
            step=step,
            parents=(),
            inherits=None,
            environment={},
            frames=(),
            left=self._left(number),
        )

    def _frames(self, row: Row) -> tuple[Frame, ...]:
        """Finds the open levels of foreach: for each, the nearest task on the way up that opened it."""
        path = path_from_text(row["foreach_path"])
        frames: list[Frame] = []
        depth, number = len(path), row["number"]
        while depth:
            parent = self._parents(number)[0]
            above = self._row(parent)
            transition = self._steps[above["step"]].transition
            is_foreach = transition.kind is TransitionKind.FOREACH
            if is_foreach and len(path_from_text(above["foreach_path"])) == depth - 1:
                depth -= 1
                frames.append(self._frame(above, transition.foreach, path[depth]))
            number = parent
        return tuple(reversed(frames))

    def _frame(self, splitter: Row, variable: str, index: int) -> Frame:
        last = self._attempts(splitter["number"])[-1]
        return Frame(
            variable=variable,
            items=self._left(splitter["number"])[variable],
            index=index,
            count=last["foreach_count"],
            step=splitter["step"],
        )

    def _left(self, number: int) -> Environment:
        key = AttemptKey(number, self._row(number)["attempts"] - 1)
        found: dict[str, Artifact] = {
            name: artifact_from_row(row) for name, row in left_behind(self._db, self._run, key).items()
        }
        return found

    def _row(self, number: int) -> Row:
        return self._db.all(_sqlite.TASK, {"run": self._run["id"], "task": number})[0]

    def _parents(self, number: int) -> list[int]:
        rows = self._db.all(_sqlite.PARENTS, {"run": self._run["id"], "first": number, "last": number})
        return [row["parent"] for row in rows]

    def _attempts(self, number: int) -> list[Row]:
        span = {"run": self._run["id"], "first": number, "last": number}
        return list(self._db.all(_sqlite.ATTEMPTS, span))
