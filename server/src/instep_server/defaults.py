"""Has hosts call the functions that give parameters their defaults."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from instep_proto.v1 import host_pb2

from instep_server.convert_run import project_to_proto
from instep_server.core.graph_types import Graph, ParameterSpec
from instep_server.core.project import RunProject
from instep_server.errors import HostError, InstepInternalError, Reason, RequestError
from instep_server.launcher import Launcher, Program
from instep_server.loading import Load


async def evaluate(
    launcher: Launcher,
    load: Load,
    graph: Graph,
    parameters: Sequence[ParameterSpec],
    *,
    new_id: Callable[[], str],
    user: str,
    working_directory: str,
    project: RunProject | None,
) -> dict[str, bytes]:
    """Calls the functions, in the order in which the parameters are declared.

    Args:
        launcher: Has the hosts.
        load: The flow.
        graph: Its graph.
        parameters: Those whose functions are to be called.
        new_id: Makes ids.
        user: Login name of the person who starts the run.
        working_directory: Where the functions run.
        project: The project of the run. None: the flow belongs to none.

    Returns:
        Serialized manifests by name of the parameter.

    Raises:
        RequestError: PARAMETER_INVALID, a function failed.
    """
    languages = {file.file: file.language for file in graph.files}
    main = graph.files[0]
    found: dict[str, bytes] = {}
    for spec in parameters:
        # What a flow inherits may be declared in a file that is no file of the flow: then its own file has it.
        file = spec.location.file if spec.location.file in languages else main.file
        program = Program(languages[file], file, load.variables)
        question = host_pb2.EvaluateDefaults(
            id=new_id(),
            parameters=[spec.name],
            user=user,
            working_directory=working_directory,
            project=project_to_proto(project),
        )
        try:
            host = await launcher.host(program)
            await host.loaded
            answer = await host.evaluate(question)
        except HostError as err:
            raise _failed(spec, str(err)) from err
        if answer.HasField("failure"):
            raise _failed(spec, answer.failure.message)
        if [value.parameter for value in answer.values] != [spec.name]:
            raise InstepInternalError(f"The host of {file} did not say what the default of {spec.name!r} is.")
        found[spec.name] = answer.values[0].manifest
    return found


def _failed(spec: ParameterSpec, why: str) -> RequestError:
    place = f" ({spec.location.file}:{spec.location.line})" if spec.location.file else ""
    return RequestError(
        Reason.PARAMETER_INVALID,
        f"Parameter {spec.name!r}{place}: the function that gives its default failed: {why}",
        parameter=spec.name,
        field="default",
    )
