"""What a flow's files say, what is wrong with it, and the graph that they make together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from instep_server.core.policy import Project, StepPolicy

PYTHON = "python"
"""Name of the language Python in fragments and entry points."""

R = "r"
"""Name of the language R in fragments and entry points."""


class Isolation(Enum):
    """How the processes of tasks are made."""

    FORK = "fork"
    """A process per task, forked from a warm host."""
    SPAWN = "spawn"
    """A process per task, started fresh."""
    REUSE = "reuse"
    """One process may run several tasks of one step, one after another."""


class LossPolicy(Enum):
    """What a worker does about details of a value that do not come back as they were."""

    WARN = "warn"
    """It tells each in a line."""
    ERROR = "error"
    """It fails the attempt."""
    IGNORE = "ignore"
    """Nothing."""


class TransitionKind(Enum):
    """How a step goes on."""

    UNKNOWN = "unknown"
    """The step's own language could not tell; the problems of the fragment say why."""
    END = "end"
    """It does not: it is the last step."""
    LINEAR = "linear"
    """To one step."""
    SPLIT = "split"
    """To several steps at once."""
    FOREACH = "foreach"
    """To one step, once for each item of an artifact."""
    SWITCH = "switch"
    """To one of several steps, chosen by the value of an artifact."""

    @property
    def opens(self) -> bool:
        """True when a join must close what the transition opens."""
        return self in (TransitionKind.SPLIT, TransitionKind.FOREACH)


class ParameterType(Enum):
    """Types of parameters."""

    STRING = "string"
    """Text."""
    INT = "int"
    """A whole number of 64 bits."""
    FLOAT = "float"
    """A floating point number."""
    BOOL = "bool"
    """True or false."""
    JSON = "json"
    """A JSON document."""


