"""What a graph is, and what its steps do.

Every step does, in this order, what its fields say:

1. A recursive switch counts its rounds in `round_STEP`.
2. It tells where it is: `key` (`STEP@INDICES#ROUND`), `at` (all open foreach levels), `trace` (all steps on the way).
   It computes `n` from the `n` before, its number, the parameter `p`, index and item; a join from all inputs' `n`.
3. Variables in `sets` are assigned.
4. A join tells the `n` of the inputs it finds `by_name`, then merges. What goes wrong is told in `problem`.
5. `box`, a dictionary, is changed in place, or made.
6. It tells whether there is a variable that it `looks_for`.
7. It makes what its transition needs: `items_STEP` for a foreach, `go_STEP` for a switch.
8. It fails or dies in its first attempts, or raises an error that is caught.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["python", "r"]
Kind = Literal["linear", "split", "foreach", "switch", "recursion", "join", "end"]
Key = str | int | bool

PRIME = 9973
ITEMS = 7
"""Items of a foreach are smaller."""
DEFAULT_P = 5


@dataclass(frozen=True, slots=True)
class Merge:
    """A call of merge_artifacts()."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A step. What its fields mean is told above."""

    name: str
    language: Language
    kind: Kind
    number: int
    targets: tuple[str, ...]
    cases: tuple[Key, ...] = ()
    """Of a switch: the value for each target."""
    most: int = 0
    """Of a foreach: the largest number of items. Of a recursion: of rounds."""
    sets: tuple[tuple[str, int], ...] = ()
    """Names and moduli: small ones make branches agree now and then."""
    by_name: tuple[str, ...] = ()
    """Of a join after a split: the last step of each branch. Empty: inputs are not asked for by name."""
    merge: Merge | None = None
    changes_box: bool = False
    looks_for: str = ""
    fails: int = 0
    """How many attempts fail before one succeeds."""
    dies: bool = False
    """The first attempt kills its own process."""
    catches: bool = False
    """It has @catch, and raises an error when `n` is odd."""

    @property
    def retries(self) -> int:
        """The argument of @retry."""
        return max(self.fails, int(self.dies))


@dataclass(frozen=True, slots=True)
class Graph:
    """A flow."""

    seed: int
    main: Language
    """The language of the file that is run."""
    p: int | None
    """The parameter. None: it is not given."""
    steps: dict[str, Step]

    @property
    def name(self) -> str:
        """Name of the flow."""
        return f"G{self.seed}"

    @property
    def languages(self) -> set[Language]:
        """Languages that it needs a file of."""
        return {self.main} | {step.language for step in self.steps.values()}

    def file(self, language: Language) -> str:
        """Name of its file in a language."""
        return f"graph{self.seed}.{'py' if language == 'python' else 'R'}"

    def included(self, language: Language) -> list[str]:
        """Files that its file in a language includes."""
        return [self.file(other) for other in sorted(self.languages) if other != language]

    def of(self, language: Language) -> list[Step]:
        """Its steps in a language."""
        return [step for step in self.steps.values() if step.language == language]
