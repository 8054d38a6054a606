"""Writes down what a flow class says, for the orchestrator: a FlowFragment."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType, UnionType
from typing import TYPE_CHECKING, TypeVar

from instep_proto.v1 import graph_pb2, source_pb2

from instep._code_digest import digest_of_function, digest_of_step
from instep._config import Config, ConfigExpression, resolved, state_of, value_of
from instep._config_view import plain
from instep._decorator import Decorator, decorators_of
from instep._failure import class_names
from instep._flow import MARKS, FlowSpec, ReferencedStep, StepMarks
from instep._include_file import IncludeFile
from instep._parameter import Parameter
from instep._reference import FunctionReference
from instep._source import Mistake, Place, assignment_line, find_class, real_file
from instep._transition import Transition, read_step
from instep.errors import ConfigInvalidError, InstepError, ParameterInvalidError

if TYPE_CHECKING:
    from instep.values import Encoded

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
_Declared = TypeVar("_Declared", bound=Parameter | IncludeFile)


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
        self._configs: dict[str, object] = {}

    def read(self) -> graph_pb2.FlowFragment:
        """Reads the class."""
        fragment = graph_pb2.FlowFragment(
            flow=self._flow.__name__,
            language=_LANGUAGE,
            location=_location(find_class(self._flow)[0]),
            doc=_doc(self._flow),
            includes=self._includes(),
        )
        attributes = list(_attributes(self._flow))
        for attribute in attributes:  # the others may use them
            if isinstance(attribute.value, Config):
                fragment.configs.extend(self._config(attribute.name, attribute.value))
        fragment.decorators.extend(self._decorators("", _flow_decorators(self._flow)))
        for attribute in attributes:
            self._read_attribute(fragment, attribute)
        fragment.problems.extend(_problem(mistake) for mistake in self._mistakes)
        return fragment

    def _read_attribute(self, fragment: graph_pb2.FlowFragment, attribute: _Attribute) -> None:
        value = attribute.value
        marks = getattr(value, MARKS, None)
        if isinstance(value, Parameter | IncludeFile):
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
        code = read_step(attribute.name, attribute.value, self._configs)
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
            decorators=self._decorators(attribute.name, decorators_of(attribute.value)),
            code=digest_of_step(self._flow, attribute.name),
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
            decorators=self._decorators(name, step.decorators),
            code=_digest_of_reference(step.reference),
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
                graph_pb2.SwitchCase(
                    key=_encoded(key, f"a key of the switch in {step}").manifest, target=target
                )
                for key, target in transition.cases
            ],
            location=_location(transition.place) if transition.place else None,
        )

    def _decorators(self, step: str, decorators: Sequence[Decorator]) -> Iterator[graph_pb2.Decorator]:
        for decorator in decorators:
            place = Place(real_file(decorator.file), decorator.line)
            try:
                arguments = _json_arguments(decorator, self._configs)
            except ConfigInvalidError as err:
                self._refuse_config(err, place, step)
            except (TypeError, ValueError) as err:
                self._mistakes.append(_unwritable(decorator, step, place, err))
            else:
                yield graph_pb2.Decorator(name=decorator.name, arguments=arguments, location=_location(place))

    def _refuse_config(self, err: ConfigInvalidError, place: Place, step: str = "") -> None:
        if not _failed_configs(self._flow):  # else that is told already, and is why
            self._mistakes.append(
                Mistake(code="config-invalid", message=err.message, step=step, places=(place,))
            )

    def _config(self, variable: str, config: Config) -> Iterator[graph_pb2.ConfigSpec]:
        state = state_of(config)
        place = Place(real_file(state.file), state.line)
        try:
            value = value_of(config)
            manifest = _encoded(plain(value), state.name).manifest
        except InstepError as err:
            self._mistakes.append(Mistake(code="config-invalid", message=err.message, places=(place,)))
            return
        self._configs[variable] = value
        yield graph_pb2.ConfigSpec(
            name=state.name,
            variable=variable,
            manifest=manifest,
            text=state.text,
            help=state.help,
            location=_location(place),
        )

    def _parameter(
        self, variable: str, declared: Parameter | IncludeFile
    ) -> Iterator[graph_pb2.ParameterSpec]:
        place = Place(real_file(declared.file), declared.line)
        try:
            parameter = _well_formed(declared.with_configs(self._configs))
            spec = _include_file(parameter) if isinstance(parameter, IncludeFile) else _typed(parameter)
        except ConfigInvalidError as err:
            self._refuse_config(err, place)
            return
        except InstepError as err:
            self._mistakes.append(Mistake(code="parameter-default", message=err.message, places=(place,)))
            return
        spec.name = parameter.name
        spec.variable = variable
        spec.required = parameter.required
        spec.help = parameter.help
        spec.hide_default = not parameter.show_default
        spec.location.CopyFrom(_location(place))
        yield spec

    def _constant(self, attribute: _Attribute) -> Iterator[graph_pb2.ConstantSpec]:
        place = attribute.place
        try:
            stored = _encoded(attribute.value, attribute.name)
        except InstepError as err:
            self._mistakes.append(Mistake(code="constant-value", message=err.message, places=(place,)))
            return
        if len(stored.manifest) > _MAX_CONSTANT_BYTES:
            self._mistakes.append(_too_large(attribute, len(stored.manifest)))
            return
        yield graph_pb2.ConstantSpec(
            name=attribute.name,
            manifest=stored.manifest,
            losses=(
                graph_pb2.ValueLoss(rule=loss.rule, path=loss.path, message=loss.message)
                for loss in stored.losses
            ),
            location=_location(place),
        )

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


def _digest_of_reference(reference: FunctionReference) -> str:
    if reference.language != _LANGUAGE:
        return ""  # the host of that file knows it
    return digest_of_function(reference.file, reference.function)


def _flow_decorators(flow: type[FlowSpec]) -> list[Decorator]:
    """Lists the decorators of a flow and its bases; one of a class replaces those of its name in the bases."""
    found: dict[str, list[Decorator]] = {}
    for cls in flow.__mro__:
        own = decorators_of(cls)
        for name in dict.fromkeys(one.name for one in own if one.name not in found):
            found[name] = [one for one in own if one.name == name]
    return [one for decorators in found.values() for one in decorators]


def _failed_configs(flow: type[FlowSpec]) -> bool:
    return any(isinstance(one.value, Config) and state_of(one.value).error for one in _attributes(flow))


def _json_arguments(decorator: Decorator, configs: Mapping[str, object]) -> str:
    """Writes the arguments of a decorator as JSON: a class of errors as its name, numbers of NumPy as numbers."""
    if not decorator.arguments:
        return ""
    return json.dumps(resolved(dict(decorator.arguments), configs), default=_json_form, allow_nan=False)


def _json_form(value: object) -> object:
    if isinstance(value, type) and issubclass(value, BaseException):
        return class_names(value)[0]
    if isinstance(value, Config | ConfigExpression):
        raise TypeError(f"{value!r} is inside of something that is neither a list nor a dictionary")
    if hasattr(value, "item") and hasattr(value, "dtype"):
        return value.item()
    raise TypeError(f"{value!r} is neither text, a number, True, False, None, a list nor a dictionary")


_ARGUMENTS: Mapping[str, tuple[type | UnionType, str]] = {
    "name": (str, "text"),
    "help": (str, "text"),
    "required": (bool, "True or False"),
    "show_default": (bool, "True or False"),
    "separator": (str | None, "text"),
    "encoding": (str | None, "text"),
    "is_text": (bool, "True or False"),
}
"""What arguments of parameters and include files must be."""


def _well_formed(parameter: _Declared) -> _Declared:
    """Checks the arguments of a parameter, or of an include file.

    Raises:
        ParameterInvalidError: One is not what it must be.
    """
    for name, (kind, expected) in _ARGUMENTS.items():
        value = getattr(parameter, name, None)
        if hasattr(parameter, name) and not isinstance(value, kind):
            raise ParameterInvalidError(
                f"The argument {name} of {type(parameter).__name__}({parameter.name!r}) must be {expected}, "
                f"not {value!r}.",
                parameter=str(parameter.name),
            )
    return parameter


def _typed(parameter: Parameter) -> graph_pb2.ParameterSpec:
    value = parameter.default_value()
    return graph_pb2.ParameterSpec(
        type=graph_pb2.ParameterType.Name(parameter.kind),
        default=None if value is None else _encoded(value, parameter.name).manifest,
        has_function_default=parameter.has_function_default,
        separator=parameter.separator or "",
    )


def _include_file(parameter: IncludeFile) -> graph_pb2.ParameterSpec:
    return graph_pb2.ParameterSpec(
        type=graph_pb2.PARAMETER_TYPE_STRING,
        include_file=graph_pb2.IncludeFileSpec(
            is_text=parameter.is_text,
            encoding=parameter.encoding or "",
            default_file=parameter.default_file(),
        ),
    )


def _is_constant(attribute: _Attribute) -> bool:
    """Tells plain values from methods, properties, nested classes and what is private."""
    value = attribute.value
    is_code = (
        inspect.isroutine(value) or isinstance(value, type | ModuleType) or hasattr(type(value), "__get__")
    )
    is_config = isinstance(value, Config)
    return not is_code and not is_config and not attribute.name.startswith("_")


def _encoded(value: object, name: str) -> Encoded:
    """Encodes a value, with all its parts in its manifest. What to do about its losses is decided by each run."""
    from instep.values import encode

    return encode(value, name=name, on_loss="ignore", inline=True)


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


def _unwritable(decorator: Decorator, step: str, place: Place, err: Exception) -> Mistake:
    return Mistake(
        code="decorator-arguments",
        message=f"An argument of @{decorator.name} can't be used: {err}.",
        step=step,
        places=(place,),
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
