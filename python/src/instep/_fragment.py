"""Writes down what a flow class says, for the orchestrator: a FlowFragment."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TypeVar

from instep_proto.v1 import graph_pb2, source_pb2

from instep._flow import MARKS, FlowSpec, ReferencedStep, StepMarks
from instep._parameter import Parameter
from instep._reference import FunctionReference
from instep._source import Mistake, Place, assignment_line, find_class, real_file
from instep._transition import Transition, read_step
from instep.errors import InstepError

_LANGUAGE = "python"
_MAX_CONSTANT_BYTES = 1024 * 1024
_OPTIONS = frozenset({"include", "isolation", "on_loss"})
_ISOLATIONS = {
    "fork": graph_pb2.ISOLATION_FORK,
    "spawn": graph_pb2.ISOLATION_SPAWN,
    "reuse": graph_pb2.ISOLATION_REUSE,
}
_LOSS_POLICIES = {
    "warn": graph_pb2.LOSS_POLICY_WARN,
    "error": graph_pb2.LOSS_POLICY_ERROR,
    "ignore": graph_pb2.LOSS_POLICY_IGNORE,
}
_Choice = TypeVar("_Choice")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attribute:
    """A class attribute of a flow."""

    name: str
    value: object
    owner: type
    """The class, the flow or one of its bases, that holds it."""

    @property
    def place(self) -> Place:
        """Where it is assigned."""
        place, definition = find_class(self.owner)
        return Place(place.file, assignment_line(definition, self.name))


def fragment_of(flow: type[FlowSpec], file: str) -> graph_pb2.FlowFragment:
    """Writes down what a flow class says.

    Args:
        flow: The class.
        file: Path of the file that a worker loads to find it.

    Returns:
        The fragment. What is wrong in the class is among its problems.
    """
    return _Reader(flow, real_file(file)).read()


class _Reader:
    """Reads one flow class and collects what is wrong with it."""

    def __init__(self, flow: type[FlowSpec], file: str) -> None:
        self._flow = flow
        self._file = file
        self._mistakes: list[Mistake] = []

    def read(self) -> graph_pb2.FlowFragment:
        """Reads the class."""
        fragment = graph_pb2.FlowFragment(
            flow=self._flow.__name__,
            language=_LANGUAGE,
            location=_location(find_class(self._flow)[0]),
            doc=_doc(self._flow),
            includes=self._includes(),
        )
        for attribute in _attributes(self._flow):
            self._read_attribute(fragment, attribute)
        fragment.problems.extend(_problem(mistake) for mistake in self._mistakes)
        return fragment

    def _read_attribute(self, fragment: graph_pb2.FlowFragment, attribute: _Attribute) -> None:
        value = attribute.value
        marks = getattr(value, MARKS, None)
        if isinstance(value, Parameter):
            fragment.parameters.extend(self._parameter(attribute.name, value))
        elif isinstance(value, ReferencedStep):
            fragment.steps.append(self._referenced_step(attribute.name, value))
        elif isinstance(marks, StepMarks):
            fragment.steps.append(self._step(attribute, marks))
        elif isinstance(value, FunctionReference):
            self._mistakes.append(_without_step(attribute))
        elif attribute.name == "isolation":
            fragment.isolation = self._isolation(value, "", attribute.place)
        elif attribute.name == "on_loss":
            fragment.on_loss = self._on_loss(value, "", attribute.place)
        elif attribute.name not in _OPTIONS and _is_constant(attribute):
            fragment.constants.extend(self._constant(attribute))

    def _includes(self) -> list[graph_pb2.Include]:
        owner = next(cls for cls in self._flow.__mro__ if "include" in vars(cls))
        named: object = self._flow.include
        attribute = _Attribute(name="include", value=named, owner=owner)
        names = [named] if isinstance(named, str) else named
        if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
            self._mistakes.append(
                Mistake(
                    code="include-form",
                    message=f"The attribute include of {self._flow.__name__} is {named!r}, not a list of files.",
                    hint='Write include = ["steps.R"].',
                    places=(attribute.place,),
                )
            )
            return []
        if not names:
            return []
        place = attribute.place
        folder = os.path.dirname(place.file or self._file)
        files = dict.fromkeys(os.path.realpath(os.path.join(folder, name)) for name in names)
        return [graph_pb2.Include(file=file, location=_location(place)) for file in files]

    def _step(self, attribute: _Attribute, marks: StepMarks) -> graph_pb2.StepSpec:
        code = read_step(attribute.name, attribute.value)
        self._mistakes.extend(code.mistakes)
        return graph_pb2.StepSpec(
            name=attribute.name,
            location=_location(code.place),
            doc=_doc(attribute.value),
            entry_point=graph_pb2.EntryPoint(language=_LANGUAGE, file=self._file),
            transition=self._transition(attribute.name, code.transition),
            takes_inputs=code.takes_inputs,
            isolation=self._isolation(marks.isolation, attribute.name, code.place),
            on_loss=self._on_loss(marks.on_loss, attribute.name, code.place),
            is_start=marks.start,
            is_end=marks.end,
        )

    def _referenced_step(self, name: str, step: ReferencedStep) -> graph_pb2.StepSpec:
        place = Place(real_file(step.file), step.line)
        transition = Transition(targets=step.targets, foreach=step.foreach or "", place=place)
        return graph_pb2.StepSpec(
            name=name,
            location=_location(place),
            entry_point=graph_pb2.EntryPoint(
                language=step.reference.language, file=step.reference.file, function=step.reference.function
            ),
            transition=self._transition(name, transition),
            takes_inputs=step.join,
            isolation=self._isolation(step.marks.isolation, name, place),
            on_loss=self._on_loss(step.marks.on_loss, name, place),
            is_start=step.marks.start,
            is_end=step.marks.end,
        )

    def _transition(self, step: str, transition: Transition | None) -> graph_pb2.Transition:
        if transition is None:
            return graph_pb2.Transition()
        return graph_pb2.Transition(
            kind=_kind(transition),
            targets=transition.targets,
            foreach=transition.foreach,
            condition=transition.condition,
            cases=[
                graph_pb2.SwitchCase(key=_encoded(key, f"a key of the switch in {step}"), target=target)
                for key, target in transition.cases
            ],
            location=_location(transition.place) if transition.place else None,
        )

    def _parameter(self, variable: str, parameter: Parameter) -> Iterator[graph_pb2.ParameterSpec]:
        place = Place(real_file(parameter.file), parameter.line)
        try:
            value = parameter.default_value()
            manifest = None if value is None else _encoded(value, parameter.name)
        except InstepError as err:
            self._mistakes.append(Mistake(code="parameter-default", message=err.message, places=(place,)))
            return
        yield graph_pb2.ParameterSpec(
            name=parameter.name,
            variable=variable,
            type=graph_pb2.ParameterType.Name(parameter.kind),
            default=manifest,
            required=parameter.required,
            help=parameter.help,
            separator=parameter.separator or "",
            hide_default=not parameter.show_default,
            location=_location(place),
        )

    def _constant(self, attribute: _Attribute) -> Iterator[graph_pb2.ConstantSpec]:
        place = attribute.place
        try:
            manifest = _encoded(attribute.value, attribute.name)
        except InstepError as err:
            self._mistakes.append(Mistake(code="constant-value", message=err.message, places=(place,)))
            return
        if len(manifest) > _MAX_CONSTANT_BYTES:
            self._mistakes.append(_too_large(attribute, len(manifest)))
            return
        yield graph_pb2.ConstantSpec(name=attribute.name, manifest=manifest, location=_location(place))

    def _isolation(self, name: object, step: str, place: Place) -> graph_pb2.Isolation:
        chosen = self._chosen("isolation", name, _ISOLATIONS, step, place)
        return graph_pb2.ISOLATION_UNSPECIFIED if chosen is None else chosen

    def _on_loss(self, name: object, step: str, place: Place) -> graph_pb2.LossPolicy:
        chosen = self._chosen("on_loss", name, _LOSS_POLICIES, step, place)
        return graph_pb2.LOSS_POLICY_UNSPECIFIED if chosen is None else chosen

    def _chosen(
        self, option: str, name: object, choices: Mapping[str, _Choice], step: str, place: Place
    ) -> _Choice | None:
        """Finds what a flow or step chose by name. None: it did not, or it is a mistake."""
        if name is None:
            return None
        if isinstance(name, str) and name in choices:
            return choices[name]
        whose = f"step '{step}'" if step else f"flow '{self._flow.__name__}'"
        self._mistakes.append(
            Mistake(
                code=f"{option.replace('_', '-')}-unknown",
                message=f"The {option} of {whose} is {name!r}, which is none of {', '.join(choices)}.",
                step=step,
                places=(place,),
            )
        )
        return None


def _attributes(flow: type[FlowSpec]) -> Iterator[_Attribute]:
    """Lists what a flow class and its bases hold, the bases first, overridden attributes once."""
    ours = [cls for cls in flow.__mro__ if cls not in (FlowSpec, object)]
    names = dict.fromkeys(name for cls in reversed(ours) for name in vars(cls))
    for name in names:
        owner = next(cls for cls in ours if name in vars(cls))
        yield _Attribute(name=name, value=vars(owner)[name], owner=owner)


def _is_constant(attribute: _Attribute) -> bool:
    """Tells plain values from methods, properties, nested classes and what is private."""
    value = attribute.value
    is_code = (
        inspect.isroutine(value) or isinstance(value, type | ModuleType) or hasattr(type(value), "__get__")
    )
    return not is_code and not attribute.name.startswith("_")


def _encoded(value: object, name: str) -> bytes:
    """Serializes a value, with all its parts in its manifest."""
    from instep.values import encode

    return encode(value, name=name, inline=True).manifest


def _kind(transition: Transition) -> graph_pb2.TransitionKind:
    if transition.is_switch:
        return graph_pb2.TRANSITION_KIND_SWITCH
    if transition.foreach:
        return graph_pb2.TRANSITION_KIND_FOREACH
    if len(transition.targets) > 1:
        return graph_pb2.TRANSITION_KIND_SPLIT
    return graph_pb2.TRANSITION_KIND_LINEAR if transition.targets else graph_pb2.TRANSITION_KIND_END


def _without_step(attribute: _Attribute) -> Mistake:
    return Mistake(
        code="step-form",
        message=f"The attribute '{attribute.name}' refers to a function of another file, but is no step.",
        hint=f'Write {attribute.name} = step(..., next="name of the next step") around it.',
        step=attribute.name,
        places=(attribute.place,),
    )


def _too_large(attribute: _Attribute, size: int) -> Mistake:
    return Mistake(
        code="constant-too-large",
        message=f"The constant '{attribute.name}' takes {size:,} bytes, more than {_MAX_CONSTANT_BYTES:,}.",
        hint="Load it in a step, and assign it to self there.",
        places=(attribute.place,),
    )


def _doc(thing: object) -> str:
    text = getattr(thing, "__doc__", None)
    return inspect.cleandoc(text) if text else ""


def _problem(mistake: Mistake) -> graph_pb2.GraphProblem:
    return graph_pb2.GraphProblem(
        code=mistake.code,
        message=mistake.message,
        hint=mistake.hint,
        step=mistake.step,
        locations=[_location(place) for place in mistake.places],
    )


def _location(place: Place) -> source_pb2.SourceLocation:
    return source_pb2.SourceLocation(file=place.file, line=place.line)
