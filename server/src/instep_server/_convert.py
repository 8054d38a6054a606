"""Turns messages of the protocol into the core's own types, and back.

Nothing else in the server reads or writes the messages of a graph.
"""

from __future__ import annotations

from instep_proto.v1 import graph_pb2, host_pb2, source_pb2

from instep_server.core.decorators import step_policy
from instep_server.core.graph_types import (
    ConfigSpec,
    ConstantSpec,
    Decorator,
    EntryPoint,
    Fragment,
    Graph,
    GraphStep,
    Include,
    IncludeFileSpec,
    Isolation,
    Location,
    LossPolicy,
    ParameterSpec,
    ParameterType,
    Problem,
    Source,
    StepSpec,
    SwitchCase,
    Transition,
    TransitionKind,
    ValueLoss,
)

_ISOLATIONS = {
    graph_pb2.ISOLATION_FORK: Isolation.FORK,
    graph_pb2.ISOLATION_SPAWN: Isolation.SPAWN,
    graph_pb2.ISOLATION_REUSE: Isolation.REUSE,
}
_LOSS_POLICIES = {
    graph_pb2.LOSS_POLICY_WARN: LossPolicy.WARN,
    graph_pb2.LOSS_POLICY_ERROR: LossPolicy.ERROR,
    graph_pb2.LOSS_POLICY_IGNORE: LossPolicy.IGNORE,
}
_KINDS = {
    graph_pb2.TRANSITION_KIND_END: TransitionKind.END,
    graph_pb2.TRANSITION_KIND_LINEAR: TransitionKind.LINEAR,
    graph_pb2.TRANSITION_KIND_SPLIT: TransitionKind.SPLIT,
    graph_pb2.TRANSITION_KIND_FOREACH: TransitionKind.FOREACH,
    graph_pb2.TRANSITION_KIND_SWITCH: TransitionKind.SWITCH,
}
_TYPES = {
    graph_pb2.PARAMETER_TYPE_STRING: ParameterType.STRING,
    graph_pb2.PARAMETER_TYPE_INT: ParameterType.INT,
    graph_pb2.PARAMETER_TYPE_FLOAT: ParameterType.FLOAT,
    graph_pb2.PARAMETER_TYPE_BOOL: ParameterType.BOOL,
    graph_pb2.PARAMETER_TYPE_JSON: ParameterType.JSON,
}


_ISOLATION_NUMBERS = {member: number for number, member in _ISOLATIONS.items()}
_LOSS_POLICY_NUMBERS = {member: number for number, member in _LOSS_POLICIES.items()}
_KIND_NUMBERS = {member: number for number, member in _KINDS.items()}
_TYPE_NUMBERS = {member: number for number, member in _TYPES.items()}


def source_from_proto(message: host_pb2.HostLoaded, *, digest: str) -> Source:
    """Reads what a host says about the file that it has loaded.

    Args:
        message: The host's first message.
        digest: BLAKE3 digest of the file's bytes, as text.

    Returns:
        The file.
    """
    return Source(
        language=message.language,
        file=message.file,
        digest=digest,
        fragment=fragment_from_proto(message.fragment) if message.HasField("fragment") else None,
        functions=frozenset(message.functions),
        codes=dict(zip(message.functions, message.function_codes, strict=False)),
        problem=problem_from_proto(message.problem) if message.HasField("problem") else None,
    )


def fragment_from_proto(message: graph_pb2.FlowFragment) -> Fragment:
    """Reads what one file says about a flow."""
    return Fragment(
        flow=message.flow,
        language=message.language,
        location=location_from_proto(message.location),
        doc=message.doc,
        includes=tuple(
            Include(file=include.file, location=location_from_proto(include.location))
            for include in message.includes
        ),
        steps=tuple(step_from_proto(step) for step in message.steps),
        parameters=tuple(parameter_from_proto(parameter) for parameter in message.parameters),
        constants=tuple(
            ConstantSpec(
                name=constant.name,
                manifest=constant.manifest,
                losses=tuple(loss_from_proto(loss) for loss in constant.losses),
                location=location_from_proto(constant.location),
            )
            for constant in message.constants
        ),
        configs=tuple(config_from_proto(config) for config in message.configs),
        decorators=tuple(decorator_from_proto(decorator) for decorator in message.decorators),
        isolation=_ISOLATIONS.get(message.isolation),
        on_loss=loss_policy_from_proto(message.on_loss),
        problems=tuple(problem_from_proto(problem) for problem in message.problems),
    )


