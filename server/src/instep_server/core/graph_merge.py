"""Merges what the files of a flow say, and checks what does not depend on how steps are connected.

The file that was asked for comes first, then the files that it includes, then what those include. Each file
is merged once, however often it is named, so files may include each other. A file that is only named for a
function adds its functions and nothing else, even when it declares a flow of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TypeVar

from instep_server.core.graph_types import (
    PYTHON,
    ConfigSpec,
    ConstantSpec,
    Decorator,
    FileReference,
    Fragment,
    Include,
    Isolation,
    LoadedFile,
    Location,
    LossPolicy,
    ParameterSpec,
    Problem,
    R,
    Source,
    StepSpec,
)
from instep_server.core.graph_words import guess, listed, quoted, spelled

RUN_OPTIONS = frozenset(
    {
        "help",
        "max-log-size",
        "max-num-splits",
        "max-workers",
        "namespace",
        "on-loss",
        "origin-run-id",
        "reuse",
        "run-id",
        "run-id-file",
        "tag",
        "tags",
        "task-id",
        "with",
    }
)
"""Options of `run` and words that it keeps for itself. A parameter cannot have such a name."""

ATTRIBUTES = frozenset({"foreach_stack", "index", "input", "merge_artifacts", "next"})
"""What `self` offers in every step. A parameter or constant cannot have such a name."""

_T = TypeVar("_T")
_LANGUAGES = {".py": PYTHON, ".r": R}
MAX_FLOW_NAME_BYTES = 200
"""Longest name of a flow: directories are named after it."""
_PARAMETER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The fragments of a flow, put together but not yet checked as a graph."""

    main: Fragment
    """The fragment of the file that was asked for."""
    doc: str
    """The flow's documentation: of the file that was asked for, else of the first that has any."""
    steps: tuple[StepSpec, ...]
    """All steps, each name once."""
    isolations: dict[str, Isolation]
    """How the processes of each step's tasks are made, by name of the step."""
    on_loss: LossPolicy
    """What to do about losses in steps that do not choose for themselves."""
    parameters: tuple[ParameterSpec, ...]
    """All parameters."""
    constants: tuple[ConstantSpec, ...]
    """All constants."""
    configs: tuple[ConfigSpec, ...]
    """All configs."""
    decorators: tuple[Decorator, ...]
    """Decorators of the flow."""
    files: tuple[LoadedFile, ...]
    """All files."""
    languages: dict[str, str]
    """Language in which each step is declared, by name of the step."""
    problems: tuple[Problem, ...]
    """What is wrong so far."""
    complete: bool
    """False when an included file is missing, so that steps may be missing, too."""


def missing_files(main: Source, loaded: Sequence[Source]) -> tuple[FileReference, ...]:
    """Tells which files the flow names that no host has loaded yet.

    Args:
        main: The file that was asked for.
        loaded: The other files so far.

    Returns:
        The files, each once, in the order in which they are named. Empty: all are there.
    """
    have = {main.file, *(source.file for source in loaded)}
    wanted: dict[str, FileReference] = {}
    for _, fragment in _fragments(main, loaded):
        for reference in _references(fragment):
            if reference.file not in have:
                wanted.setdefault(reference.file, reference)
    return tuple(wanted.values())


def merge(main: Source, fragment: Fragment, loaded: Sequence[Source]) -> Merged:
    """Merges the fragments of a flow.

    Args:
        main: The file that was asked for.
        fragment: The fragment of this file.
        loaded: All other files that the flow names.

    Returns:
        The fragments put together, with the problems that were found on the way.
    """
    fragments = list(_fragments(main, loaded))
    sources = {source.file: source for source in (main, *loaded)}
    steps = [_with_code(step, sources) for _, part in fragments for step in part.steps]
    parameters = [parameter for _, part in fragments for parameter in part.parameters]
    constants = [constant for _, part in fragments for constant in part.constants]
    configs = [config for _, part in fragments for config in part.configs]
    unincluded = [problem for _, part in fragments for problem in _include_problems(part, sources)]
    problems = [
        *_once([*unincluded, *(problem for step in steps for problem in _function_problems(step, sources))]),
        *(problem for _, part in fragments for problem in part.problems),
        *_flow_names(fragment, fragments),
        *_loss_problems([part for _, part in fragments]),
        *_doubled_steps(steps),
        *_parameter_problems(parameters),
        *_config_problems(configs),
        *_variable_problems(parameters, constants, configs),
    ]
    return Merged(
        main=fragment,
        doc=next((part.doc for _, part in fragments if part.doc), ""),
        steps=tuple({step.name: step for step in reversed(steps)}.values())[::-1],
        isolations={
            step.name: step.isolation or part.isolation or fragment.isolation or Isolation.FORK
            for _, part in fragments
            for step in part.steps
        },
        on_loss=next((part.on_loss for _, part in fragments if part.on_loss), LossPolicy.WARN),
        parameters=tuple(parameters),
        constants=tuple(constants),
        configs=tuple(configs),
        decorators=tuple(decorator for _, part in fragments for decorator in part.decorators),
        files=_files(main, loaded),
        languages={step.name: part.language for _, part in fragments for step in part.steps},
        problems=tuple(problems),
        complete=not unincluded,
    )


