"""Times and sizes of the local case that nobody sets. `settings` has those that an operator can set.

Workers and clients learn those that concern them as limits.
"""

from __future__ import annotations

VERSION_MIN = 1
"""Lowest protocol minor version."""
VERSION_MAX = 1
"""Highest protocol minor version."""
CAPABILITIES = ("instep.cap.local_objects.v1", "instep.cap.piggyback_next.v1", "instep.cap.watch_logs.v1")
"""Optional features of this server, sorted."""

CANCEL_GRACE_MS = 10_000
"""How long user code has to stop after an interrupt, before SIGTERM."""
KILL_GRACE_MS = 5_000
"""How long a process has after SIGTERM, before SIGKILL."""
TIMEOUT_GRACE_MS = 5_000
"""How long an attempt may go on after its limit, before it is ended from outside."""
LINGER_MS = 10_000
"""How long a worker's process may stay after its last report."""
REGISTER_WITHIN_MS = 20_000
"""How long a forked worker may take to register, before forking counts as broken for its host."""
REGISTER_FRESH_WITHIN_MS = 90_000
"""How long a fresh process may take to register."""
HOST_LOAD_SECONDS = 120.0
"""How long a host may take to load its file."""
MAX_START_FAILURES = 3
"""How often in a row workers of one pool may fail to start, before a task fails for it."""
MAX_START_KILLS = 10
"""How often in a row forked workers of one pool may be killed by others before they take a task."""
REREGISTER_MS = 60_000
"""How long RegisterWorker may be repeated."""

INLINE_BYTES = 64 * 1024
"""Largest manifest that travels in messages and is kept in the database."""
INLINE_BYTES_PER_MESSAGE = 512 * 1024
"""Most bytes of manifests in one message."""
PAGE_BYTES = 1024 * 1024
"""Where a list of a join's inputs is cut, in bytes."""
CHUNK_BYTES = 1024 * 1024
"""Largest piece of a blob in one message."""
LOG_BATCH_BYTES = 256 * 1024
"""Largest piece of a log in one message."""
LOG_INTERVAL_MS = 500
"""How long to wait between two pieces of a log."""
MAX_LOG_BYTES = 64 * 1024 * 1024
"""Largest log of one stream, unless the run says otherwise."""
MAX_NUM_SPLITS = 10_000
"""Most tasks of one foreach, unless the run says otherwise."""
MAX_DIGESTS = 1_000
"""Most blobs that one call may name."""
MAX_NAMED_DIGESTS = 30
"""How many missing blobs a refusal names, so that it fits into a trailer."""
MAX_PARAMETER_BYTES = 2 * 1024 * 1024
"""Largest value of a parameter, so that a request with a few of them fits into a message."""


def announced() -> dict[str, int]:
    """Tells the sizes that workers and clients should know, by name."""
    return {
        "inline_bytes": INLINE_BYTES,
        "inline_bytes_per_message": INLINE_BYTES_PER_MESSAGE,
        "log_batch_bytes": LOG_BATCH_BYTES,
        "log_interval_ms": LOG_INTERVAL_MS,
        "max_digests": MAX_DIGESTS,
        "max_log_bytes": MAX_LOG_BYTES,
        "max_num_splits": MAX_NUM_SPLITS,
        "max_parameter_bytes": MAX_PARAMETER_BYTES,
    }
