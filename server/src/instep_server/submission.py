"""Checks what a client submits and records it as a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from blake3 import blake3
from google.protobuf.message import DecodeError
from instep_proto.v1 import control_service_pb2, graph_pb2, value_pb2

from instep_server import __version__
from instep_server._convert import decorator_from_proto, graph_to_proto, loss_policy_from_proto
from instep_server.blobs import blobs_of
from instep_server.convert_run import artifact_from_row
from instep_server.core.decorators import with_decorators
from instep_server.core.environment import Artifact, ArtifactKind, Environment
from instep_server.core.graph_types import Graph, LossPolicy, ParameterSpec
from instep_server.core.policy import Resources
from instep_server.core.project import ProjectError, RunProject, run_project
from instep_server.core.states import RunState
from instep_server.db import _sqlite
from instep_server.db.change import Change
from instep_server.db.connection import Connection, Row
from instep_server.db.database import Database
from instep_server.errors import InstepInternalError, Reason, RequestError
from instep_server.limits import MAX_LOG_BYTES, MAX_NAMED_DIGESTS, MAX_PARAMETER_BYTES
from instep_server.loading import Load
from instep_server.manifests import Manifests
from instep_server.recorder import EventKind, artifact_row, event_row
from instep_server.store import ObjectStore
from instep_server.tags import check_number, check_tags, user_tags
from instep_server.task_message import RunFacts

NONE_MANIFEST = value_pb2.Manifest(
    format=1, nodes=[value_pb2.Node(null=value_pb2.Null())], portable=True
).SerializeToString(deterministic=True)
"""The value None: what a parameter has that was not given and has no default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run was asked to be run. 0: nothing was said."""

    max_workers: int
    """How many tasks may run at once."""
    max_num_splits: int
    """The largest number of tasks that one foreach may make."""
    max_log_bytes: int
    """The largest size of one log stream."""
    on_loss: graph_pb2.LossPolicy
    """What to do about losses in all its tasks, as the number of the protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The run that is resumed, as far as the new run is to be like it."""

    row: Row
    """Its row."""
    user_tags: Sequence[str]
    """The tags that people gave to it."""
    parameters: Mapping[str, Artifact]
    """Its parameters, by the names under which steps read them."""

    @property
    def project(self) -> RunProject | None:
        """Its project. None: its flow belonged to none."""
        row = self.row
        return RunProject(row["project"], row["project_branch"]) if row["project"] else None


def origin_of(db: Database, row: Row) -> Origin:
    """Reads what a run is to be like that resumes another one.

    Args:
        db: The database.
        row: Row of the other one.
    """
    inputs = map(artifact_from_row, db.all(_sqlite.ARTIFACTS, {"run": row["id"], "task": 0, "attempt": 0}))
    return Origin(
        row=row,
        user_tags=user_tags(db, row["id"]),
        parameters={one.name: one for one in inputs if one.kind is ArtifactKind.PARAMETER},
    )


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a submission."""

    key: int
    """Row id of the run."""
    number: int
    """Number of the run."""
    is_new: bool
    """False when the same request was recorded before."""


def chosen_graph(graph: Graph, request: control_service_pb2.SubmitRunRequest, machine: Resources) -> Graph:
    """Adds what a request says to a flow's graph, and checks that the machine is large enough for it.

    Args:
        graph: The graph as the flow's files say.
        request: The request.
        machine: What the machine has.

    Returns:
        The graph to run.

    Raises:
        RequestError: DECORATOR_INVALID; GRAPH_INVALID, a step needs more than the machine has.
    """
    chosen, problems = with_decorators(graph, [decorator_from_proto(one) for one in request.decorators])
    if problems:
        raise RequestError(Reason.DECORATOR_INVALID, f"{problems[0].message} {problems[0].hint}")
    for step in chosen.steps:
        for needs in step.policy.resources:
            if not needs.fits(machine):
                place = step.spec.location
                raise RequestError(
                    Reason.GRAPH_INVALID,
                    f"Step {step.name!r} ({place.file}:{place.line}) needs {needs}, and this machine has {machine}."
                    " It could never start. Ask for less with its decorator 'resources'.",
                )
    return chosen


