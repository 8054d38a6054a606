"""Calls the functions that give parameters their defaults: in a process of its own, forked off the host.

So whatever they import, start or change, the host stays as it was, and so do the tasks that are forked off it.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from instep_proto.v1 import host_pb2

from instep import _process
from instep._config import Config, DefaultContext, value_of
from instep._config_view import frozen
from instep._current import set_project
from instep._failure import describe
from instep._flow import FlowSpec
from instep._parameter import Parameter
from instep._pipe import read_message, write_message
from instep._task import Failure, FailureKind
from instep._task_messages import failure_to, project_from
from instep.errors import ParameterInvalidError
from instep.values import encode


def evaluate(flow: type[FlowSpec] | None, command: host_pb2.EvaluateDefaults) -> host_pb2.DefaultsEvaluated:
    """Calls the functions, in this process.

    Args:
        flow: The flow that declares the parameters. None: the file declares none.
        command: Which parameters, and for whom.

    Returns:
        What they gave, up to the first that failed.
    """
    answer = host_pb2.DefaultsEvaluated(id=command.id)
    os.chdir(command.working_directory or ".")
    flow_name = flow.__name__ if flow else ""
    set_project(project_from(command.project, flow_name) if command.HasField("project") else None)
    declared = _declared(flow) if flow else {}
    configs = _configs(flow) if flow else {}
    for name in command.parameters:
        context = DefaultContext(flow_name, command.user, name, frozen(configs))
        try:
            value = _call(declared, name, context, configs)
            manifest = encode(value, name=name, inline=True).manifest
        except BaseException as err:  # noqa: BLE001 - the user's function may raise anything, and it is all reported
            answer.failure.CopyFrom(failure_to(_failure(name, err)))
            break
        answer.values.add(parameter=name, manifest=manifest)
    _process.flush_streams()
    return answer


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A process that calls functions for defaults."""

    id: str
    """Id of the question."""
    pid: int
    """The process."""
    fd: int
    """A file in memory that takes the answer."""

    @classmethod
    def start(cls, flow: type[FlowSpec] | None, command: host_pb2.EvaluateDefaults) -> Evaluation:
        """Forks the process.

        Raises:
            OSError: There cannot be another process.
        """
        fd = os.memfd_create("instep-defaults", os.MFD_CLOEXEC)
        _process.flush_streams()  # what they hold back would be written twice
        host = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            os.close(fd)
            raise
        if pid == 0:
            try:
                _process.lead_group(host)
                _process.reset_signals()
                _process.forget_exit_functions()
                write_message(fd, evaluate(flow, command).SerializeToString())
            except BaseException:  # noqa: BLE001 - the host's own code must not go on in this process
                traceback.print_exc()
            finally:
                os._exit(0)
        return cls(command.id, pid, fd)

    def answer(self, status: int) -> host_pb2.DefaultsEvaluated:
        """Gives the answer of the process, which has ended.

        Args:
            status: How it ended, as `os.wait` says it.
        """
        os.lseek(self.fd, 0, os.SEEK_SET)
        try:
            return host_pb2.DefaultsEvaluated.FromString(read_message(self.fd))
        except EOFError:
            return host_pb2.DefaultsEvaluated(id=self.id, failure=failure_to(_death(status)))
        finally:
            os.close(self.fd)


def _death(status: int) -> Failure:
    code = os.waitstatus_to_exitcode(status)
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return Failure(
        kind=FailureKind.WORKER_LOST,
        classes=(),
        message=f"Its process {how}.",
        language="",
    )


def _call(
    declared: Mapping[str, Parameter], name: str, context: DefaultContext, configs: Mapping[str, object]
) -> object:
    parameter = declared[name].with_configs(configs)
    function: Callable[[DefaultContext], object] = parameter.default  # type: ignore[assignment]
    return parameter.check_returned(function(context))


def _failure(name: str, err: BaseException) -> Failure:
    """Says why a function did not give a default. Whoever reads it knows which function it is."""
    failure = describe(err, FailureKind.USER_ERROR, {"parameter": name})
    if isinstance(err, ParameterInvalidError):
        return failure
    return replace(failure, message=f"{type(err).__name__}: {failure.message}")


def _declared(flow: type[FlowSpec]) -> dict[str, Parameter]:
    attributes = [getattr(flow, name) for name in dir(flow)]
    return {one.name: one for one in attributes if isinstance(one, Parameter)}


def _configs(flow: type[FlowSpec]) -> dict[str, object]:
    """Gives the configs of a flow, all of which could be resolved: else nothing is run."""
    attributes = {name: getattr(flow, name) for name in dir(flow)}
    return {name: value_of(one) for name, one in attributes.items() if isinstance(one, Config)}