def _fragments(main: Source, loaded: Sequence[Source]) -> Iterator[tuple[Source, Fragment]]:
    """Walks the fragments that belong together, each file once, includes after the file that names them."""
    sources = {source.file: source for source in (main, *loaded)}
    queue, seen = [main.file], {main.file}
    for file in queue:
        source = sources.get(file)
        if source is None or source.fragment is None:
            continue
        yield source, source.fragment
        for include in source.fragment.includes:
            if include.file not in seen:
                seen.add(include.file)
                queue.append(include.file)


def _references(fragment: Fragment) -> Iterator[FileReference]:
    """Names the files that a fragment needs: its includes, and those of the functions that its steps run."""
    for include in fragment.includes:
        if language := _language_of(include.file):
            yield FileReference(language=language, file=include.file)
    for step in fragment.steps:
        if step.entry_point.function:
            yield FileReference(language=step.entry_point.language, file=step.entry_point.file)


def _language_of(file: str) -> str | None:
    return _LANGUAGES.get(PurePath(file).suffix.lower())


def _files(main: Source, loaded: Sequence[Source]) -> tuple[LoadedFile, ...]:
    files = {
        source.file: LoadedFile(language=source.language, file=source.file, digest=source.digest)
        for source in (main, *loaded)
    }
    return tuple(files.values())


def _once(problems: Sequence[Problem]) -> list[Problem]:
    """Keeps one problem per message: a file that cannot be loaded may be named in several places."""
    return list({problem.message: problem for problem in reversed(problems)}.values())[::-1]


def _include_problems(fragment: Fragment, sources: dict[str, Source]) -> Iterator[Problem]:
    for include in fragment.includes:
        name = PurePath(include.file).name
        if _language_of(include.file) is None:
            yield Problem(
                code="include-language",
                message=f"The included file {quoted(name)} is neither a Python nor an R file.",
                hint="The name of a file of steps ends in .py or .R. A function of any other file can be a step by "
                "program_function().",
                locations=(include.location,),
            )
            continue
        source = sources[include.file]
        if source.problem is not None:
            yield _passed_on(source.problem, include.location)
        elif source.fragment is None:
            yield _without_flow(fragment, include, source)


def _without_flow(fragment: Fragment, include: Include, source: Source) -> Problem:
    return Problem(
        code="include-without-flow",
        message=f"The included file {quoted(PurePath(include.file).name)} declares no flow.",
        hint=spelled(
            source.language,
            python=f"Give it a class {fragment.flow}(FlowSpec), or refer to a function of it with py_function().",
            r=f'Start its pipe with flow("{fragment.flow}"), or refer to a function of it with r_function().',
        ),
        locations=(include.location, Location(include.file)),
    )


def _with_code(step: StepSpec, sources: dict[str, Source]) -> StepSpec:
    """Completes a step that names a function of another file by what the file's host says: language and code."""
    entry = step.entry_point
    if not entry.function:
        return step
    source = sources[entry.file]
    code = step.code or source.codes.get(entry.function, "")
    return replace(step, code=code, entry_point=replace(entry, language=source.language))


def _function_problems(step: StepSpec, sources: dict[str, Source]) -> Iterator[Problem]:
    entry = step.entry_point
    if not entry.function:
        return
    source = sources[entry.file]
    name = PurePath(entry.file).name
    if source.problem is not None:
        yield _passed_on(source.problem, step.location)
    elif entry.function not in source.functions:
        yield Problem(
            code="function-unknown",
            message=f"Step {quoted(step.name)} runs the function {quoted(entry.function)}, which the file "
            f"{quoted(name)} does not define.",
            hint=guess(entry.function, sorted(source.functions), what=f"functions of {quoted(name)}"),
            step=step.name,
            locations=(step.location, Location(entry.file)),
        )


def _passed_on(problem: Problem, named_at: Location) -> Problem:
    """Adds to the problem of a file that could not be loaded where the file is named."""
    return replace(problem, locations=(*problem.locations, named_at))


def _flow_names(main: Fragment, fragments: Sequence[tuple[Source, Fragment]]) -> Iterator[Problem]:
    if not main.flow.isidentifier() or len(main.flow.encode()) > MAX_FLOW_NAME_BYTES:
        yield Problem(
            code="flow-name",
            message=f"The flow has a name that is not allowed: {quoted(main.flow)}.",
            hint="Use letters, digits and _, do not begin with a digit, and make it no longer than "
            f"{MAX_FLOW_NAME_BYTES} bytes.",
            locations=(main.location,),
        )
    for _, fragment in fragments:
        if fragment.flow != main.flow:
            yield Problem(
                code="flow-name-differs",
                message=f"The flow is named {quoted(main.flow)} in {quoted(_base(main.location))} but "
                f"{quoted(fragment.flow)} in {quoted(_base(fragment.location))}.",
                hint="Files that make one graph give it one name.",
                locations=(fragment.location, main.location),
            )