def recorded_before(db: Database, request: control_service_pb2.SubmitRunRequest) -> int | None:
    """Finds the run that the same request has made before.

    Args:
        db: The database.
        request: The request.

    Returns:
        Row id of the run. None: there is none.

    Raises:
        RequestError: MALFORMED, the request has no id; REQUEST_CONFLICT, one with this id was another one.
    """
    if not request.client_request_id:
        raise RequestError(Reason.MALFORMED, "The request has no client_request_id.")
    row = db.one(_sqlite.RUN_BY_REQUEST, {"request_id": request.client_request_id})
    if row is None:
        return None
    _check_same(request, row)
    return int(row["id"])


class Submission:
    """One request for a run.

    Args:
        request: The request.
        load: The flow, without problems.
        owner: Id of this server.
        now_ms: The clock.
        origin: What it resumes. None: nothing.

    Attributes:
        user_tags: The tags that people gave, sorted.
        graph: The graph to run.
        options: How to run it.
        project: The project of the run. None: the flow belongs to none.

    Raises:
        RequestError: The request is malformed.
    """

    def __init__(
        self,
        request: control_service_pb2.SubmitRunRequest,
        load: Load,
        owner: str,
        now_ms: Callable[[], int],
        origin: Origin | None = None,
    ) -> None:
        if load.graph is None:
            raise InstepInternalError("A flow with problems was submitted.")
        self._request = request
        self._load = load
        self.graph = load.graph
        self.options = RunOptions(
            max_workers=request.max_workers or _of(origin, "max_workers"),
            max_num_splits=request.max_num_splits or _of(origin, "max_num_splits"),
            max_log_bytes=request.max_log_bytes or _of(origin, "max_log_bytes"),
            on_loss=request.on_loss or _of(origin, "on_loss"),
        )
        self._origin = origin
        self._owner = owner
        self._now_ms = now_ms
        self.project = self._project()
        self._system_tags = (
            f"instep_version:{__version__}",
            "runtime:local",
            f"user:{request.user}",
            *(self.project.tags if self.project else ()),
        )
        inherited = origin.user_tags if origin is not None else ()
        self.user_tags = tuple(sorted({*request.tags, *inherited} - set(self._system_tags)))
        check_tags(self.user_tags)
        check_number(self.user_tags)
        self._change = Change()
        self._inputs: list[Artifact] = []

    def facts(self, number: int) -> RunFacts:
        """Tells what all tasks of the run are told.

        Args:
            number: Number of the run.
        """
        request = self._request
        return RunFacts(
            flow=self.graph.flow,
            number=number,
            user=request.user,
            namespace=request.namespace,
            working_directory=request.working_directory,
            max_log_bytes=self.options.max_log_bytes or MAX_LOG_BYTES,
            on_loss=loss_policy_from_proto(self.options.on_loss),
            project=self.project,
            origin_run_id=str(_of(self._origin, "number") or ""),
            variables=self._load.variables,
        )

    def functions(self) -> list[ParameterSpec]:
        """Tells whose defaults are functions that must be called, because no value was given.

        Raises:
            RequestError: PARAMETER_INVALID.
        """
        given = self._values()
        if self._origin is not None:
            return []
        return [
            spec for spec in self.graph.parameters if spec.has_function_default and spec.name not in given
        ]

    def prepare(self, manifests: Manifests, store: ObjectStore, defaults: Mapping[str, bytes]) -> Environment:
        """Checks parameters and stores the manifests of all inputs.

        Args:
            manifests: Takes them.
            store: Has their blobs.
            defaults: What the functions gave, by name of the parameter.

        Returns:
            Parameters, constants and configs, as all tasks see them.

        Raises:
            RequestError: PARAMETER_INVALID, or BLOB_MISSING; GRAPH_INVALID when a constant loses something, which is
                an error.
        """
        self._refuse_losses()
        values = {**defaults, **self._values()}
        kept = self._origin.parameters if self._origin is not None else {}
        self._inputs = [kept[spec.variable] for spec in self.graph.parameters if spec.variable in kept]
        named = [
            (spec.variable, self._value_of(spec, values), ArtifactKind.PARAMETER)
            for spec in self.graph.parameters
            if spec.variable not in kept
        ]
        named += [(spec.name, spec.manifest, ArtifactKind.CONSTANT) for spec in self.graph.constants]
        named += [(spec.variable, spec.manifest, ArtifactKind.CONFIG) for spec in self.graph.configs]
        for name, manifest, kind in named:
            blobs = blobs_of(manifest, manifests)
            if missing := [blob.hash for blob in blobs if not store.has(blob)]:
                raise RequestError(
                    Reason.BLOB_MISSING,
                    f"The store lacks {len(missing)} of the blobs of {name!r}.",
                    digests=",".join(missing[:MAX_NAMED_DIGESTS]),
                )
            blob = manifests.add(self._change, manifest)
            self._inputs.append(
                Artifact(
                    name=name,
                    hash=blob.hash,
                    manifest_size=blob.size,
                    size=blob.size + sum(part.size for part in blobs),
                    kind=kind,
                    type=_type_of(manifest),
                )
            )
        return {artifact.name: artifact for artifact in self._inputs}

    def record(self, connection: Connection) -> Recorded:
        """Writes the run, unless the same request was recorded before.

        Args:
            connection: A connection with an open transaction.

        Returns:
            The run.

        Raises:
            RequestError: REQUEST_CONFLICT.
        """
        request = self._request
        known = connection.row(_sqlite.RUN_BY_REQUEST, {"request_id": request.client_request_id})
        if known is not None:
            _check_same(request, known)
            return Recorded(known["id"], known["number"], is_new=False)
        at = self._now_ms()
        flow = connection.rows(_sqlite.NEXT_RUN, {"name": self.graph.flow})[0]
        row = {
            "flow": flow["id"],
            "number": flow["last_run"],
            "state": RunState.PENDING,
            "created_unix_ms": at,
            "started_unix_ms": None,
            "finished_unix_ms": None,
            "user_name": request.user,
            "namespace": request.namespace,
            "file": self._load.file,
            "working_directory": request.working_directory,
            "owner": self._owner,
            "cancel_reason": None,
            "origin_run": _of(self._origin, "id") or None,
            "failure": None,
            "failed_task": None,
            "graph": graph_to_proto(self.graph).SerializeToString(),
            "request_id": request.client_request_id,
            "request_hash": _hash_of(request),
            "caught": None,
            **asdict(self.options),
            "project": self.project.name if self.project else "",
            "project_branch": self.project.branch if self.project else "",
            "reuses": int(request.HasField("reuse")),
        }
        key = connection.value(_sqlite.INSERT_RUN, row)
        tags = [(tag, 0) for tag in self.user_tags] + [(tag, 1) for tag in self._system_tags]
        connection.executemany(
            _sqlite.INSERT_TAG, [{"run": key, "name": tag, "is_system": system} for tag, system in tags]
        )
        self._change.artifacts = [artifact_row(key, 0, 0, artifact) for artifact in self._inputs]
        self._change.events = [event_row(key, at, EventKind.RUN_STATE, state=RunState.PENDING)]
        self._change.apply(connection)
        return Recorded(key, flow["last_run"], is_new=True)

    def _project(self) -> RunProject | None:
        request = self._request
        try:
            return run_project(
                self.graph.project,
                user=request.user,
                branch=request.branch,
                production=request.production,
                origin=self._origin.project if self._origin is not None else None,
            )
        except ProjectError as err:
            raise RequestError(Reason.DECORATOR_INVALID, str(err)) from err

    def _values(self) -> dict[str, bytes]:
        """Checks the values that came, and gives them by name of the parameter."""
        known = {spec.name for spec in self.graph.parameters}
        values: dict[str, bytes] = {}
        if self._origin is not None and self._request.parameters:
            raise _invalid(
                self._request.parameters[0].name,
                f"A resumed run keeps the values of its origin, which is run {self._origin.row['number']}.",
            )
        for value in self._request.parameters:
            if value.name not in known:
                have = ", ".join(sorted(known)) or "none"
                raise _invalid(value.name, f"Flow {self.graph.flow!r} has no such parameter. It has: {have}.")
            if value.name in values:
                raise _invalid(value.name, "It has a value twice.")
            check_value(value.name, value.manifest)
            values[value.name] = value.manifest
        return values

    def _value_of(self, spec: ParameterSpec, values: Mapping[str, bytes]) -> bytes:
        if spec.name in values:
            return values[spec.name]
        if self._origin is not None and (spec.required or spec.has_function_default):
            why = f"It is new since run {self._origin.row['number']}, so that this run has no value for it."
            raise _invalid(spec.name, f"{why} Start a new run.")
        if spec.required:
            raise _invalid(spec.name, "It is required and has no value.")
        return spec.default if spec.default is not None else NONE_MANIFEST

    def _refuse_losses(self) -> None:
        """Refuses the run when a constant loses something and that is an error."""
        if (loss_policy_from_proto(self.options.on_loss) or self.graph.on_loss) is not LossPolicy.ERROR:
            return
        reasons = [
            f"Constant {spec.name!r} ({PurePath(spec.location.file).name}:{spec.location.line}) loses {loss.rule} at "
            f"{loss.path}: {loss.message}"
            for spec in self.graph.constants
            for loss in spec.losses
        ]
        if reasons:
            raise RequestError(
                Reason.GRAPH_INVALID,
                f"Flow {self.graph.flow!r} can't start without loss, as on_loss demands. {' '.join(reasons)}",
            )


