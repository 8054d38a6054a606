"""Instep: data-science workflows whose steps are written in R and in Python.

Names are imported when they are first used, so that `import instep` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instep import errors
    from instep._client import (
        DataArtifact,
        Flow,
        Instep,
        Run,
        Step,
        Task,
        default_namespace,
        get_namespace,
        namespace,
    )
    from instep._config import Config, config_expr
    from instep._current import current
    from instep._decorator import catch, environment, project, resources, retry, timeout
    from instep._flow import FlowSpec, step
    from instep._include_file import IncludeFile
    from instep._opened import OpenedObject
    from instep._parameter import JSONType, Parameter
    from instep._reference import program_function, py_function, r_function
    from instep._run_events import RunEvent
    from instep._runner import Runner
    from instep._task_exception import TaskException
    from instep.errors import InstepError
    from instep.values import NA, ForeignObject, NamedList, NamedVector, NDArray, register_type

__all__ = [
    "NA",
    "Config",
    "DataArtifact",
    "Flow",
    "FlowSpec",
    "ForeignObject",
    "IncludeFile",
    "Instep",
    "InstepError",
    "JSONType",
    "NDArray",
    "NamedList",
    "NamedVector",
    "OpenedObject",
    "Parameter",
    "Run",
    "RunEvent",
    "Runner",
    "Step",
    "Task",
    "TaskException",
    "catch",
    "config_expr",
    "current",
    "default_namespace",
    "environment",
    "errors",
    "get_namespace",
    "namespace",
    "program_function",
    "project",
    "py_function",
    "r_function",
    "register_type",
    "resources",
    "retry",
    "step",
    "timeout",
]

_MODULES = {
    "NA": "instep.values",
    "Config": "instep._config",
    "DataArtifact": "instep._client",
    "Flow": "instep._client",
    "FlowSpec": "instep._flow",
    "ForeignObject": "instep.values",
    "IncludeFile": "instep._include_file",
    "Instep": "instep._client",
    "InstepError": "instep.errors",
    "JSONType": "instep._parameter",
    "NDArray": "instep.values",
    "NamedList": "instep.values",
    "NamedVector": "instep.values",
    "OpenedObject": "instep._opened",
    "Parameter": "instep._parameter",
    "Run": "instep._client",
    "RunEvent": "instep._run_events",
    "Runner": "instep._runner",
    "Step": "instep._client",
    "Task": "instep._client",
    "TaskException": "instep._task_exception",
    "catch": "instep._decorator",
    "config_expr": "instep._config",
    "current": "instep._current",
    "default_namespace": "instep._client",
    "environment": "instep._decorator",
    "get_namespace": "instep._client",
    "namespace": "instep._client",
    "project": "instep._decorator",
    "program_function": "instep._reference",
    "py_function": "instep._reference",
    "r_function": "instep._reference",
    "register_type": "instep.values",
    "resources": "instep._decorator",
    "retry": "instep._decorator",
    "step": "instep._flow",
    "timeout": "instep._decorator",
}


def __getattr__(name: str) -> object:
    if name == "errors":
        return import_module("instep.errors")
    if name not in _MODULES:
        raise AttributeError(f"Module 'instep' has no attribute {name!r}.")
    try:
        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    except (ImportError, AttributeError) as err:
        from instep._shadow import shadowing_file

        if (why := shadowing_file()) is not None:
            raise ImportError(why) from err
        raise
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
