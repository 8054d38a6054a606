"""Reads how a step goes on from its source, without running it.

A step ends with one call of `self.next(...)`, at its top level, in one of five forms. What the call says must
be readable from the text, because the graph is checked before anything runs. The keys of a switch can also be
values of the flow's configs, which are known by then.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType

from instep._source import Function, Mistake, Place, find_function, place_of

_FORMS = (
    'Valid forms are self.next(self.a), self.next(self.a, self.b), self.next(self.a, foreach="items") and '
    'self.next({"x": self.a, "y": self.b}, condition="answer"); a step of another file is named by text, '
    'such as self.next("a").'
)

Key = str | int | float | bool | None
"""What can be a key of a switch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """How a step goes on. Exactly one form: several targets, a foreach, or cases with a condition."""

    targets: tuple[str, ...] = ()
    """Names of the next steps, in order."""
    foreach: str = ""
    """Name of the artifact whose items are spread. Empty: no foreach."""
    condition: str = ""
    """Name of the artifact that chooses. Empty: no switch."""
    cases: tuple[tuple[Key, str], ...] = ()
    """The choices of a switch, each with the name of its step."""
    is_switch: bool = False
    """True for a switch, also for one without a condition or cases."""
    place: Place | None = None
    """Where it is written. None: the step has no transition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCode:
    """What the source of a step says."""

    transition: Transition | None
    """How it goes on. None: it cannot be told, and the mistakes say why."""
    takes_inputs: bool
    """True when it takes a second argument: it is a join."""
    place: Place
    """Where it is written."""
    mistakes: tuple[Mistake, ...] = ()
    """What is wrong."""


class _UnreadableError(Exception):
    """A call of `self.next` has no valid form. The text tells what is wrong with it."""


def read_step(name: str, method: object, configs: Mapping[str, object] | None = None) -> StepCode:
    """Reads the source of a step.

    Args:
        name: Name of the step.
        method: Its method, also when decorators have wrapped it.
        configs: The configs of the flow, by attribute. None: it has none.

    Returns:
        What it says.
    """
    function = inspect.unwrap(method) if callable(method) else method
    if not isinstance(function, FunctionType):
        mistake = Mistake(
            code="step-source",
            message=f"Step '{name}' is {type(function).__name__} and not a method written with def.",
            step=name,
        )
        return StepCode(transition=None, takes_inputs=False, place=Place(""), mistakes=(mistake,))
    return _read(name, function, configs or {})


def _read(name: str, function: FunctionType, configs: Mapping[str, object]) -> StepCode:
    place = place_of(function.__code__)
    takes_inputs, mistakes = _arguments(name, function.__code__, place)
    definition = find_function(function.__code__)
    transition = None
    if definition is None and not mistakes:
        mistakes = [_no_source(name, place)]
    elif definition is not None:
        place = Place(place.file, definition.lineno)
        if not mistakes:
            transition, mistakes = _transition(name, definition, place.file, configs)
    return StepCode(transition=transition, takes_inputs=takes_inputs, place=place, mistakes=tuple(mistakes))


def _no_source(name: str, place: Place) -> Mistake:
    return Mistake(
        code="step-source",
        message=f"The source of step '{name}' cannot be found.",
        hint="Write the flow in a file, and its steps with def.",
        step=name,
        places=(place,),
    )


def _arguments(name: str, code: CodeType, place: Place) -> tuple[bool, list[Mistake]]:
    """Counts the arguments of a step: `self`, or `self` and `inputs`."""
    extra = code.co_kwonlyargcount or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    if extra or code.co_argcount not in (1, 2):
        wrapped = " A decorator that wraps a step needs functools.wraps." if extra else ""
        mistake = Mistake(
            code="step-arguments",
            message=f"Step '{name}' takes {_signature(code)}, but a step takes self, and a join self and inputs.",
            hint=f"Write def {name}(self) or, for a join, def {name}(self, inputs).{wrapped}",
            step=name,
            places=(place,),
        )
        return False, [mistake]
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        mistake = Mistake(
            code="step-source",
            message=f"Step '{name}' is a generator or a coroutine, so calling it would not run it.",
            hint="Write it with def, and without yield.",
            step=name,
            places=(place,),
        )
        return code.co_argcount == 2, [mistake]
    return code.co_argcount == 2, []


def _signature(code: CodeType) -> str:
    names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount :]
    stars = [
        star
        for star, flag in (("*", inspect.CO_VARARGS), ("**", inspect.CO_VARKEYWORDS))
        if code.co_flags & flag
    ]
    names += [f"{star}{arg}" for star, arg in zip(stars, rest, strict=False)]
    return f"({', '.join(names)})" if names else "no arguments"


def _transition(
    name: str, definition: Function, file: str, configs: Mapping[str, object]
) -> tuple[Transition | None, list[Mistake]]:
    """Finds the one call of `self.next` and reads it."""
    this = [*definition.args.posonlyargs, *definition.args.args][0].arg
    calls = list(_calls(definition, this))
    if not calls:
        return Transition(), []
    places = tuple(Place(file, call.lineno) for call in calls)
    last = definition.body[-1]
    final = last.value if isinstance(last, ast.Expr | ast.Return) else None
    if len(calls) > 1:
        return None, [_several(name, places)]
    if final is not calls[0]:
        return None, [_misplaced(name, definition, calls[0], places)]
    try:
        return _read_call(calls[0], this, places[0], configs), []
    except _UnreadableError as err:
        mistake = Mistake(
            code="transition-form",
            message=f"Step '{name}' has a transition of no known form: {err}.",
            hint=_FORMS,
            step=name,
            places=places,
        )
        return None, [mistake]


def _calls(definition: Function, this: str) -> Iterator[ast.Call]:
    """Lists the calls of `self.next` in a step, in the order of its lines."""
    found = [
        node
        for node in _own_nodes(definition, this)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "next"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == this
    ]
    yield from sorted(found, key=lambda call: (call.lineno, call.col_offset))


def _own_nodes(node: ast.AST, this: str) -> Iterator[ast.AST]:
    """Walks a function, but not the functions inside it for which `self` is something else."""
    for child in ast.iter_child_nodes(node):
        inner = child.args if isinstance(child, Function | ast.Lambda) else None
        if inner is None or this not in {one.arg for one in [*inner.posonlyargs, *inner.args]}:
            yield child
            yield from _own_nodes(child, this)


def _several(name: str, places: tuple[Place, ...]) -> Mistake:
    return Mistake(
        code="transition-doubled",
        message=f"Step '{name}' calls self.next() {len(places)} times, on lines "
        f"{', '.join(str(place.line) for place in places)}.",
        hint="Call it once, as the last statement; a switch chooses between steps by the value of an artifact.",
        step=name,
        places=places,
    )


def _misplaced(name: str, definition: Function, call: ast.Call, places: tuple[Place, ...]) -> Mistake:
    nested = [statement for statement in definition.body if call in ast.walk(statement)]
    statement = nested[0] if nested else definition
    plain = isinstance(statement, ast.Expr | ast.Return) and statement.value is call
    where = "before its last statement" if plain else f"inside {_kind(statement)}"
    return Mistake(
        code="transition-not-last",
        message=f"Step '{name}' calls self.next() {where}, but it must be its last statement.",
        hint="Move it to the end of the step, outside of any block.",
        step=name,
        places=places,
    )


def _kind(statement: ast.AST) -> str:
    """Names the kind of statement in which a call is hidden, as it is written."""
    words = {
        ast.If: "if",
        ast.For: "for",
        ast.AsyncFor: "for",
        ast.While: "while",
        ast.With: "with",
        ast.AsyncWith: "with",
        ast.Try: "try",
        ast.TryStar: "try",
        ast.Match: "match",
        ast.FunctionDef: "a function",
        ast.AsyncFunctionDef: "a function",
        ast.ClassDef: "a class",
    }
    return words.get(type(statement), "another expression")


def _read_call(call: ast.Call, this: str, place: Place, configs: Mapping[str, object]) -> Transition:
    options = _options(call)
    if len(call.args) == 1 and isinstance(call.args[0], ast.Dict):
        return _read_switch(call.args[0], options, this, place, configs)
    if "condition" in options:
        raise _UnreadableError("condition goes with a dictionary of steps")
    targets = tuple(_target(node, this) for node in call.args)
    if not targets:
        raise _UnreadableError("it names no step")
    if "foreach" not in options:
        return Transition(targets=targets, place=place)
    if len(targets) != 1:
        raise _UnreadableError(f"foreach goes with one step, not {len(targets)}")
    return Transition(targets=targets, foreach=options["foreach"], place=place)


def _options(call: ast.Call) -> dict[str, str]:
    options = {}
    for keyword in call.keywords:
        if keyword.arg not in ("foreach", "condition"):
            raise _UnreadableError(
                f"it has the option {keyword.arg or '**'}, but only foreach and condition exist"
            )
        if not isinstance(keyword.value, ast.Constant) or not isinstance(keyword.value.value, str):
            raise _UnreadableError(
                f"{keyword.arg} is {ast.unparse(keyword.value)}, but must be the name of an artifact in quotes"
            )
        options[keyword.arg] = keyword.value.value
    return options


def _target(node: ast.expr, this: str) -> str:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == this:
        return node.attr
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise _UnreadableError(f"{ast.unparse(node)} is neither self.name nor the name of a step in quotes")


def _read_switch(
    node: ast.Dict, options: dict[str, str], this: str, place: Place, configs: Mapping[str, object]
) -> Transition:
    if "foreach" in options:
        raise _UnreadableError("a switch cannot be combined with foreach")
    if not options.get("condition"):
        raise _UnreadableError("a dictionary of steps needs condition, the name of the artifact that chooses")
    cases: dict[Key, str] = {}
    for key_node, value in zip(node.keys, node.values, strict=True):
        key = _key(key_node, this, configs)
        if key in cases:
            raise _UnreadableError(f"the key {key!r} is there twice")
        cases[key] = _target(value, this)
    return Transition(
        targets=tuple(dict.fromkeys(cases.values())),
        condition=options["condition"],
        cases=tuple(cases.items()),
        is_switch=True,
        place=place,
    )


def _key(node: ast.expr | None, this: str, configs: Mapping[str, object]) -> Key:
    """Reads a key: a literal text, number, True, False or None, or one that a config holds."""
    if node is None:
        raise _UnreadableError("the dictionary is filled with **, but its keys must be literal")
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = _config_value(node, this, configs)
    if value is None or isinstance(value, str | int | float):
        return value
    raise _UnreadableError(
        f"the key {ast.unparse(node)} is not a literal text, number, True, False or None, nor a value of a config"
    )


def _config_value(node: ast.expr, this: str, configs: Mapping[str, object]) -> object:
    """Reads a part of a config, such as `self.config.a` or `self.config["a"]`. An ellipsis: it is none."""
    match node:
        case ast.Attribute(ast.Name(name), attribute) if name == this:
            return configs.get(attribute, ...)
        case ast.Attribute(whole, key) | ast.Subscript(whole, ast.Constant(key)):
            value = _config_value(whole, this, configs)
            try:
                return value[key]  # type: ignore[index]
            except (IndexError, KeyError, TypeError):
                return ...
    return ...