def step_from_proto(message: graph_pb2.StepSpec) -> StepSpec:
    """Reads a step as its file declares it."""
    return StepSpec(
        name=message.name,
        location=location_from_proto(message.location),
        doc=message.doc,
        entry_point=EntryPoint(
            language=message.entry_point.language,
            file=message.entry_point.file,
            function=message.entry_point.function,
        ),
        transition=transition_from_proto(message.transition),
        takes_inputs=message.takes_inputs,
        isolation=_ISOLATIONS.get(message.isolation),
        on_loss=loss_policy_from_proto(message.on_loss),
        is_start=message.is_start,
        is_end=message.is_end,
        decorators=tuple(decorator_from_proto(decorator) for decorator in message.decorators),
        code=message.code,
    )


def graph_step_from_proto(message: graph_pb2.StepSpec) -> GraphStep:
    """Reads a step of a graph that is recorded, but for its place in the graph."""
    spec = step_from_proto(message)
    policy, _ = step_policy(spec, ())
    return GraphStep(
        spec=spec,
        policy=policy,
        isolation=spec.isolation or Isolation.FORK,
        on_loss=spec.on_loss or LossPolicy.WARN,
        sources=(),
        open_splits=(),
        closed_by=None,
        closes=None,
    )


def decorator_from_proto(message: graph_pb2.Decorator) -> Decorator:
    """Reads a decorator."""
    return Decorator(
        name=message.name,
        arguments=message.arguments,
        location=location_from_proto(message.location) if message.HasField("location") else None,
    )


def config_from_proto(message: graph_pb2.ConfigSpec) -> ConfigSpec:
    """Reads a config."""
    return ConfigSpec(
        name=message.name,
        variable=message.variable,
        manifest=message.manifest,
        text=message.text if message.HasField("text") else None,
        help=message.help,
        location=location_from_proto(message.location),
    )


def transition_from_proto(message: graph_pb2.Transition) -> Transition:
    """Reads how a step goes on. A kind that is not set is one that the step's own language could not tell."""
    return Transition(
        kind=_KINDS.get(message.kind, TransitionKind.UNKNOWN),
        targets=tuple(message.targets),
        foreach=message.foreach,
        condition=message.condition,
        cases=tuple(SwitchCase(key=case.key, target=case.target) for case in message.cases),
        location=location_from_proto(message.location) if message.HasField("location") else None,
    )


def parameter_from_proto(message: graph_pb2.ParameterSpec) -> ParameterSpec:
    """Reads a parameter."""
    file = message.include_file
    return ParameterSpec(
        name=message.name,
        variable=message.variable,
        type=_TYPES.get(message.type, ParameterType.STRING),
        default=message.default if message.HasField("default") else None,
        required=message.required,
        help=message.help,
        separator=message.separator,
        hide_default=message.hide_default,
        has_function_default=message.has_function_default,
        include_file=IncludeFileSpec(
            is_text=file.is_text, encoding=file.encoding, default_file=file.default_file
        )
        if message.HasField("include_file")
        else None,
        location=location_from_proto(message.location),
    )


def loss_from_proto(message: graph_pb2.ValueLoss) -> ValueLoss:
    """Reads what a constant loses."""
    return ValueLoss(rule=message.rule, path=message.path, message=message.message)


def problem_from_proto(message: graph_pb2.GraphProblem) -> Problem:
    """Reads why a graph is refused."""
    return Problem(
        code=message.code,
        message=message.message,
        hint=message.hint,
        step=message.step,
        locations=tuple(location_from_proto(location) for location in message.locations),
    )


def location_from_proto(message: source_pb2.SourceLocation) -> Location:
    """Reads a place in a user's file."""
    return Location(message.file, message.line)


def graph_to_proto(graph: Graph) -> graph_pb2.Graph:
    """Writes a checked graph. Each step has the isolation and the policy of losses that hold for it."""
    return graph_pb2.Graph(
        flow=graph.flow,
        doc=graph.doc,
        steps=(
            step_to_proto(step.spec, isolation=step.isolation, on_loss=step.on_loss) for step in graph.steps
        ),
        parameters=(parameter_to_proto(parameter) for parameter in graph.parameters),
        constants=(
            graph_pb2.ConstantSpec(
                name=constant.name,
                manifest=constant.manifest,
                losses=(loss_to_proto(loss) for loss in constant.losses),
                location=location_to_proto(constant.location),
            )
            for constant in graph.constants
        ),
        start=graph.start,
        end=graph.end,
        files=(
            graph_pb2.LoadedFile(language=file.language, file=file.file, digest=file.digest)
            for file in graph.files
        ),
        configs=(config_to_proto(config) for config in graph.configs),
        decorators=(decorator_to_proto(decorator) for decorator in graph.decorators),
        on_loss=loss_policy_to_proto(graph.on_loss),
    )


