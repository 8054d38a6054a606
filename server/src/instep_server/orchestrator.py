"""The orchestrator: all that one server holds, and what can be asked of it as a whole."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import random
import secrets
import time
from contextlib import ExitStack
from dataclasses import replace

from instep_proto.v1 import control_service_pb2

from instep_server.active_run import ActiveRun, Tools
from instep_server.changes import Changes
from instep_server.core.environment import Environment
from instep_server.core.past import Past
from instep_server.core.scheduler import Plan
from instep_server.db import _sqlite
from instep_server.db.connection import Row
from instep_server.db.database import Database
from instep_server.defaults import evaluate
from instep_server.errors import Reason, RequestError, StoreError
from instep_server.home import Home, held
from instep_server.host import Host
from instep_server.ids import is_id
from instep_server.launcher import Launcher, WorkerListener
from instep_server.limits import MAX_NUM_SPLITS
from instep_server.loading import Load, Loader
from instep_server.logs import LogFiles
from instep_server.lost import LostObjects
from instep_server.machine import MemoryWatch, find_machine
from instep_server.manifests import Manifests
from instep_server.origins import find_origin, find_past
from instep_server.recovery import end_run, recover
from instep_server.room import fitting_workers
from instep_server.settings import Settings
from instep_server.store import ObjectStore
from instep_server.submission import Recorded, Submission, chosen_graph, origin_of, recorded_before
from instep_server.tokens import Tokens
from instep_server.workers import Exit

TICK_SECONDS = 0.5
"""How often to look for what took too long."""
RECOVER_SECONDS = 2.0
"""How often, at most, to look for runs whose server is gone."""


def new_id() -> str:
    """Makes an id that nobody guesses."""
    return secrets.token_hex(16)


def now_ms() -> int:
    """Tells the time in unix milliseconds."""
    return time.time_ns() // 1_000_000


class Orchestrator:
    """The orchestrator of one store, open.

    Args:
        home: The store, with its directories and database ready.
        server_id: Id of this server.
        probe: Content of its probe file.
        settings: What the operator has set.
        unwritable: Why the store can only be read. None: it can be written.

    Attributes:
        server_id: Id of this server.
        home: The store.
        db: The database.
        store: The objects.
        manifests: The manifests.
        logs: The log files.
        tokens: The tokens.
        launcher: Has processes made.
        changes: Tells when something was committed.
        tools: What runs need.
        probe: Content of its probe file, which proves that a worker shares the file system.
    """

    def __init__(
        self,
        home: Home,
        server_id: str,
        probe: bytes,
        settings: Settings,
        unwritable: StoreError | None = None,
    ) -> None:
        self._unwritable = unwritable
        self.server_id = server_id
        self.home = home
        self.changes = Changes()
        self.db = Database(home.database, self.changes.announce, unwritable)
        self.store = ObjectStore(home.objects, home.scratch(server_id))
        self.manifests = Manifests(self.db, self.store)
        self.logs = LogFiles(home.logs)
        self.tokens = Tokens(time.monotonic)
        self.probe = probe
        self.launcher = Launcher(
            WorkerListener(forked=self._worker_forked, exited=self._worker_exited),
            self.tokens,
            home.probe(server_id),
            settings.call_ms,
        )
        self.tools = Tools(
            db=self.db,
            store=self.store,
            manifests=self.manifests,
            logs=self.logs,
            launcher=self.launcher,
            tokens=self.tokens,
            spool=home.spool(server_id),
            now_ms=now_ms,
            monotonic=time.monotonic,
            new_id=new_id,
            machine=find_machine(),
            memory=MemoryWatch(),
            settings=settings,
        )
        self._attached: Host | None = None
        self._loader = Loader(self.launcher, new_id, None)
        self._runs: dict[int, ActiveRun] = {}
        self._submissions: dict[str, asyncio.Event] = {}
        self._given_up: dict[int, StoreError] = {}
        self._unended: set[int] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._recovered = 0.0

    async def begin(self, host: Host | None) -> None:
        """Begins to work: sets right what servers left that are gone, and watches over its own runs.

        Args:
            host: The host that came with this server, if one did.
        """
        self._loader = Loader(self.launcher, new_id, host)
        self._ticker = asyncio.create_task(self._tick())
        # A full disk can still be read from. Who writes hears of it from the own write, and whoever comes next recovers.
        with contextlib.suppress(StoreError):
            await self.recover()
            if self._unwritable is None:
                self.home.sweep()

    async def recover(self) -> None:
        """Ends runs whose server is gone, unless that was done a moment ago."""
        if self._unwritable is not None:
            return
        now = time.monotonic()
        if self._recovered == 0.0 or now > self._recovered + RECOVER_SECONDS:
            self._recovered = now
            await recover(self.db, self.home, now_ms)

    async def load(self, request: control_service_pb2.LoadFlowRequest) -> Load:
        """Loads a flow. As `Loader.load`."""
        return await self._loader.load(request.file, request.language, request.configs)

    async def submit(self, request: control_service_pb2.SubmitRunRequest) -> int:
        """Records a run, and starts it unless it is held. The same request again gives the same run.

        Args:
            request: What to run.

        Returns:
            Row id of the run.

        Raises:
            RequestError: LOAD_UNKNOWN, GRAPH_INVALID, DECORATOR_INVALID, PARAMETER_INVALID, TAG_INVALID,
                ORIGIN_UNKNOWN, REQUEST_CONFLICT or MALFORMED.
            StoreError: It cannot be recorded.
        """
        while (first := self._submissions.get(request.client_request_id)) is not None:
            await first.wait()
        known = recorded_before(self.db, request)
        if known is not None:
            return known
        done = self._submissions[request.client_request_id] = asyncio.Event()
        try:
            return await self._submit(request)
        finally:
            del self._submissions[request.client_request_id]
            done.set()

    async def _submit(self, request: control_service_pb2.SubmitRunRequest) -> int:
        """Records a run for a request that nobody else works on. As `submit`."""
        load = self._loader.get(request.load_id)
        if load is None:
            raise RequestError(Reason.LOAD_UNKNOWN, "The flow is not loaded in this server. Load it again.")
        if load.graph is None:
            raise RequestError(
                Reason.GRAPH_INVALID,
                f"The flow can't run: {load.problems[0].message} Load it again to see why.",
            )
        graph = chosen_graph(load.graph, request, self.tools.machine)
        with ExitStack() as stack:
            if request.HasField(
                "reuse"
            ):  # until this run is recorded nobody may remove those that it looks at
                await asyncio.to_thread(stack.enter_context, held(self.home.collecting, alone=False))
            found = find_origin(self.db, graph.flow, request.reuse)
            origin = origin_of(self.db, found) if found is not None else None
            lost = LostObjects(self.home, self.store, self.manifests)
            past = (
                find_past(self.db, graph, request.reuse, found, lost) if request.HasField("reuse") else None
            )
            submission = Submission(request, replace(load, graph=graph), self.server_id, now_ms, origin)
            defaults = await evaluate(
                self.launcher,
                load,
                graph,
                submission.functions(),
                new_id=new_id,
                user=request.user,
                working_directory=request.working_directory,
                project=submission.project,
            )
            inputs = submission.prepare(self.manifests, self.store, defaults)
            recorded = await self.db.write(submission.record, durable=True)
        if recorded.is_new:
            run = self._activate(submission, recorded, inputs, past)
            if not request.held:
                run.start()
        return recorded.key

    def _activate(
        self, submission: Submission, recorded: Recorded, inputs: Environment, past: Past | None
    ) -> ActiveRun:
        """Makes a run that was recorded one of those that are under way."""
        options, graph = submission.options, submission.graph
        plan = Plan(
            graph,
            inputs,
            max_num_splits=options.max_num_splits or MAX_NUM_SPLITS,
            chance=lambda: random.uniform(-1, 1),
            past=past,
        )
        max_workers = options.max_workers or len(os.sched_getaffinity(0))
        fitting, notice = fitting_workers(max_workers)
        run = ActiveRun(
            key=recorded.key,
            facts=submission.facts(recorded.number),
            plan=plan,
            max_workers=fitting,
            tools=self.tools,
            notice=notice,
        )
        self._runs[recorded.key] = run
        run.ended.add_done_callback(lambda done: self._run_ended(recorded.key, done))
        return run

    def find_run(self, flow: str, run_id: str) -> Row:
        """Finds a run by its name.

        Args:
            flow: Name of the flow.
            run_id: Number of the run as text. Empty: the newest.

        Raises:
            RequestError: FLOW_UNKNOWN or RUN_UNKNOWN.
        """
        if not run_id:
            row = self.db.one(_sqlite.NEWEST_RUN, {"flow": flow})
        elif is_id(run_id):
            row = self.db.one(_sqlite.RUN, {"flow": flow, "number": int(run_id)})
        else:
            row = None
        if row is not None:
            return row
        if self.db.one(_sqlite.FLOW, {"name": flow}) is None:
            raise RequestError(Reason.FLOW_UNKNOWN, f"The store has no flow {flow!r}.", flow=flow)
        if not run_id:
            raise RequestError(Reason.RUN_UNKNOWN, f"Flow {flow!r} has no runs.", flow=flow)
        raise RequestError(Reason.RUN_UNKNOWN, f"Flow {flow!r} has no run {run_id!r}.", flow=flow, run=run_id)

    def active(self, key: int) -> ActiveRun | None:
        """Finds a run that this server owns and that is under way."""
        return self._runs.get(key)

    async def look_after(self, key: int) -> None:
        """Makes sure that somebody works on a run that is watched.

        Args:
            key: Row id of the run.

        Raises:
            StoreError: This server had to give it up, because it could not be recorded.
        """
        if (err := self._given_up.get(key)) is not None:
            raise err
        if key not in self._runs:
            await self.recover()

    async def cancel(self, key: int, reason: str) -> None:
        """Cancels a run, or asks the server that owns it to do so. Returns when that is recorded.

        Args:
            key: Row id of the run.
            reason: Why, for people.

        Raises:
            StoreError: It cannot be recorded.
        """
        if (run := self._runs.get(key)) is not None:
            await run.cancel(reason)
            return
        row = {"of_run": key, "reason": reason}
        await self.db.write(lambda connection: connection.execute(_sqlite.ASK_TO_CANCEL, row), durable=True)

    async def shut_down(self, reason: str) -> None:
        """Cancels all runs, waits for them to end, and closes everything.

        Args:
            reason: Why, for people.
        """
        runs = list(self._runs.values())
        for run in runs:
            run.cancel(reason)
        if runs:
            await asyncio.wait([run.ended for run in runs])
        if self._ticker is not None:
            self._ticker.cancel()
        self.launcher.close()
        await self._end_given_up()
        await self.db.close()
        if self._unwritable is None:
            self.home.clear(self.server_id)

    def _run_ended(self, key: int, done: asyncio.Future[None]) -> None:
        self._runs.pop(key, None)
        if isinstance(err := done.exception(), StoreError):
            self._given_up[key] = err
            self._unended.add(key)
            self.changes.announce({key})

    def _worker_forked(self, worker_id: str, pid: int, error: str) -> None:
        if worker := self.tools.workers.get(worker_id):
            worker.run.worker_forked(worker, pid, error)

    def _worker_exited(self, worker_id: str, end: Exit) -> None:
        if worker := self.tools.workers.get(worker_id):
            worker.run.worker_exited(worker, end)

    async def _tick(self) -> None:
        woke = time.monotonic()
        while True:
            slept = woke
            await asyncio.sleep(TICK_SECONDS)
            woke = time.monotonic()
            if (missed := woke - slept - TICK_SECONDS) > TICK_SECONDS:
                for run in self._runs.values():
                    run.missed(missed)
            await self._end_given_up()
            self.tools.memory.tick()
            for run in list(self._runs.values()):
                run.tick()
            if self._runs:
                with contextlib.suppress(StoreError):  # runs hear of it by what they write
                    self._cancel_as_asked()

    async def _end_given_up(self) -> None:
        """Records the end of runs that had to be given up, as soon as that is possible again."""
        for key in sorted(self._unended):
            end = functools.partial(
                end_run,
                owner=self.server_id,
                key=key,
                home=self.home,
                at=now_ms(),
                why=f"The run was given up. {self._given_up[key]}",
            )
            # If it can't be recorded as long as this server lives, the next one does it, as for a server that was killed.
            with contextlib.suppress(StoreError):
                await self.db.write(end, durable=True)
                self._unended.discard(key)
                self.changes.announce({key})

    def _cancel_as_asked(self) -> None:
        """Cancels own runs that clients of other servers want cancelled."""
        for row in self.db.all(_sqlite.TO_CANCEL, {"owner": self.server_id}):
            if (run := self._runs.get(row["id"])) is not None:
                run.cancel(row["cancel_reason"])
