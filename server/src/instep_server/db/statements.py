"""All statements, written with SQLAlchemy Core.

`generate` compiles them to text under the same names in `_sqlite`. A parameter is a `bindparam` or, in an insert,
a column; plain values become literals of the text.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Integer,
    Select,
    Table,
    TableValuedAlias,
    and_,
    bindparam,
    delete,
    desc,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import Insert, insert

from instep_server.core.states import AttemptState, RunState, TaskState
from instep_server.db.schema import (
    artifacts,
    attempts,
    events,
    flows,
    log_chunks,
    manifests,
    runs,
    tags,
    task_parents,
    tasks,
)


def _numbers(*states: IntEnum) -> list[ColumnClause[int]]:
    """States as literals of the text."""
    return [literal_column(str(int(state)), Integer) for state in states]


_ONE = literal_column("1", Integer)
_UNFINISHED_RUN = _numbers(RunState.PENDING, RunState.RUNNING, RunState.CANCELLING)
_UNFINISHED_TASK = _numbers(TaskState.WAITING, TaskState.READY, TaskState.ACTIVE, TaskState.RETRY_WAIT)
_UNFINISHED_ATTEMPT = _numbers(AttemptState.LEASED, AttemptState.STARTED)
_UNREACHED_TASK = _numbers(TaskState.CANCELLED, TaskState.SKIPPED)


def _insert(table: Table, *left_out: str) -> Insert:
    return insert(table).values(
        {column.name: bindparam(column.name) for column in table.c if column.name not in left_out}
    )


# Writes.

_new_flow = insert(flows).values(name=bindparam("name"), last_run=_ONE)
NEXT_RUN = _new_flow.on_conflict_do_update(
    index_elements=["name"], set_={"last_run": flows.c.last_run + _ONE}
).returning(flows.c.id, flows.c.last_run)

INSERT_RUN = _insert(runs, "id").returning(runs.c.id)
INSERT_TASK = _insert(tasks)
INSERT_TASK_PARENT = _insert(task_parents)
INSERT_ATTEMPT = _insert(attempts)
INSERT_ARTIFACT = _insert(artifacts)
INSERT_MANIFEST = insert(manifests).on_conflict_do_nothing()
INSERT_TAG = insert(tags).on_conflict_do_nothing()
DELETE_TAG = delete(tags).where(
    tags.c.run == bindparam("run"), tags.c.name == bindparam("name"), tags.c.is_system == literal_column("0")
)
INSERT_EVENT = _insert(events, "cursor")
INSERT_LOG_CHUNK = _insert(log_chunks, "id")

UPDATE_RUN = (
    update(runs)
    .where(runs.c.id == bindparam("of_run"))
    .values(
        state=bindparam("state"),
        started_unix_ms=func.coalesce(runs.c.started_unix_ms, bindparam("started_unix_ms")),
        finished_unix_ms=bindparam("finished_unix_ms"),
        failure=func.coalesce(runs.c.failure, bindparam("failure")),
        failed_task=func.coalesce(runs.c.failed_task, bindparam("failed_task")),
        caught=bindparam("caught"),
    )
)

ASK_TO_CANCEL = (
    update(runs)
    .where(runs.c.id == bindparam("of_run"))
    .values(cancel_reason=func.coalesce(runs.c.cancel_reason, bindparam("reason")))
)

_of_task = and_(tasks.c.run == bindparam("of_run"), tasks.c.number == bindparam("of_task"))
UPDATE_TASK = (
    update(tasks)
    .where(_of_task)
    .values(
        state=bindparam("state"),
        finished_unix_ms=bindparam("finished_unix_ms"),
        attempts=bindparam("attempts"),
    )
)

_of_attempt = and_(
    attempts.c.run == bindparam("of_run"),
    attempts.c.task == bindparam("of_task"),
    attempts.c.number == bindparam("of_attempt"),
)
START_ATTEMPT = update(attempts).where(_of_attempt).values(state=bindparam("state"))
END_ATTEMPT = (
    update(attempts)
    .where(_of_attempt)
    .values(
        state=bindparam("state"),
        finished_unix_ms=bindparam("finished_unix_ms"),
        failure=bindparam("failure"),
        timings=bindparam("timings"),
        max_rss_bytes=bindparam("max_rss_bytes"),
    )
)
RECORD_OUTCOME = (
    update(attempts)
    .where(_of_attempt)
    .values(
        foreach_count=bindparam("foreach_count"),
        switch_case=bindparam("switch_case"),
        reuse_key=bindparam("reuse_key"),
        reads=bindparam("reads"),
    )
)
# The attempt of a clone is that of its origin, as number 0.
_copied: dict[str, ColumnElement[Any]] = {
    "run": bindparam("run"),
    "task": bindparam("task"),
    "number": literal_column("0", Integer),
    "ran_run": func.coalesce(attempts.c.ran_run, attempts.c.run),
    "ran_task": func.coalesce(attempts.c.ran_task, attempts.c.task),
    "ran_attempt": func.coalesce(attempts.c.ran_attempt, attempts.c.number),
}
COPY_ATTEMPT = insert(attempts).from_select(
    [column.name for column in attempts.c],
    select(*(_copied.get(column.name, column) for column in attempts.c)).where(_of_attempt),
)
CLOSE_LOGS = update(attempts).where(_of_attempt).values(logs_closed=_ONE)

# Recovery.

OWNERS = select(runs.c.owner).where(runs.c.state.in_(_UNFINISHED_RUN)).distinct()
ORPHANED_RUNS = (
    select(runs.c.id, runs.c.number, runs.c.state, runs.c.max_log_bytes, flows.c.name.label("flow"))
    .join(flows, flows.c.id == runs.c.flow)
    .where(runs.c.state.in_(_UNFINISHED_RUN), runs.c.owner == bindparam("owner"))
)
ORPHANED_TASKS = select(
    tasks.c.number, tasks.c.step, tasks.c.language, tasks.c.foreach_path, tasks.c.state, tasks.c.attempts
).where(tasks.c.run == bindparam("run"), tasks.c.state.in_(_UNFINISHED_TASK))
ORPHANED_ATTEMPTS = (
    select(
        attempts.c.task,
        attempts.c.number,
        attempts.c.state,
        attempts.c.pid,
        attempts.c.worker,
        tasks.c.step,
        tasks.c.language,
        tasks.c.foreach_path,
    )
    .join(tasks, and_(tasks.c.run == attempts.c.run, tasks.c.number == attempts.c.task))
    .where(attempts.c.run == bindparam("run"), attempts.c.state.in_(_UNFINISHED_ATTEMPT))
)

# Reads.

# Tasks that were cancelled before they had an attempt were never reached, and are not shown.
_reached = or_(tasks.c.attempts > 0, tasks.c.state.not_in(_UNREACHED_TASK))

TO_CANCEL = select(runs.c.id, runs.c.cancel_reason).where(
    runs.c.state.in_(_numbers(RunState.PENDING, RunState.RUNNING)),
    runs.c.owner == bindparam("owner"),
    runs.c.cancel_reason.is_not(None),
)

FLOWS = (
    select(flows.c.id, flows.c.name)
    .where(select(runs.c.id).where(runs.c.flow == flows.c.id).exists())
    .order_by(flows.c.name)
)
FLOW = select(flows.c.id).where(flows.c.name == bindparam("name"))

_origin = runs.alias("origin")
_run = select(
    *(column for column in runs.c if column.name != "graph"),
    flows.c.name.label("flow_name"),
    tasks.c.step.label("failed_step"),
    _origin.c.number.label("origin_number"),
).select_from(
    runs.join(flows, flows.c.id == runs.c.flow)
    .outerjoin(tasks, and_(tasks.c.run == runs.c.id, tasks.c.number == runs.c.failed_task))
    .outerjoin(_origin, _origin.c.id == runs.c.origin_run)
)
RUN = _run.where(flows.c.name == bindparam("flow"), runs.c.number == bindparam("number"))
NEWEST_RUN = _run.where(flows.c.name == bindparam("flow")).order_by(desc(runs.c.number)).limit(_ONE)
RUN_BY_ID = _run.where(runs.c.id == bindparam("run"))
RUN_BY_REQUEST = _run.where(runs.c.request_id == bindparam("request_id"))

# Searches for runs, newest first. Each walks one index from its newest end and looks at the rest by key, so that it
# reads little when what it walks along is rare, or when most of it fits. `flow` is a row id, `states` a sum of powers
# of two, one per state wanted, `tags` a JSON array; 0 or nothing wants all.


def _one_of(state: ColumnElement[int]) -> ColumnElement[bool]:
    wanted = bindparam("states", type_=Integer)
    return or_(wanted == 0, wanted.op("&")(_ONE.op("<<")(state)) != 0)


_wanted_tag: TableValuedAlias = func.json_each(bindparam("tags")).table_valued("value", name="wanted")
_tag = tags.alias("tag")
_lacks_tag = select(_wanted_tag.c.value).where(
    ~select(_tag.c.name)
    .where(_tag.c.run == runs.c.id, _tag.c.name == _wanted_tag.c.value)
    .correlate(runs, _wanted_tag)
    .exists()
)
_fits = and_(
    runs.c.id < bindparam("before"),
    or_(bindparam("flow") == 0, runs.c.flow == bindparam("flow")),
    _one_of(runs.c.state),
    runs.c.created_unix_ms >= bindparam("since_unix_ms"),
    runs.c.created_unix_ms < bindparam("before_unix_ms"),
    ~_lacks_tag.correlate(runs).exists(),
    or_(
        bindparam("step") == "",
        select(tasks.c.number)
        .where(tasks.c.run == runs.c.id, tasks.c.step == bindparam("step"), _reached)
        .exists(),
    ),
)


def _newest(key: ColumnElement[int], *along: ColumnElement[bool]) -> Select[tuple[int]]:
    return select(runs.c.id).where(*along, _fits).order_by(desc(key)).limit(bindparam("limit"))


RUN_IDS = _newest(runs.c.id, runs.c.id >= bindparam("first"))
RUN_IDS_IN_STATE = _newest(runs.c.id, runs.c.state == bindparam("state"))
RUN_IDS_OF_FLOW = _newest(runs.c.id, runs.c.flow == bindparam("flow"), runs.c.state == bindparam("state"))
RUN_IDS_WITH_TAG = _newest(
    tags.c.run,
    tags.c.name == bindparam("tag"),
    tags.c.run < bindparam("before"),
    runs.c.id == tags.c.run,
)
NEWEST_RUN_WITH_STEP = (
    select(tasks.c.run)
    .where(tasks.c.step == bindparam("step"), tasks.c.run < bindparam("before"))
    .order_by(desc(tasks.c.run))
    .limit(_ONE)
)
# The sum keeps the planner from walking along the ids.
FIRST_RUN_SINCE = select(func.min(runs.c.id + literal_column("0"))).where(
    runs.c.created_unix_ms >= bindparam("since_unix_ms")
)


def _at_most(found: Select[tuple[int]]) -> Select[Any]:
    """Counts, but no further than a limit."""
    return select(func.count(_ONE)).select_from(found.limit(bindparam("limit")).subquery())


COUNT_TAG = _at_most(select(tags.c.run).where(tags.c.name == bindparam("tag")))
COUNT_STATE = _at_most(select(runs.c.id).where(runs.c.state == bindparam("state")))
COUNT_FLOW = _at_most(
    select(runs.c.id).where(runs.c.flow == bindparam("flow"), runs.c.state == bindparam("state"))
)
RUN_GRAPH = select(runs.c.graph).where(runs.c.id == bindparam("run"))
RUN_TAGS = select(tags.c.name, tags.c.is_system).where(tags.c.run == bindparam("run")).order_by(tags.c.name)

# A task that was cloned tells what it is a clone of with its first event.
EVENTS = (
    select(events, tasks.c.origin_task, _origin.c.number.label("origin_number"))
    .select_from(
        events.outerjoin(
            tasks,
            and_(
                events.c.kind == literal_column("2", Integer),
                tasks.c.run == events.c.run,
                tasks.c.number == events.c.task,
            ),
        ).outerjoin(_origin, _origin.c.id == tasks.c.origin_run)
    )
    .where(events.c.run == bindparam("run"), events.c.cursor > bindparam("after"))
    .order_by(events.c.cursor)
    .limit(bindparam("limit"))
)
NEWEST_EVENT = select(func.coalesce(func.max(events.c.cursor), 0)).where(events.c.run == bindparam("run"))


def _count(state: TaskState) -> ColumnElement[int]:
    return func.count(_ONE).filter(tasks.c.state == _numbers(state)[0])


STEPS = (
    select(
        tasks.c.step,
        tasks.c.language,
        func.count(_ONE).label("tasks"),
        _count(TaskState.SUCCEEDED).label("succeeded"),
        _count(TaskState.FAILED).label("failed"),
        func.min(tasks.c.created_unix_ms).label("created_unix_ms"),
        func.max(tasks.c.finished_unix_ms).label("finished_unix_ms"),
        func.count(tasks.c.finished_unix_ms).label("finished"),
    )
    .where(tasks.c.run == bindparam("run"), _reached)
    .group_by(tasks.c.step)
    .order_by(desc(func.min(tasks.c.number)))
)
_task = select(tasks, _origin.c.number.label("origin_number")).select_from(
    tasks.outerjoin(_origin, _origin.c.id == tasks.c.origin_run)
)
TASK = _task.where(tasks.c.run == bindparam("run"), tasks.c.number == bindparam("task"), _reached)
_tasks = (
    _task.where(tasks.c.run == bindparam("run"), _one_of(tasks.c.state), _reached)
    .order_by(desc(tasks.c.number))
    .limit(bindparam("limit"))
)
TASKS = _tasks.where(tasks.c.number < bindparam("before"))
TASKS_OF_STEP = _tasks.where(
    tasks.c.step == bindparam("step"), tasks.c.number < bindparam("before")
).with_hint(tasks, "INDEXED BY tasks_by_step")
CHILDREN = (
    select(task_parents.c.parent, task_parents.c.task)
    .join(tasks, and_(tasks.c.run == task_parents.c.run, tasks.c.number == task_parents.c.task))
    .where(
        task_parents.c.run == bindparam("run"),
        task_parents.c.parent.between(bindparam("first"), bindparam("last")),
        _reached,
    )
    .order_by(task_parents.c.parent, task_parents.c.task)
)
PARENTS = (
    select(task_parents.c.task, task_parents.c.parent)
    .where(
        task_parents.c.run == bindparam("run"),
        task_parents.c.task.between(bindparam("first"), bindparam("last")),
    )
    .order_by(task_parents.c.task, task_parents.c.position)
)
ATTEMPTS = (
    select(attempts)
    .where(attempts.c.run == bindparam("run"), attempts.c.task.between(bindparam("first"), bindparam("last")))
    .order_by(attempts.c.task, attempts.c.number)
)
ATTEMPTS_UNDER_WAY = select(attempts.c.task, attempts.c.number).where(
    attempts.c.run == bindparam("run"), attempts.c.state.in_(_UNFINISHED_ATTEMPT)
)

# What a resumed run takes over: all tasks of its origin, with the last attempts of those that succeeded.
_last = and_(
    tasks.c.run == attempts.c.run,
    tasks.c.number == attempts.c.task,
    tasks.c.attempts == attempts.c.number + _ONE,
    tasks.c.state == _numbers(TaskState.SUCCEEDED)[0],
)
ALL_TASKS = select(tasks).where(tasks.c.run == bindparam("run")).order_by(tasks.c.number)
ALL_PARENTS = (
    select(task_parents.c.task, task_parents.c.parent)
    .where(task_parents.c.run == bindparam("run"))
    .order_by(task_parents.c.task, task_parents.c.position)
)
LAST_ATTEMPTS = select(attempts).join(tasks, _last).where(attempts.c.run == bindparam("run"))
LAST_ARTIFACTS = (
    select(artifacts)
    .join(
        tasks,
        and_(
            tasks.c.run == artifacts.c.run,
            tasks.c.number == artifacts.c.task,
            tasks.c.attempts == artifacts.c.attempt + _ONE,
            tasks.c.state == _numbers(TaskState.SUCCEEDED)[0],
        ),
    )
    .where(artifacts.c.run == bindparam("run"))
)
# `only` is the row id of the one run to look at, or 0.
REUSABLE = (
    select(attempts, runs.c.number.label("run_number"))
    .select_from(attempts.join(tasks, _last).join(runs, runs.c.id == attempts.c.run))
    .where(
        attempts.c.reuse_key == bindparam("reuse_key"),
        or_(bindparam("only") == 0, attempts.c.run == bindparam("only")),
    )
    .order_by(desc(attempts.c.run), attempts.c.task)
    .limit(literal_column("1000", Integer))
)

ARTIFACTS = (
    select(artifacts)
    .where(
        artifacts.c.run == bindparam("run"),
        artifacts.c.task == bindparam("task"),
        artifacts.c.attempt == bindparam("attempt"),
    )
    .order_by(artifacts.c.name)
)
MANIFEST = select(manifests.c.bytes).where(manifests.c.hash == bindparam("hash"))

LOG_CHUNKS = (
    select(log_chunks)
    .where(
        log_chunks.c.run == bindparam("run"),
        log_chunks.c.task == bindparam("task"),
        log_chunks.c.attempt == bindparam("attempt"),
        log_chunks.c.stream == bindparam("stream"),
        log_chunks.c.start + log_chunks.c.length > bindparam("after"),
    )
    .order_by(log_chunks.c.start)
    .limit(bindparam("limit"))
)
RUN_LOG_CHUNKS = (
    select(log_chunks, tasks.c.step)
    .join(tasks, and_(tasks.c.run == log_chunks.c.run, tasks.c.number == log_chunks.c.task))
    .where(log_chunks.c.run == bindparam("run"), log_chunks.c.id > bindparam("after"))
    .order_by(log_chunks.c.id)
)
LOG_LENGTH = select(
    func.coalesce(func.max(log_chunks.c.start + log_chunks.c.length), literal_column("0"))
).where(
    log_chunks.c.run == bindparam("run"),
    log_chunks.c.task == bindparam("task"),
    log_chunks.c.attempt == bindparam("attempt"),
    log_chunks.c.stream == bindparam("stream"),
)

_child, _parent = tasks.alias("child"), tasks.alias("parent")
# The task that a task starts from.
PARENT_ATTEMPT = (
    select(_parent.c.number, _parent.c.attempts)
    .select_from(
        _child.join(_parent, and_(_parent.c.run == _child.c.run, _parent.c.number == _child.c.inherits))
    )
    .where(_child.c.run == bindparam("run"), _child.c.number == bindparam("task"))
)

# Removing runs, and what nothing needs any more.

ALL_RUNS = (
    select(
        runs.c.id,
        runs.c.number,
        runs.c.state,
        runs.c.created_unix_ms,
        runs.c.finished_unix_ms,
        runs.c.file,
        runs.c.owner,
        runs.c.origin_run,
        runs.c.reuses,
        flows.c.name.label("flow"),
    )
    .join(flows, flows.c.id == runs.c.flow)
    .order_by(runs.c.id)
)
ALL_USER_TAGS = select(tags.c.run, tags.c.name).where(tags.c.is_system == literal_column("0"))
STORED_ARTIFACTS = (
    select(artifacts.c.run, artifacts.c.hash, artifacts.c.manifest_size)
    .where(artifacts.c.hash.is_not(None))
    .distinct()
)
ALL_MANIFESTS = select(manifests.c.hash)
DELETE_MANIFEST = delete(manifests).where(manifests.c.hash == bindparam("hash"))

# Attempts of clones whose logs are those of a run.
LOGS_WANTED = (
    select(
        attempts.c.run,
        attempts.c.task,
        attempts.c.number,
        attempts.c.ran_task,
        attempts.c.ran_attempt,
        runs.c.number.label("run_number"),
        flows.c.name.label("flow"),
    )
    .select_from(attempts.join(runs, runs.c.id == attempts.c.run).join(flows, flows.c.id == runs.c.flow))
    .where(attempts.c.ran_run == bindparam("run"))
    .order_by(attempts.c.run, attempts.c.task)
)
_taken: dict[str, ColumnElement[Any]] = {
    "run": bindparam("run"),
    "task": bindparam("task"),
    "attempt": bindparam("attempt"),
}
COPY_LOG_CHUNKS = insert(log_chunks).from_select(
    [column.name for column in log_chunks.c if column.name != "id"],
    select(*(_taken.get(column.name, column) for column in log_chunks.c if column.name != "id")).where(
        log_chunks.c.run == bindparam("of_run"),
        log_chunks.c.task == bindparam("of_task"),
        log_chunks.c.attempt == bindparam("of_attempt"),
    ),
)
SET_WHERE_IT_RAN = (
    update(attempts)
    .where(_of_attempt)
    .values(
        ran_run=bindparam("ran_run"), ran_task=bindparam("ran_task"), ran_attempt=bindparam("ran_attempt")
    )
)
_is_there = select(_origin.c.id)
FORGET_ORIGINS_OF_RUNS = (
    update(runs)
    .where(runs.c.origin_run.is_not(None), runs.c.origin_run.not_in(_is_there))
    .values(origin_run=null())
)
FORGET_ORIGINS_OF_TASKS = (
    update(tasks)
    .where(tasks.c.origin_run.is_not(None), tasks.c.origin_run.not_in(_is_there))
    .values(origin_run=null(), origin_task=null())
)
DELETE_EVENTS = delete(events).where(events.c.run == bindparam("run"))
DELETE_LOG_CHUNKS = delete(log_chunks).where(log_chunks.c.run == bindparam("run"))
DELETE_ARTIFACTS = delete(artifacts).where(artifacts.c.run == bindparam("run"))
DELETE_ATTEMPTS = delete(attempts).where(attempts.c.run == bindparam("run"))
DELETE_PARENTS = delete(task_parents).where(task_parents.c.run == bindparam("run"))
DELETE_TASKS = delete(tasks).where(tasks.c.run == bindparam("run"))
DELETE_TAGS = delete(tags).where(tags.c.run == bindparam("run"))
DELETE_RUN = delete(runs).where(runs.c.id == bindparam("run"))

# Looking for damage.

ARTIFACTS_OF_RUN = (
    select(artifacts, tasks.c.step)
    .select_from(
        artifacts.outerjoin(tasks, and_(tasks.c.run == artifacts.c.run, tasks.c.number == artifacts.c.task))
    )
    .where(artifacts.c.run == bindparam("run"))
    .order_by(artifacts.c.task, artifacts.c.attempt, artifacts.c.name)
)
LOG_CHUNKS_OF_RUN = (
    select(log_chunks, tasks.c.step)
    .select_from(
        log_chunks.outerjoin(
            tasks, and_(tasks.c.run == log_chunks.c.run, tasks.c.number == log_chunks.c.task)
        )
    )
    .where(log_chunks.c.run == bindparam("run"))
    .order_by(log_chunks.c.task, log_chunks.c.attempt, log_chunks.c.stream, log_chunks.c.start)
)
SET_LOG_CHECKSUM = (
    update(log_chunks)
    .where(log_chunks.c.id == bindparam("chunk"))
    .values(length=bindparam("now"), checksum=bindparam("crc"))
)
