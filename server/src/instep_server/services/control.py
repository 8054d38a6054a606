"""What people and programs call to start runs and to look at them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator

from instep_proto.v1 import control_service_pb2 as pb
from instep_proto.v1 import control_service_pb2_grpc, digest_pb2, graph_pb2, run_pb2

from instep_server import convert_run
from instep_server._convert import graph_to_proto, problem_to_proto
from instep_server.blobs import blobs_of
from instep_server.core.states import RUN_ENDS
from instep_server.db import _sqlite
from instep_server.db.connection import Row
from instep_server.errors import Reason, RequestError
from instep_server.ids import is_id
from instep_server.services.guard import Service, streaming, unary, waiting
from instep_server.services.past_task import PastTasks
from instep_server.services.records import find_attempt, find_task, left_behind
from instep_server.services.run_search import END_OF_TIME, RunQuery, find_runs
from instep_server.store import BlobId
from instep_server.tags import change_tags
from instep_server.tokens import Grant, TokenKind
from instep_server.watch import RunWatcher, WatchedRun

MAX_RUNS = 100
MAX_TASKS = 1_000


class ControlService(Service, control_service_pb2_grpc.ControlServiceServicer):
    """The service of the same name."""

    @waiting(TokenKind.CLIENT)
    async def LoadFlow(self, request: pb.LoadFlowRequest, grant: Grant) -> pb.LoadFlowResponse:
        """Loads a flow."""
        load = await self.orchestrator.load(request)
        return pb.LoadFlowResponse(
            load_id=load.id,
            graph=graph_to_proto(load.graph) if load.graph else None,
            problems=map(problem_to_proto, load.problems),
        )

    @waiting(TokenKind.CLIENT)
    async def SubmitRun(self, request: pb.SubmitRunRequest, grant: Grant) -> pb.SubmitRunResponse:
        """Records a run and starts it."""
        key = await self.orchestrator.submit(request)
        return pb.SubmitRunResponse(run=self._run(key))

    @waiting(TokenKind.CLIENT)
    async def StartRun(self, request: pb.StartRunRequest, grant: Grant) -> pb.StartRunResponse:
        """Starts a run that was held."""
        key = self.orchestrator.find_run(request.flow, request.run_id)["id"]
        if (active := self.orchestrator.active(key)) is not None:
            await active.start()
        return pb.StartRunResponse(run=self._run(key))

    @waiting(TokenKind.CLIENT)
    async def CancelRun(self, request: pb.CancelRunRequest, grant: Grant) -> pb.CancelRunResponse:
        """Cancels a run."""
        row = self.orchestrator.find_run(request.flow, request.run_id)
        if row["state"] not in RUN_ENDS:
            await self.orchestrator.cancel(row["id"], request.reason or "The run was cancelled.")
        return pb.CancelRunResponse(run=self._run(row["id"]))

    @streaming(TokenKind.CLIENT)
    async def WatchRun(self, request: pb.WatchRunRequest, grant: Grant) -> AsyncIterator[pb.WatchRunResponse]:
        """Streams the events of a run."""
        orchestrator = self.orchestrator
        row = orchestrator.find_run(request.flow, request.run_id)
        run = WatchedRun(key=row["id"], flow=row["flow_name"], number=row["number"])
        active = orchestrator.active(run.key)
        watcher = RunWatcher(
            orchestrator.db,
            orchestrator.logs,
            orchestrator.changes,
            run,
            lambda: orchestrator.look_after(run.key),
            active.ended if active is not None else None,
        )
        log_cursor = request.log_cursor if request.HasField("log_cursor") else None
        async for message in watcher.stream(cursor=request.cursor, logs=request.logs, log_cursor=log_cursor):
            yield message

    @unary(TokenKind.CLIENT)
    def ListFlows(self, request: pb.ListFlowsRequest, grant: Grant) -> pb.ListFlowsResponse:
        """Lists flows."""
        db = self.orchestrator.db
        return pb.ListFlowsResponse(
            flows=[
                row["name"]
                for row in db.all(_sqlite.FLOWS)
                if not request.tags or find_runs(db, RunQuery(flow=row["id"], tags=request.tags), 1)
            ]
        )

    @unary(TokenKind.CLIENT)
    def ListRuns(self, request: pb.ListRunsRequest, grant: Grant) -> pb.ListRunsResponse:
        """Lists runs, newest first."""
        limit = _limit_of(request.limit, MAX_RUNS)
        query = RunQuery(
            flow=self._flow_key(request.flow),
            states=frozenset(request.states),
            tags=list(request.tags),
            step=request.step,
            since_unix_ms=request.since_unix_ms,
            before_unix_ms=request.before_unix_ms or END_OF_TIME,
            before=_page_of(request.after),
        )
        found = find_runs(self.orchestrator.db, query, limit + 1)
        return pb.ListRunsResponse(
            runs=map(self._run, found[:limit]), next=str(found[limit - 1]) if len(found) > limit else ""
        )

    @unary(TokenKind.CLIENT)
    def GetRun(self, request: pb.GetRunRequest, grant: Grant) -> pb.GetRunResponse:
        """Reads one run."""
        row = self.orchestrator.find_run(request.flow, request.run_id)
        return pb.GetRunResponse(run=self._run_of(row), graph=self._graph(row["id"]))

    @unary(TokenKind.CLIENT)
    def ListSteps(self, request: pb.ListStepsRequest, grant: Grant) -> pb.ListStepsResponse:
        """Lists the steps of a run that have tasks."""
        run = self.orchestrator.find_run(request.flow, request.run_id)
        specs = {step.name: step for step in self._graph(run["id"]).steps}
        rows = self.orchestrator.db.all(_sqlite.STEPS, {"run": run["id"]})
        return pb.ListStepsResponse(
            steps=[convert_run.step_to_proto(row, specs.get(row["step"])) for row in rows]
        )

    @unary(TokenKind.CLIENT)
    def ListTasks(self, request: pb.ListTasksRequest, grant: Grant) -> pb.ListTasksResponse:
        """Lists tasks, newest first."""
        run = self.orchestrator.find_run(request.flow, request.run_id)
        if request.task_id:
            row = find_task(self.orchestrator.db, run, request.task_id)
            self._check_step(
                run, request.step, [row] if row["step"] == request.step or not request.step else []
            )
            return pb.ListTasksResponse(tasks=self._tasks(run, [row]))
        limit = min(_limit_of(request.limit, MAX_TASKS), MAX_TASKS)
        params = {
            "run": run["id"],
            "step": request.step,
            "states": sum(1 << state for state in set(request.states)),
            "before": _page_of(request.after_task_id),
            "limit": limit + 1,
        }
        statement = _sqlite.TASKS_OF_STEP if request.step else _sqlite.TASKS
        rows = list(self.orchestrator.db.all(statement, params))
        self._check_step(run, request.step, rows)
        page = rows[:limit]
        return pb.ListTasksResponse(
            tasks=self._tasks(run, page),
            next_after_task_id=str(page[-1]["number"]) if len(rows) > limit else "",
        )

    @unary(TokenKind.CLIENT)
    def ListArtifacts(self, request: pb.ListArtifactsRequest, grant: Grant) -> pb.ListArtifactsResponse:
        """Lists all artifacts that a task left behind."""
        found = self._left_behind(request)
        return pb.ListArtifactsResponse(
            artifacts=[convert_run.artifact_to_proto(found[name]) for name in sorted(found)]
        )

    @unary(TokenKind.CLIENT)
    def GetArtifact(self, request: pb.GetArtifactRequest, grant: Grant) -> pb.GetArtifactResponse:
        """Reads the manifest of one artifact."""
        row = self._left_behind(request).get(request.name)
        if row is None:
            raise RequestError(
                Reason.ARTIFACT_UNKNOWN,
                f"Task {request.flow}/{request.run_id}/{request.task_id} has no artifact {request.name!r}.",
                artifact=request.name,
            )
        manifests = self.orchestrator.manifests
        try:
            manifest = manifests.get(BlobId(row["hash"], row["manifest_size"]))
            blobs = blobs_of(manifest, manifests)
        except RequestError as err:
            task = f"{request.flow}/{request.run_id}/{request.task_id}"
            raise RequestError(
                err.reason, f"Can't read the artifact {request.name!r} of task {task}. {err}", **err.facts
            ) from err
        return pb.GetArtifactResponse(
            artifact=convert_run.artifact_to_proto(row),
            manifest=manifest,
            object_root=str(self.orchestrator.store.root),
            blobs=[digest_pb2.Digest(hash=blob.hash, size=blob.size) for blob in blobs],
        )

    @waiting(TokenKind.CLIENT)
    async def ChangeTags(self, request: pb.ChangeTagsRequest, grant: Grant) -> pb.ChangeTagsResponse:
        """Changes the tags of a run."""
        key = self.orchestrator.find_run(request.flow, request.run_id)["id"]
        await self.orchestrator.db.write(
            lambda connection: change_tags(connection, key, remove=request.remove, add=request.add),
            durable=True,
        )
        return pb.ChangeTagsResponse(run=self._run(key))

    @unary(TokenKind.CLIENT)
    def GetTask(self, request: pb.GetTaskRequest, grant: Grant) -> pb.GetTaskResponse:
        """Writes a task as its worker got it."""
        orchestrator = self.orchestrator
        run = orchestrator.find_run(request.flow, request.run_id)
        past = PastTasks(orchestrator.db, orchestrator.manifests, run, self._graph(run["id"]))
        number = request.attempt if request.HasField("attempt") else None
        return pb.GetTaskResponse(
            task=past.message(request.task_id, number),
            object_root=str(orchestrator.store.root),
            working_directory=run["working_directory"],
        )

    def _run(self, key: int) -> run_pb2.Run:
        row = self.orchestrator.db.one(_sqlite.RUN_BY_ID, {"run": key})
        if row is None:
            raise RequestError(Reason.RUN_UNKNOWN, "The run is gone.")
        return self._run_of(row)

    def _run_of(self, row: Row) -> run_pb2.Run:
        db, key = self.orchestrator.db, {"run": row["id"]}
        return convert_run.run_to_proto(
            row,
            tags=db.all(_sqlite.RUN_TAGS, key),
            inputs=db.all(_sqlite.ARTIFACTS, {**key, "task": 0, "attempt": 0}),
            cursor=db.value(_sqlite.NEWEST_EVENT, key),
        )

    def _flow_key(self, name: str) -> int:
        """Finds the row id of a flow. 0: all flows are meant; -1: there is no such flow."""
        if not name:
            return 0
        row = self.orchestrator.db.one(_sqlite.FLOW, {"name": name})
        return -1 if row is None else int(row["id"])

    def _graph(self, key: int) -> graph_pb2.Graph:
        row = self.orchestrator.db.one(_sqlite.RUN_GRAPH, {"run": key})
        return graph_pb2.Graph.FromString(row["graph"]) if row is not None else graph_pb2.Graph()

    def _check_step(self, run: Row, step: str, rows: list[Row]) -> None:
        if not step or rows or any(one.name == step for one in self._graph(run["id"]).steps):
            return
        raise RequestError(
            Reason.STEP_UNKNOWN, f"Run {run['flow_name']}/{run['number']} has no step {step!r}.", step=step
        )

    def _tasks(self, run: Row, rows: list[Row]) -> list[run_pb2.TaskRecord]:
        if not rows:
            return []
        numbers = [row["number"] for row in rows]
        span = {"run": run["id"], "first": min(numbers), "last": max(numbers)}
        parents, children = defaultdict[int, list[int]](list), defaultdict[int, list[int]](list)
        attempts = defaultdict[int, list[Row]](list)
        for row in self.orchestrator.db.all(_sqlite.PARENTS, span):
            parents[row["task"]].append(row["parent"])
        for row in self.orchestrator.db.all(_sqlite.CHILDREN, span):
            children[row["parent"]].append(row["task"])
        for row in self.orchestrator.db.all(_sqlite.ATTEMPTS, span):
            attempts[row["task"]].append(row)
        return [
            convert_run.task_to_proto(
                row, parents=parents[number], children=children[number], attempts=attempts[number]
            )
            for row, number in zip(rows, numbers, strict=True)
        ]

    def _left_behind(self, request: pb.ListArtifactsRequest | pb.GetArtifactRequest) -> dict[str, Row]:
        run = self.orchestrator.find_run(request.flow, request.run_id)
        number = request.attempt if request.HasField("attempt") else None
        key = find_attempt(self.orchestrator.db, run, request.task_id, number)
        return left_behind(self.orchestrator.db, run, key)


def _limit_of(limit: int, default: int) -> int:
    """Reads how long a page is wanted. 0: as long as it is without being asked."""
    if limit < 0:
        raise RequestError(Reason.MALFORMED, f"A page can't have {limit} entries.")
    return limit or default


def _page_of(after: str) -> int:
    """Reads where a list goes on: below this number. Empty: from the newest."""
    if not after:
        return END_OF_TIME
    if not is_id(after):
        raise RequestError(Reason.MALFORMED, f"{after!r} is not where a page has ended.")
    return int(after)
