"""Writes a task as its worker gets it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from instep_proto.v1 import key_value_pb2, task_pb2, worker_service_pb2

from instep_server._convert import entry_point_to_proto, loss_policy_to_proto, transition_to_proto
from instep_server.configs import Variables
from instep_server.convert_run import failure_bytes, frame_to_proto, input_to_proto, project_to_proto
from instep_server.core.environment import Artifact, ArtifactKind
from instep_server.core.graph_types import GraphStep, LossPolicy
from instep_server.core.planned import PlannedTask
from instep_server.core.policy import Catch
from instep_server.core.project import RunProject
from instep_server.limits import CANCEL_GRACE_MS, INLINE_BYTES_PER_MESSAGE, PAGE_BYTES
from instep_server.manifests import Manifests
from instep_server.settings import Settings
from instep_server.store import BlobId
from instep_server.workers import Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What every task of a run is told."""

    flow: str
    """Name of the flow."""
    number: int
    """Number of the run."""
    user: str
    """Who started it."""
    namespace: str
    """The namespace in which it was started."""
    working_directory: str
    """Where its tasks run."""
    max_log_bytes: int
    """The largest size of one log stream."""
    on_loss: LossPolicy | None
    """What to do about losses in all its tasks. None: what their steps say."""
    project: RunProject | None
    """The project. None: the flow belongs to none."""
    origin_run_id: str
    """Id of the run that it resumes. Empty: none."""
    variables: Variables
    """Environment variables with which its workers load the flow."""


class TaskMessages:
    """Writes the tasks of one run.

    Args:
        facts: What every task is told.
        parameter_names: Names under which steps read parameters and configs.
        manifests: Where small manifests come from.
        user_tags: Tells the tags that people have given to the run so far, sorted.
    """

    def __init__(
        self,
        facts: RunFacts,
        parameter_names: Iterable[str],
        manifests: Manifests,
        user_tags: Callable[[], Iterable[str]],
    ) -> None:
        self._facts = facts
        self._user_tags = user_tags
        self._parameter_names = sorted(parameter_names)
        self._manifests = manifests
        self._templates: dict[str, task_pb2.Task] = {}

    def task(
        self, attempt: Attempt, lease_token: bytes, settings: Settings, *, queued_unix_ms: int
    ) -> task_pb2.Task:
        """Writes a task.

        Args:
            attempt: The attempt that is leased.
            lease_token: The token of its lease.
            settings: How long the lease lasts.
            queued_unix_ms: When the task became ready.

        Returns:
            The message. When it is a join with many inputs, it holds the first of them.
        """
        budget = _Budget(INLINE_BYTES_PER_MESSAGE)
        message = self._described(attempt.task, attempt.number, budget)
        message.queued_unix_ms = queued_unix_ms
        message.redelivery = attempt.redelivery
        message.lease.lease_id = attempt.lease_id
        message.lease.lease_token = lease_token
        message.lease.ttl_ms = message.lease.start_within_ms = settings.lease_ms
        message.lease.heartbeat_ms = settings.heartbeat_ms
        if attempt.task.joins:
            page = self._page(attempt.task.joins, 0, budget)
            message.joins.extend(page.joins)
            if page.HasField("joins_next"):
                message.joins_next = page.joins_next
        return message

    def describe(self, planned: PlannedTask, number: int) -> task_pb2.Task:
        """Writes a task that is not leased.

        Args:
            planned: The task.
            number: Number of the attempt.

        Returns:
            The message, without a lease. When it is a join, all its inputs are there.
        """
        budget = _Budget(INLINE_BYTES_PER_MESSAGE)
        message = self._described(planned, number, budget)
        message.joins.extend(self._joins(planned.joins, 0, budget))
        return message

    def _described(self, planned: PlannedTask, number: int, budget: _Budget) -> task_pb2.Task:
        message = task_pb2.Task()
        message.CopyFrom(self._template(planned.step))
        message.task_id = str(planned.id)
        message.attempt = number
        message.tags.extend(self._user_tags())
        message.max_attempts = planned.max_attempts
        message.attempt_timeout_ms = planned.timeout_ms
        if planned.only_handles:
            message.catch.only_handle = True
        if (failed := failure_bytes(planned.failure)) is not None:
            message.previous_failure.ParseFromString(failed)
        message.idempotency_key = f"{self._facts.flow}/{self._facts.number}/{planned.step.name}/{planned.id}"
        message.inputs.extend(self._input(artifact, budget) for artifact in planned.environment.values())
        message.foreach.extend(
            frame_to_proto(frame, self._manifest(frame.items, budget)) for frame in planned.frames
        )
        return message

    def join_inputs(self, task: PlannedTask, position: int) -> worker_service_pb2.ListJoinInputsResponse:
        """Writes inputs of a join.

        Args:
            task: The join.
            position: The first position wanted.

        Returns:
            As many inputs as fit into a message.
        """
        return self._page(task.joins, position, _Budget(INLINE_BYTES_PER_MESSAGE))

    def _page(
        self, joins: Sequence[PlannedTask], position: int, budget: _Budget
    ) -> worker_service_pb2.ListJoinInputsResponse:
        page = worker_service_pb2.ListJoinInputsResponse()
        size = 0
        for join in self._joins(joins, position, budget):
            size += join.ByteSize()
            if size > PAGE_BYTES and page.joins:
                page.joins_next = join.position
                break
            page.joins.append(join)
        return page

    def _joins(
        self, joins: Sequence[PlannedTask], position: int, budget: _Budget
    ) -> Iterator[task_pb2.JoinInput]:
        for place, joined in enumerate(joins[position:], position):
            yield task_pb2.JoinInput(
                step=joined.step.name,
                task_id=str(joined.id),
                position=place,
                artifacts=[
                    self._input(artifact, budget)
                    for artifact in joined.left.values()
                    if artifact.kind is ArtifactKind.ARTIFACT
                ],
            )

    def _input(self, artifact: Artifact, budget: _Budget) -> task_pb2.Input:
        return input_to_proto(artifact, self._manifest(artifact, budget))

    def _manifest(self, artifact: Artifact, budget: _Budget) -> bytes:
        """Finds the manifest to put into a message; empty when it is large or there is no room."""
        if not budget.take(artifact.manifest_size):
            return b""
        return self._manifests.small(BlobId(artifact.hash, artifact.manifest_size)) or b""

    def _template(self, step: GraphStep) -> task_pb2.Task:
        """What all tasks of a step have in common."""
        if step.name not in self._templates:
            facts = self._facts
            self._templates[step.name] = task_pb2.Task(
                flow=facts.flow,
                run_id=str(facts.number),
                step=step.name,
                entry_point=entry_point_to_proto(step.spec.entry_point),
                transition=transition_to_proto(step.transition),
                is_join=step.is_join,
                cancel_grace_ms=CANCEL_GRACE_MS,
                user=facts.user,
                parameter_names=self._parameter_names,
                namespace=facts.namespace,
                on_loss=loss_policy_to_proto(facts.on_loss or step.on_loss),
                env=(key_value_pb2.KeyValue(key=name, value=text) for name, text in step.policy.env),
                catch=_catch_to_proto(step.policy.catch),
                project=project_to_proto(facts.project),
                origin_run_id=facts.origin_run_id,
            )
        return self._templates[step.name]


def _catch_to_proto(catch: Catch | None) -> task_pb2.Catch | None:
    return task_pb2.Catch(var=catch.var, print_exception=catch.print_exception) if catch else None


class _Budget:
    """Bytes that a message has left for manifests."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> bool:
        if size > self._left:
            return False
        self._left -= size
        return True