_TYPES = {"null": "NoneType", "record": "dict", "pairs": "dict", "array": "array", "table": "table"}
_SCALARS = {
    "bool": "bool",
    "int64": "int",
    "int32": "int",
    "float64": "float",
    "string": "str",
    "bytes": "bytes",
}


def _type_of(manifest: bytes) -> str:
    """Tells the class of a parameter's or constant's value, as Python calls it."""
    root = value_pb2.Manifest.FromString(manifest).nodes[0]
    kind = root.WhichOneof("kind")
    if kind == "vector" and root.vector.shape != value_pb2.SHAPE_VECTOR:
        return _SCALARS.get(root.vector.logical, root.vector.logical)
    return _TYPES.get(kind or "", "list")


def check_value(name: str, data: bytes) -> None:
    """Checks the form of a parameter's value.

    Args:
        name: Name of the parameter.
        data: The serialized manifest.

    Raises:
        RequestError: PARAMETER_INVALID.
    """
    if len(data) > MAX_PARAMETER_BYTES:
        raise _invalid(
            name, f"Its value has {len(data):,} bytes, and at most {MAX_PARAMETER_BYTES:,} are allowed."
        )
    try:
        manifest = value_pb2.Manifest.FromString(data)
    except DecodeError:
        raise _invalid(name, "Its value is no manifest.") from None
    if manifest.format != 1 or not manifest.nodes:
        raise _invalid(name, f"Its value is a manifest of format {manifest.format}, which is not known.")


def _of(origin: Origin | None, column: str) -> Any:
    """Reads a number that the origin has. Without one: 0."""
    return origin.row[column] if origin is not None else 0


def _hash_of(request: control_service_pb2.SubmitRunRequest) -> str:
    return blake3(request.SerializeToString(deterministic=True)).hexdigest()


def _check_same(request: control_service_pb2.SubmitRunRequest, known: Row) -> None:
    if known["request_hash"] != _hash_of(request):
        raise RequestError(
            Reason.REQUEST_CONFLICT,
            f"Request {request.client_request_id!r} was made before, with another content.",
        )


def _invalid(name: str, why: str) -> RequestError:
    return RequestError(Reason.PARAMETER_INVALID, f"Parameter {name!r}: {why}", parameter=name)
