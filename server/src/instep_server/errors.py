"""What goes wrong in the orchestrator, in its own words.

```
InstepError
├── RequestError          the caller's mistake, or a verdict that the caller must hear
├── StoreError            the store cannot do it
│   ├── StoreFullError    it has no room left
│   ├── StoreUnwritableError  it can be read at most
│   └── StoreDamagedError what it holds is not what was written
├── HostError             a host cannot be started, or has ended
├── SettingError          an environment variable is not as it must be
└── InstepInternalError   a bug in Instep
```

A failed step is no error: it is data, `core.failure.Failure`. `services` turns these errors into statuses.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Reason(IntEnum):
    """The verdict behind a status. The numbers are those of the protocol, where each is explained."""

    MALFORMED = 1
    TOKEN_MALFORMED = 2
    LIMIT_EXCEEDED = 3
    DIGEST_MISMATCH = 4
    TOKEN_UNKNOWN = 5
    TOKEN_EXPIRED = 6
    TOKEN_SCOPE = 7
    FLOW_UNKNOWN = 8
    RUN_UNKNOWN = 9
    STEP_UNKNOWN = 10
    TASK_UNKNOWN = 11
    ARTIFACT_UNKNOWN = 12
    UPLOAD_UNKNOWN = 13
    ATTEMPT_UNKNOWN = 14
    COMPLETION_CONFLICT = 15
    REQUEST_CONFLICT = 16
    LEASE_LOST = 17
    LEASE_CLOSED = 18
    SESSION_REPLACED = 19
    VERSION_UNSUPPORTED = 20
    CAPABILITY_REQUIRED = 21
    BLOB_MISSING = 22
    CONCURRENT_POLL = 23
    WRITE_CONFLICT = 24
    UPLOAD_OFFSET = 25
    LOG_OFFSET = 26
    BLOB_CORRUPT = 27
    OVERLOADED = 28
    STORE_FULL = 29
    GRAPH_INVALID = 30
    PARAMETER_INVALID = 31
    LOAD_UNKNOWN = 32
    INTERNAL = 33
    TAG_INVALID = 34
    DECORATOR_INVALID = 35
    ORIGIN_UNKNOWN = 36
    STORE_UNUSABLE = 37


class InstepError(Exception):
    """The root of all errors of the orchestrator."""


class RequestError(InstepError):
    """A call is refused.

    Attributes:
        reason: The verdict.
        facts: What the caller needs to know beside it, by name. Never a token.
    """

    def __init__(self, reason: Reason, message: str, **facts: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.facts: Mapping[str, str] = facts


class StoreError(InstepError):
    """The store cannot be read or written. The message names the path and says why."""


class StoreFullError(StoreError):
    """The store has no room left."""


class StoreDamagedError(StoreError):
    """What the store holds is not what was written. The message says what is damaged and what to do."""


def store_error(err: OSError, path: Path) -> StoreError:
    """Says in our words why a file of the store can't be used.

    Args:
        err: What the system says.
        path: The file.

    Returns:
        The error to raise.
    """
    if err.errno in _NO_ROOM:
        return StoreFullError(f"The disk of {path} is full. Free some space and start again.")
    return StoreError(f"{path} can't be used: {err.strerror}.")


class StoreUnwritableError(StoreError):
    """The store can't be written. Perhaps it can be read."""


class HostError(InstepError):
    """A host cannot be started, or has ended. The message names its file."""


class SettingError(InstepError):
    """An environment variable is not as it must be. The message names it and tells what it must be."""


class InstepInternalError(InstepError):
    """A rule of Instep's own does not hold.

    The message says what was found; what to do about it is the same for all.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} This is a bug in Instep; please report it.")