@dataclass(frozen=True, slots=True)
class Location:
    """A line in a file that the user wrote."""

    file: str
    """Absolute path. Empty when the code came from a prompt."""
    line: int = 0
    """Line, counted from 1. 0 when unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a graph is refused."""

    code: str
    """Which rule is broken, such as `target-unknown`. For tools."""
    message: str
    """What is wrong: one sentence that names the step."""
    hint: str = ""
    """What to do about it: one sentence. Empty when the message says it."""
    step: str = ""
    """Name of the step. Empty when no one step is to blame."""
    locations: tuple[Location, ...] = ()
    """The places to look at, most telling first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decorator:
    """What a step or a flow has besides its code, as it is written. `policy` knows what it means."""

    name: str
    """Name."""
    arguments: str = ""
    """Its arguments by name, as a JSON object. Empty: none."""
    location: Location | None = None
    """Where it is written. None: on the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """Another file of the same graph."""

    file: str
    """Absolute path."""
    location: Location
    """Where the include is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """The code of a step."""

    language: str
    """Language that runs it: `python`, `r`, or that of a program. Empty in a fragment: the file is a program."""
    file: str
    """Absolute path of the file to load."""
    function: str = ""
    """A top-level function of the file. Empty: the step of this name that the file's own flow declares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchCase:
    """One choice of a switch."""

    key: bytes
    """Serialized manifest of the key, a scalar."""
    target: str
    """Name of the step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """How a step goes on, as its code declares it."""

    kind: TransitionKind
    """The form."""
    targets: tuple[str, ...] = ()
    """Names of the steps, in order. For a switch: the distinct targets of its cases."""
    foreach: str = ""
    """Name of the artifact whose items are spread, for a foreach."""
    condition: str = ""
    """Name of the artifact that chooses, for a switch."""
    cases: tuple[SwitchCase, ...] = ()
    """The choices of a switch."""
    location: Location | None = None
    """Where it is written. None: the step's own location says it best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSpec:
    """A step as its file declares it."""

    name: str
    """Name, unique in the graph."""
    location: Location
    """Where it is declared."""
    doc: str = ""
    """Documentation. Empty: none."""
    entry_point: EntryPoint
    """The code."""
    transition: Transition
    """How it goes on."""
    takes_inputs: bool = False
    """True when the step takes `inputs`: it is a join."""
    isolation: Isolation | None = None
    """Isolation of its tasks. None: the flow's choice."""
    on_loss: LossPolicy | None = None
    """What to do about losses in its tasks. None: the flow's choice."""
    is_start: bool = False
    """True when the step is marked as the first of the flow. A step named `start` need not be."""
    is_end: bool = False
    """True when the step is marked as the last of the flow. A step named `end` need not be."""
    decorators: tuple[Decorator, ...] = ()
    """Its decorators, in order."""
    code: str = ""
    """Digest of its code and of what this reaches in the flow's own files. Empty: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncludeFileSpec:
    """How the content of a file becomes a parameter's value."""

    is_text: bool
    """True: text. False: bytes."""
    encoding: str = ""
    """Encoding of the text. Empty: UTF-8."""
    default_file: str = ""
    """Absolute path of the file when no value is given. Empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueLoss:
    """A detail of a constant that does not come back as it was."""

    rule: str
    """Name of the rule."""
    path: str
    """Where it happened first, in the notation of the file's language."""
    message: str
    """What was changed, one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSpec:
    """A parameter of a flow."""

    name: str
    """Name of the command line option, without dashes."""
    variable: str
    """Name of the attribute under which steps read it."""
    type: ParameterType = ParameterType.STRING
    """Type of the value."""
    default: bytes | None = None
    """Serialized manifest of the default. None: there is no default, and the value is None."""
    required: bool = False
    """True when a run cannot start without a value."""
    help: str = ""
    """Help for people. Empty: none."""
    separator: str = ""
    """Where the text is split into a list of text. Empty: it is not."""
    hide_default: bool = False
    """True when help for people does not show the default."""
    has_function_default: bool = False
    """True when the default is a function, called once for a run that gives no value."""
    include_file: IncludeFileSpec | None = None
    """Set when the option takes a path: the value is the content of that file."""
    location: Location
    """Where it is declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSpec:
    """A config of a flow, with the value that it has in this load."""

    name: str
    """Name, as in `--config NAME FILE`."""
    variable: str
    """Name of the attribute under which steps read it."""
    manifest: bytes
    """Serialized manifest of the value."""
    text: str | None = None
    """The text that it came from. None: there was none."""
    help: str = ""
    """Help for people. Empty: none."""
    location: Location
    """Where it is declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantSpec:
    """A constant of a flow, which every step can read."""

    name: str
    """Name under which steps read it."""
    manifest: bytes
    """Serialized manifest of the value."""
    losses: tuple[ValueLoss, ...] = ()
    """What the value loses in being stored."""
    location: Location
    """Where it is declared."""


def variables(
    parameters: Iterable[ParameterSpec], constants: Iterable[ConstantSpec], configs: Iterable[ConfigSpec]
) -> frozenset[str]:
    """Lists the names under which steps read what a flow declares, and to which no step can assign."""
    return frozenset(
        (
            *(parameter.variable for parameter in parameters),
            *(constant.name for constant in constants),
            *(config.variable for config in configs),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """What one file says about a flow."""

    flow: str
    """Name of the flow. The same in all fragments of a graph."""
    language: str
    """Language of the file: `python` or `r`."""
    location: Location
    """Where the flow is declared."""
    doc: str = ""
    """The flow's documentation. Empty: none."""
    includes: tuple[Include, ...] = ()
    """Files that belong to the same graph."""
    steps: tuple[StepSpec, ...] = ()
    """Steps declared in this file, in order."""
    parameters: tuple[ParameterSpec, ...] = ()
    """Parameters declared in this file, in order."""
    constants: tuple[ConstantSpec, ...] = ()
    """Constants declared in this file, in order."""
    configs: tuple[ConfigSpec, ...] = ()
    """Configs declared in this file, in order."""
    decorators: tuple[Decorator, ...] = ()
    """Decorators of the flow, in order."""
    isolation: Isolation | None = None
    """Isolation of steps that do not choose their own. None: not said."""
    on_loss: LossPolicy | None = None
    """What to do about losses in steps that do not choose for themselves. None: not said."""
    problems: tuple[Problem, ...] = ()
    """What is wrong in this file, as far as its own language can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that a host has loaded, or could not."""

    language: str
    """Language of the host: `python`, `r`, or that of a program. Empty: a program that could not be loaded."""
    file: str
    """Absolute path of the file."""
    digest: str = ""
    """BLAKE3 digest of the file's bytes, as text. Empty: not known."""
    fragment: Fragment | None = None
    """What the file says about its flow. None: it declares none."""
    functions: frozenset[str] = frozenset()
    """Names of the file's top-level functions."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Digests of the code of these functions, as far as they are known, by name."""
    problem: Problem | None = None
    """Why the file could not be loaded. None: it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReference:
    """A file that a flow names and that a host has to load."""

    language: str
    """Language of the file: `python` or `r`. Empty: it is a program."""
    file: str
    """Absolute path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSplit:
    """A split that is open at a step: the step runs on one of its branches."""

    split: str
    """Name of the step that split."""
    kind: TransitionKind
    """SPLIT, or FOREACH."""
    position: int
    """Which branch of the split this is, counted from 0. Always 0 for a foreach: the task knows its item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphStep:
    """A step in its place in a checked graph."""

    spec: StepSpec
    """The step as its file declares it."""
    isolation: Isolation
    """Isolation of its tasks: its own, else its file's, else the flow's, else FORK."""
    policy: StepPolicy
    """What is done about its tasks, as its decorators say."""
    on_loss: LossPolicy
    """What to do about losses, unless the run says otherwise: what the step says, else the flow, else WARN."""
    sources: tuple[str, ...]
    """Names of the steps that lead to this one, in reading order. A switch that names itself is among them."""
    open_splits: tuple[OpenSplit, ...]
    """Splits open while a task of the step runs, outermost first. A join's own split is closed already."""
    closed_by: str | None
    """Name of the join that closes what this step's transition opens. None: it opens nothing."""
    closes: str | None
    """Name of the step whose split this join closes. None: the step is no join."""

    @property
    def name(self) -> str:
        """Name of the step."""
        return self.spec.name

    @property
    def transition(self) -> Transition:
        """How the step goes on."""
        return self.spec.transition

    @property
    def is_join(self) -> bool:
        """True when the step takes `inputs`."""
        return self.spec.takes_inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFile:
    """A file that is part of a graph."""

    language: str
    """Language of the file."""
    file: str
    """Absolute path."""
    digest: str
    """BLAKE3 digest of its bytes, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The graph of a flow: its fragments merged and checked."""

    flow: str
    """Name of the flow."""
    doc: str
    """The flow's documentation. Empty: none."""
    steps: tuple[GraphStep, ...]
    """All steps, in an order in which a person would read them: from the start along the transitions."""
    parameters: tuple[ParameterSpec, ...]
    """All parameters, in order of declaration."""
    constants: tuple[ConstantSpec, ...]
    """All constants, in order of declaration."""
    configs: tuple[ConfigSpec, ...]
    """All configs, in order of declaration."""
    decorators: tuple[Decorator, ...]
    """Decorators of the flow, in order."""
    project: Project | None
    """The project to which the flow belongs. None: to none."""
    start: str
    """Name of the first step."""
    end: str
    """Name of the last step. The same as `start` in a flow of one step."""
    files: tuple[LoadedFile, ...]
    """The files that were loaded, the one that was asked for first."""
    on_loss: LossPolicy
    """What the flow says about losses, WARN when it says nothing."""
    _by_name: Mapping[str, GraphStep] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the steps by name."""
        object.__setattr__(self, "_by_name", {step.name: step for step in self.steps})

    def step(self, name: str) -> GraphStep:
        """Finds a step.

        Args:
            name: Name of the step.

        Returns:
            The step.

        Raises:
            KeyError: When the graph has no step of this name.
        """
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        """True when the graph has a step of this name."""
        return name in self._by_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """What merging and checking the files of a flow came to."""

    graph: Graph | None
    """The graph. None when there are problems."""
    problems: tuple[Problem, ...]
    """Why the graph is refused, the causes before what follows from them. Empty: it is not."""
