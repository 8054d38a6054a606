"""Looks at runs and their results: `Instep`, `Flow`, `Run`, `Step`, `Task`, `DataArtifact`.

Objects are light: each holds its path, where it looks (`_scope`), and what was recorded of it when it was last
asked for. What can still change is asked again, so an object of a run that goes on is always current. Values
are read when they are touched. Looking changes nothing; only the tags of a run can be changed.

Each class is a module. It imports the class below it, whose objects it makes, and the one above only when asked
for a parent.
"""

from __future__ import annotations

from instep._client._artifact import DataArtifact
from instep._client._data import Artifacts, TaskData
from instep._client._flow import Flow, flow_of
from instep._client._metadata import Metadatum
from instep._client._root import Instep
from instep._client._run import RUN_STATUSES, Run
from instep._client._scope import Scope, default_namespace, get_namespace, namespace
from instep._client._step import Step
from instep._client._task import TASK_STATUSES, Task

__all__ = [
    "RUN_STATUSES",
    "TASK_STATUSES",
    "Artifacts",
    "DataArtifact",
    "Flow",
    "Instep",
    "Metadatum",
    "Run",
    "Scope",
    "Step",
    "Task",
    "TaskData",
    "default_namespace",
    "flow_of",
    "get_namespace",
    "namespace",
]