def _loss_problems(fragments: Sequence[Fragment]) -> Iterator[Problem]:
    """Finds files that disagree about losses: it is the flow that has the choice, and not each of its files."""
    chosen = [(part.on_loss, part.location) for part in fragments if part.on_loss is not None]
    for policy, location in chosen[1:]:
        first, first_location = chosen[0]
        if policy is not first:
            yield Problem(
                code="on-loss-differs",
                message=f"on_loss is {quoted(first.value)} in {quoted(_base(first_location))} but "
                f"{quoted(policy.value)} in {quoted(_base(location))}.",
                hint="Set it for the flow in one file, and in a step where that step differs.",
                locations=(location, first_location),
            )


def _base(location: Location) -> str:
    return PurePath(location.file).name or "the prompt"


def _groups(things: Sequence[_T], key: Callable[[_T], str]) -> Iterator[tuple[str, list[_T]]]:
    """Finds things that share a key, in the order of the first of each group."""
    groups: dict[str, list[_T]] = {}
    for thing in things:
        groups.setdefault(key(thing), []).append(thing)
    return ((name, group) for name, group in groups.items() if len(group) > 1)


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"


def _doubled_steps(steps: Sequence[StepSpec]) -> Iterator[Problem]:
    for name, group in _groups(steps, lambda step: step.name):
        yield Problem(
            code="step-doubled",
            message=f"Step {quoted(name)} is defined {_times(len(group))}.",
            hint="Remove or rename all but one.",
            step=name,
            locations=tuple(step.location for step in group),
        )


def _option(name: str) -> str:
    """Brings names of options that cannot be told apart to one form: case and dashes do not count."""
    return name.lower().replace("_", "-")


def _parameter_problems(parameters: Sequence[ParameterSpec]) -> Iterator[Problem]:
    for parameter in parameters:
        if not _PARAMETER_NAME.fullmatch(parameter.name):
            yield Problem(
                code="parameter-name",
                message=f"Parameter {quoted(parameter.name)} has a name that cannot be an option.",
                hint="Use a letter first, then letters, digits, dashes and underscores.",
                locations=(parameter.location,),
            )
        elif _option(parameter.name) in RUN_OPTIONS:
            yield Problem(
                code="parameter-reserved",
                message=f"Parameter {quoted(parameter.name)} has the name of an option of the run command.",
                hint="Choose another name for it.",
                locations=(parameter.location,),
            )
    for _, group in _groups(parameters, lambda parameter: _option(parameter.name)):
        names = list(dict.fromkeys(parameter.name for parameter in group))
        yield Problem(
            code="parameter-doubled",
            message=f"Parameter {quoted(names[0])} is declared {_times(len(group))}."
            if len(names) == 1
            else f"Parameters {listed(names)} have the same name but for case and dashes.",
            hint="Declare it once: the steps of all files can read it.",
            locations=tuple(parameter.location for parameter in group),
        )


def _config_problems(configs: Sequence[ConfigSpec]) -> Iterator[Problem]:
    for name, group in _groups(configs, lambda config: config.name):
        yield Problem(
            code="config-doubled",
            message=f"Config {quoted(name)} is declared {_times(len(group))}.",
            hint="Declare it once: the steps of all files can read it.",
            locations=tuple(config.location for config in group),
        )


def _variable_problems(
    parameters: Sequence[ParameterSpec], constants: Sequence[ConstantSpec], configs: Sequence[ConfigSpec]
) -> Iterator[Problem]:
    variables = [
        *(("Parameter", parameter.variable, parameter.location) for parameter in parameters),
        *(("Constant", constant.name, constant.location) for constant in constants),
        *(("Config", config.variable, config.location) for config in configs),
    ]
    for kind, name, location in variables:
        if name in ATTRIBUTES:
            yield Problem(
                code="variable-reserved",
                message=f"{kind} {quoted(name)} has a name that self needs for itself.",
                hint=f"Choose another name than {listed(sorted(ATTRIBUTES))}.",
                locations=(location,),
            )
    told = {
        parameter.variable
        for _, group in _groups(parameters, lambda parameter: _option(parameter.name))
        for parameter in group
    } | {config.variable for _, group in _groups(configs, lambda config: config.name) for config in group}
    for name, group in _groups(variables, lambda variable: variable[1]):
        if name not in told:
            kinds = " and as a ".join(dict.fromkeys(kind.lower() for kind, _, _ in group))
            yield Problem(
                code="variable-doubled",
                message=f"The variable {quoted(name)} is declared {_times(len(group))}, as a {kinds}.",
                hint="Declare it once: the steps of all files can read it.",
                locations=tuple(location for _, _, location in group),
            )
