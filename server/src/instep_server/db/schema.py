"""The tables, declared with SQLAlchemy Core.

Columns hold whole numbers, text and bytes only, so that no value needs a conversion by a driver. States and
kinds are the numbers of the protocol; times are unix milliseconds; `flow` and `run` columns hold row ids, while
the numbers that people see are `runs.number` and `tasks.number`. A change here needs a migration.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

_ZERO, _EMPTY = text("0"), text("''")


def _run_key() -> Column[int]:
    return Column("run", Integer, ForeignKey("runs.id"), primary_key=True)


flows = Table(
    "flows",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    # The newest run's number. Numbers are never given out twice, even when runs are deleted.
    Column("last_run", Integer, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("flow", Integer, ForeignKey("flows.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Integer, nullable=False),
    Column("created_unix_ms", Integer, nullable=False),
    Column("started_unix_ms", Integer),
    Column("finished_unix_ms", Integer),
    Column("user_name", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("working_directory", Text, nullable=False),
    # Id of the server that runs it.
    Column("owner", Text, nullable=False),
    # Why another server wants the owner to cancel it. Null: none does.
    Column("cancel_reason", Text),
    Column("origin_run", Integer, ForeignKey("runs.id")),
    # Serialized Failure, and the number of the task to which it belongs.
    Column("failure", LargeBinary),
    Column("failed_task", Integer),
    # Serialized Graph.
    Column("graph", LargeBinary, nullable=False),
    Column("request_id", Text, nullable=False, unique=True),
    Column("request_hash", Text, nullable=False),
    # 1 when its last step ended by an error that `catch` handled.
    Column("caught", Integer),
    # What the run was asked for, so that one that resumes it can do the same. 0: nothing was said.
    Column("max_workers", Integer, nullable=False, server_default=_ZERO),
    Column("max_num_splits", Integer, nullable=False, server_default=_ZERO),
    Column("max_log_bytes", Integer, nullable=False, server_default=_ZERO),
    Column("on_loss", Integer, nullable=False, server_default=_ZERO),
    # The project and its branch. Empty: the flow belongs to none.
    Column("project", Text, nullable=False, server_default=_EMPTY),
    Column("project_branch", Text, nullable=False, server_default=_EMPTY),
    # 1 when it may take over tasks of any earlier run of its flow.
    Column("reuses", Integer, nullable=False, server_default=_ZERO),
    UniqueConstraint("flow", "number"),
    # Rows of an index with the same key are in the order of `id`, which is that of time.
    Index("runs_by_state", "state"),
    Index("runs_by_flow", "flow", "state"),
    Index("runs_by_time", "created_unix_ms"),
)

tasks = Table(
    "tasks",
    metadata,
    _run_key(),
    Column("number", Integer, primary_key=True),
    Column("step", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("state", Integer, nullable=False),
    Column("created_unix_ms", Integer, nullable=False),
    Column("finished_unix_ms", Integer),
    # The task whose artifacts this one starts from. Null: it starts from the run's inputs.
    Column("inherits", Integer),
    # Positions in the open levels of foreach, outermost first, with commas. Empty: none is open.
    Column("foreach_path", Text, nullable=False),
    # 0 as long as it never had an attempt.
    Column("attempts", Integer, nullable=False),
    # Why it ran or was cloned, in a run that could reuse tasks.
    Column("reason", Text, nullable=False, server_default=_EMPTY),
    # The task that it is a clone of: its run and number. Null: it ran by itself.
    Column("origin_run", Integer),
    Column("origin_task", Integer),
    Index("tasks_by_step", "step", "run"),
    sqlite_with_rowid=False,
)

task_parents = Table(
    "task_parents",
    metadata,
    _run_key(),
    Column("task", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("parent", Integer, nullable=False),
    Index("task_children", "run", "parent"),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    _run_key(),
    Column("task", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", Integer, nullable=False),
    Column("leased_unix_ms", Integer, nullable=False),
    Column("finished_unix_ms", Integer),
    # Why it failed, or what `catch` handled when it succeeded.
    Column("failure", LargeBinary),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("worker", Text, nullable=False),
    # `phase:milliseconds` with commas.
    Column("timings", Text, nullable=False),
    Column("max_rss_bytes", Integer, nullable=False),
    # 1 when its logs will not grow any more.
    Column("logs_closed", Integer, nullable=False),
    # Names of the inputs that it looked at, as a JSON list. Null: not known.
    Column("reads", Text),
    # What its report says about how the step goes on. Null: nothing.
    Column("foreach_count", Integer),
    Column("switch_case", Integer),
    # Digest of its code and of all else that decides what it does, but for what it read. Null: it can't be reused.
    Column("reuse_key", Text),
    # For the attempt of a clone: the attempt that ran, which has the logs. Null: this one.
    Column("ran_run", Integer),
    Column("ran_task", Integer),
    Column("ran_attempt", Integer),
    Index("attempts_by_reuse_key", "reuse_key"),
    Index("attempts_by_ran_run", "ran_run"),
    sqlite_with_rowid=False,
)

artifacts = Table(
    "artifacts",
    metadata,
    _run_key(),
    # Task 0 has the inputs of the run.
    Column("task", Integer, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("kind", Integer, nullable=False),
    # Null: the attempt deleted the name.
    Column("hash", Text),
    Column("manifest_size", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("portable", Integer, nullable=False),
    Column("summary", Text, nullable=False),
    Column("type", Text, nullable=False),
    # The task that produced it, which is another one for what a join took over. 0: an input of the run.
    Column("producer", Integer, nullable=False),
    Column("producer_step", Text, nullable=False),
    Column("language", Text, nullable=False),
    sqlite_with_rowid=False,
)

manifests = Table(
    "manifests",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("bytes", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    _run_key(),
    Column("name", Text, primary_key=True),
    # 1 when Instep gave it and people cannot change it.
    Column("is_system", Integer, primary_key=True),
    Index("runs_by_tag", "name", "run"),
    CheckConstraint("is_system in (0, 1)", name="tags_is_system"),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("cursor", Integer, primary_key=True),
    Column("run", Integer, ForeignKey("runs.id"), nullable=False),
    Column("at_unix_ms", Integer, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("state", Integer),
    Column("step", Text, nullable=False),
    Column("task", Integer),
    Column("attempt", Integer),
    Column("language", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("foreach_path", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("artifacts", Integer, nullable=False),
    Column("artifact_bytes", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("failure", LargeBinary),
    Index("events_by_run", "run", "cursor"),
)

log_chunks = Table(
    "log_chunks",
    metadata,
    # Grows with each chunk of the store, so that a watcher can ask for what is new.
    Column("id", Integer, primary_key=True),
    Column("run", Integer, ForeignKey("runs.id"), nullable=False),
    Column("task", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("stream", Integer, nullable=False),
    # Place in the log's file.
    Column("start", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Column("at_unix_ms", Integer, nullable=False),
    # Bytes that were dropped before these.
    Column("dropped", Integer, nullable=False),
    # CRC-32 of the bytes. Null: they were written before there were checksums.
    Column("checksum", Integer),
    Index("log_chunks_by_run", "run", "id"),
    Index("log_chunks_by_stream", "run", "task", "attempt", "stream", "start"),
)
