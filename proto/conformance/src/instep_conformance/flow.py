"""The conformance flow: the steps that each language implements for its worker, in one file.

Each is a top-level function that takes `self`, and `inputs` in a join. A task names it in `entry_point.function`; the
file declares no flow. The names below are the contract, and the words of `Step.does` what the function does. Files for
Python and R are in proto/conformance/workers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """A function of the conformance flow."""

    name: str
    """Its name."""
    reads: str
    """The artifacts that it reads, with their types."""
    does: str
    """What it does and assigns."""


STEPS = (
    Step("nothing", "", "Returns."),
    Step("echo", "`value`: anything", "Assigns `copy`: what it read."),
    Step("add", "`a`, `b`: numbers", "Assigns `total`: their sum."),
    Step(
        "tell",
        "",
        "Assigns `told`: a list of five texts, which are the names of flow and step, the ids of run and task, and the"
        " number of the attempt.",
    ),
    Step("big", "`count`: a number", "Assigns `numbers`: a vector of `count` doubles, 0, 1, 2 and so on."),
    Step("total", "`numbers`: a vector of doubles", "Assigns `total`: their sum."),
    Step(
        "fail",
        "`message`: text; `times`: a number",
        "Assigns `before`: 1. Then raises an error whose message is `message`, `times` times over.",
    ),
    Step(
        "fail_deep",
        "`depth`: a number",
        "Raises the error `level 0`, which was caused by the error `level 1`, and so on down to `level <depth>`, each"
        " in the way of the language.",
    ),
    Step(
        "write",
        "`text`, `error`: text; `times`: a number",
        "Writes `text` to standard output and `error` to standard error, `times` times over, without line ends of its"
        " own.",
    ),
    Step(
        "wait",
        "`until`: text",
        "Writes the line `waiting` to standard output, waits until there is a file at the path `until`, in a way that a"
        " cancel interrupts, writes the line `woke`, and assigns `done`: true.",
    ),
    Step("split", "", "Assigns `items`: the integers 10, 20 and 30. The task's transition spreads them."),
    Step("item", "", "Assigns `seen`: the item of the innermost open foreach."),
    Step("choose", "`value`: text", "Assigns `way`: what it read. The task's transition chooses by it."),
    Step(
        "join",
        "of each input `x`: a number",
        "Takes `self` and `inputs`. Assigns `total`: the sum over the inputs.",
    ),
    Step("overwrite", "", "Assigns `value`: 2. When that is a parameter, the assignment raises an error."),
    Step(
        "environment",
        "",
        "Assigns `seen`: one text with all variables of the environment and the arguments of the process.",
    ),
    Step("quit", "", "Ends the process with exit code 3, as user code can in the language."),
)
"""The functions, in an order in which they can be written."""

FLOW = "Conformance"
"""Name of the flow."""