def step_to_proto(
    step: StepSpec, *, isolation: Isolation | None, on_loss: LossPolicy | None
) -> graph_pb2.StepSpec:
    """Writes a step.

    Args:
        step: The step as its file declares it.
        isolation: What to write as its isolation. None: not said.
        on_loss: What to write as its policy of losses. None: not said.

    Returns:
        The message.
    """
    return graph_pb2.StepSpec(
        name=step.name,
        location=location_to_proto(step.location),
        doc=step.doc,
        entry_point=entry_point_to_proto(step.entry_point),
        transition=transition_to_proto(step.transition),
        takes_inputs=step.takes_inputs,
        isolation=_ISOLATION_NUMBERS[isolation] if isolation else graph_pb2.ISOLATION_UNSPECIFIED,
        on_loss=loss_policy_to_proto(on_loss),
        is_start=step.is_start,
        is_end=step.is_end,
        decorators=(decorator_to_proto(decorator) for decorator in step.decorators),
        code=step.code,
    )


def decorator_to_proto(decorator: Decorator) -> graph_pb2.Decorator:
    """Writes a decorator."""
    return graph_pb2.Decorator(
        name=decorator.name,
        arguments=decorator.arguments,
        location=location_to_proto(decorator.location) if decorator.location else None,
    )


def config_to_proto(config: ConfigSpec) -> graph_pb2.ConfigSpec:
    """Writes a config."""
    return graph_pb2.ConfigSpec(
        name=config.name,
        variable=config.variable,
        manifest=config.manifest,
        text=config.text,
        help=config.help,
        location=location_to_proto(config.location),
    )


def loss_policy_to_proto(policy: LossPolicy | None) -> graph_pb2.LossPolicy:
    """Writes what to do about losses. None: not said."""
    return _LOSS_POLICY_NUMBERS[policy] if policy else graph_pb2.LOSS_POLICY_UNSPECIFIED


def loss_policy_from_proto(number: graph_pb2.LossPolicy) -> LossPolicy | None:
    """Reads what to do about losses. None: not said, or said by somebody who knows more policies."""
    return _LOSS_POLICIES.get(number)


def entry_point_to_proto(entry_point: EntryPoint) -> graph_pb2.EntryPoint:
    """Writes what a task runs."""
    return graph_pb2.EntryPoint(
        language=entry_point.language, file=entry_point.file, function=entry_point.function
    )


def transition_to_proto(transition: Transition) -> graph_pb2.Transition:
    """Writes how a step goes on."""
    return graph_pb2.Transition(
        kind=_KIND_NUMBERS.get(transition.kind, graph_pb2.TRANSITION_KIND_UNSPECIFIED),
        targets=transition.targets,
        foreach=transition.foreach,
        condition=transition.condition,
        cases=(graph_pb2.SwitchCase(key=case.key, target=case.target) for case in transition.cases),
        location=location_to_proto(transition.location) if transition.location else None,
    )


def parameter_to_proto(parameter: ParameterSpec) -> graph_pb2.ParameterSpec:
    """Writes a parameter."""
    file = parameter.include_file
    return graph_pb2.ParameterSpec(
        name=parameter.name,
        variable=parameter.variable,
        type=_TYPE_NUMBERS[parameter.type],
        default=parameter.default,
        required=parameter.required,
        help=parameter.help,
        separator=parameter.separator,
        hide_default=parameter.hide_default,
        has_function_default=parameter.has_function_default,
        include_file=graph_pb2.IncludeFileSpec(
            is_text=file.is_text, encoding=file.encoding, default_file=file.default_file
        )
        if file
        else None,
        location=location_to_proto(parameter.location),
    )


def loss_to_proto(loss: ValueLoss) -> graph_pb2.ValueLoss:
    """Writes what a constant loses."""
    return graph_pb2.ValueLoss(rule=loss.rule, path=loss.path, message=loss.message)


def problem_to_proto(problem: Problem) -> graph_pb2.GraphProblem:
    """Writes why a graph is refused."""
    return graph_pb2.GraphProblem(
        code=problem.code,
        message=problem.message,
        hint=problem.hint,
        step=problem.step,
        locations=(location_to_proto(location) for location in problem.locations),
    )


def location_to_proto(location: Location) -> source_pb2.SourceLocation:
    """Writes a place in a user's file."""
    return source_pb2.SourceLocation(file=location.file, line=location.line)
