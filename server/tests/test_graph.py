"""The rules of a graph, one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from graph_builder import MAIN, check, parameter, problem, source, step, steps, transition, valid
from instep_server.core.graph import assemble
from instep_server.core.graph_types import (
    Isolation,
    Location,
    LossPolicy,
    OpenSplit,
    Problem,
    Source,
    SwitchCase,
    Transition,
    TransitionKind,
)

NESTED = {
    "start": "a b",
    "a": "*one",
    "one": "one_more",
    "one_more": "one_done",
    "one_done!": "j",
    "b": "j",
    "j!": "end",
    "end": "",
}

VALID = {
    "a line": {"start": "a", "a": "end", "end": ""},
    "a single step": {"only": ""},
    "a split": {"start": "a b", "a": "j", "b": "j", "j!": "end", "end": ""},
    "a foreach": {"start": "*a", "a": "j", "j!": "end", "end": ""},
    "a foreach in a branch": NESTED,
    "a split in a foreach": {
        "start": "*a",
        "a": "b c",
        "b": "k",
        "c": "k",
        "k!": "j",
        "j!": "end",
        "end": "",
    },
    "a foreach in a foreach": {"start": "*a", "a": "*b", "b": "k", "k!": "j", "j!": "end", "end": ""},
    "two splits in a row": {
        "start": "a b",
        "a": "j",
        "b": "j",
        "j!": "m",
        "m": "c d",
        "c": "k",
        "d": "k",
        "k!": "end",
        "end": "",
    },
    "a switch": {"start": "?a b", "a": "end", "b": "end", "end": ""},
    "a switch in a branch": {
        "start": "s c",
        "s": "?a b",
        "a": "j",
        "b": "j",
        "c": "j",
        "j!": "end",
        "end": "",
    },
    "a switch in a foreach": {"start": "*s", "s": "?a b", "a": "j", "b": "j", "j!": "end", "end": ""},
    "a switch that leads into a split": {
        "start": "?s b",
        "s": "c d",
        "c": "j",
        "d": "j",
        "j!": "b",
        "b": "end",
        "end": "",
    },
    "a switch that names itself": {"start": "a", "a": "?a b", "b": "end", "end": ""},
    "a recursion in a foreach": {"start": "*a", "a": "?a b", "b": "j", "j!": "end", "end": ""},
    "a switch between switches": {
        "start": "?a b",
        "a": "?c d",
        "b": "d",
        "c": "end",
        "d": "end",
        "end": "",
    },
}

# Kind of bad graph: the flow, the problem's code, step and line, and what its message says.
INVALID = {
    "no start": ({"a": "end", "end": ""}, "start-missing", "", 1, "Flow 'Pricing' has no start step."),
    "no end": ({"start": "a", "a": ""}, "end-missing", "", 20, "Flow 'Pricing' has no end step."),
    "a transition is missing": (
        {"start": "a", "a": "", "end": ""},
        "transition-missing",
        "a",
        20,
        "Step 'a' does not say which step comes next.",
    ),
    "a target is unknown": (
        {"start": "compar", "compare": "end", "end": ""},
        "target-unknown",
        "start",
        10,
        "Step 'start' leads to 'compar', which is no step.",
    ),
    "start is a target": (
        {"start": "a", "a": "start", "end": ""},
        "start-is-target",
        "a",
        20,
        "Step 'a' leads to the start step 'start'.",
    ),
    "end has a transition": (
        {"start": "a", "a": "end", "end": "a"},
        "end-has-transition",
        "end",
        30,
        "The end step 'end' leads to 'a'.",
    ),
    "end takes inputs": (
        {"start": "a b", "a": "end", "b": "end", "end!": ""},
        "end-is-join",
        "end",
        40,
        "The end step 'end' takes inputs, as only a join does.",
    ),
    "a loop": (
        {"start": "a", "a": "b", "b": "c", "c": "a", "end": ""},
        "loop",
        "c",
        40,
        "The steps make a loop: a->b->c->a.",
    ),
    "a step that names itself without a switch": (
        {"start": "a", "a": "a", "end": ""},
        "loop",
        "a",
        20,
        "The steps make a loop: a->a.",
    ),
    "a switch that leads back": (
        {"start": "a", "a": "b", "b": "?a end", "end": ""},
        "loop",
        "b",
        30,
        "The steps make a loop: a->b->a.",
    ),
    "a step out of reach": (
        {"start": "end", "a": "end", "end": ""},
        "step-unreachable",
        "a",
        20,
        "Step 'a' cannot be reached from 'start'.",
    ),
    "a split is open at the end": (
        {"start": "a b", "a": "end", "b": "end", "end": ""},
        "split-not-joined",
        "end",
        40,
        "The split in 'start' is not joined when 'a' and 'b' lead to 'end'.",
    ),
    "a foreach is open at the end": (
        {"start": "*a", "a": "end", "end": ""},
        "split-not-joined",
        "end",
        30,
        "The split in 'start' is not joined when 'a' leads to 'end'.",
    ),
    "branches meet in a plain step": (
        {"start": "a b", "a": "c", "b": "c", "c": "end", "end": ""},
        "split-not-joined",
        "c",
        40,
        "The split in 'start' is not joined when 'a' and 'b' lead to 'c'.",
    ),
    "an inner branch meets an outer one": (
        {"start": "a b", "a": "*w", "w": "c", "b": "c", "c": "end", "end": ""},
        "split-not-joined",
        "c",
        50,
        "The splits in 'start' and 'a' are not joined when 'w' and 'b' lead to 'c'.",
    ),
    "a join without a split": (
        {"start": "j", "j!": "end", "end": ""},
        "join-without-split",
        "j",
        20,
        "Step 'j' takes inputs, but there is no split before it that it could join.",
    ),
    "start takes inputs": (
        {"start!": "end", "end": ""},
        "join-without-split",
        "start",
        10,
        "Step 'start' takes inputs, but there is no split before it that it could join.",
    ),
    "the paths of a switch meet in a join": (
        {"start": "?a b", "a": "j", "b": "j", "j!": "end", "end": ""},
        "join-without-split",
        "j",
        40,
        "Step 'j' takes inputs, but there is no split before it that it could join.",
    ),
    "a join that a branch does not reach": (
        {"start": "a b c", "a": "j", "b": "j", "c": "k", "j!": "k", "k!": "end", "end": ""},
        "join-incomplete",
        "j",
        50,
        "The join 'j' is reached by 'a' and 'b', but not by the branch 'c' of the split in 'start'.",
    ),
    "a join fed by two splits": (
        {"start": "a b", "a": "*w", "w": "j", "b": "j", "j!": "end", "end": ""},
        "join-mixed",
        "j",
        50,
        "The join 'j' is fed by 'w' (from the split in 'a') and 'b' (from the split in 'start'), but a join "
        "takes the branches of one split.",
    ),
    "a join fed from a branch and from outside": (
        {"start": "?x y", "x": "a b", "a": "j", "b": "j", "y": "j", "j!": "end", "end": ""},
        "join-mixed",
        "j",
        60,
        "The join 'j' is fed by 'a' (from the split in 'x') and 'b' (from the split in 'x') and 'y' (from no "
        "split), but a join takes the branches of one split.",
    ),
    "a split joined twice": (
        {
            "start": "s t",
            "s": "?a b",
            "t": "?c d",
            "a": "j",
            "b": "k",
            "c": "j",
            "d": "k",
            "j!": "end",
            "k!": "end",
            "end": "",
        },
        "split-joined-twice",
        "k",
        90,
        "The split in 'start' is joined by 'j' and by 'k'.",
    ),
    "a target named twice": (
        {"start": "a a", "a": "end", "end": ""},
        "target-doubled",
        "start",
        10,
        "Step 'start' names 'a' more than once in one split.",
    ),
    "a join that splits": (
        {"start": "a b", "a": "j", "b": "j", "j!": "*c", "c": "k", "k!": "end", "end": ""},
        "join-splits",
        "j",
        40,
        "The join 'j' also opens a foreach.",
    ),
    "a foreach without a body": (
        {"start": "*j", "j!": "end", "end": ""},
        "foreach-into-join",
        "start",
        10,
        "The foreach in 'start' leads straight to the join 'j', so it has no body.",
    ),
    "a branch without a step": (
        {"start": "a j", "a": "j", "j!": "end", "end": ""},
        "split-into-join",
        "start",
        10,
        "The split in 'start' leads straight to the join 'j', so that branch has no step.",
    ),
    "a switch straight into a join": (
        {"start": "s b", "s": "?a j", "a": "j", "b": "j", "j!": "end", "end": ""},
        "switch-into-join",
        "s",
        20,
        "The switch in 's' leads straight to the join 'j'.",
    ),
    "a switch with one target": (
        {"start": "?a a", "a": "end", "end": ""},
        "switch-targets",
        "start",
        10,
        "The switch in 'start' has only one target, 'a'.",
    ),
    "a name with a capital letter": (
        {"start": "Fit", "Fit": "end", "end": ""},
        "step-name",
        "Fit",
        20,
        "Step 'Fit' has a name that is not allowed.",
    ),
    "a name that begins with _": (
        {"start": "_a", "_a": "end", "end": ""},
        "step-name",
        "_a",
        20,
        "Step '_a' has a name that is not allowed.",
    ),
    "a reserved name": (
        {"start": "input", "input": "end", "end": ""},
        "step-reserved",
        "input",
        20,
        "Step 'input' has a reserved name.",
    ),
}


@pytest.mark.parametrize("flow", VALID.values(), ids=VALID.keys())
def test_assemble_valid_graph_passes(flow: dict[str, str]) -> None:
    graph = valid(flow)
    assert {one.name for one in graph.steps} == {name.rstrip("!") for name in flow}


@pytest.mark.parametrize(("flow", "code", "name", "line", "message"), INVALID.values(), ids=INVALID.keys())
def test_assemble_invalid_graph_tells_why(
    flow: dict[str, str], code: str, name: str, line: int, message: str
) -> None:
    found = problem(check(flow))
    assert (found.code, found.step, found.message) == (code, name, message)
    assert found.locations[0] == Location(MAIN, line)
    assert found.hint.endswith((".", "?"))


def test_assemble_problems_of_several_steps_are_all_told() -> None:
    codes = [one.code for one in check({"start": "x", "b": "y", "Bad": "end", "end": ""}).problems]
    assert codes == ["target-unknown", "target-unknown", "step-name"]


def test_assemble_wrong_names_do_not_hide_problems_of_the_shape() -> None:
    codes = [one.code for one in check({"start": "A b", "A": "end", "b": "end", "end": ""}).problems]
    assert codes == ["step-name", "split-not-joined"]


def test_assemble_first_mistake_hides_what_follows_from_it() -> None:
    flow = {"start": "a b c", "a": "j", "b": "j", "c": "k", "j!": "k", "k!": "m", "m!": "end", "end": ""}
    assert [one.code for one in check(flow).problems] == ["join-incomplete"]


def test_assemble_unknown_target_suggests_close_names() -> None:
    found = problem(check({"start": "compar", "compare": "end", "end": ""}))
    assert found.hint == "Did you mean 'compare'?"


def test_assemble_unknown_target_without_close_name_lists_steps() -> None:
    found = problem(check({"start": "zzz", "end": ""}))
    assert found.hint == "The steps of the flow are 'start' and 'end'."


def test_assemble_missing_end_names_the_step_without_transition() -> None:
    found = problem(check({"start": "finish", "finish": ""}))
    assert found.hint == ("Name its last step 'end', or mark it with @step(end=True); 'finish' could be it.")


def test_assemble_marked_ends_replace_names() -> None:
    flow = [step("begin", "work", is_start=True), step("work", "done"), step("done", is_end=True)]
    graph = valid(flow)
    assert (graph.start, graph.end) == ("begin", "done")


def test_assemble_single_step_is_start_and_end() -> None:
    graph = valid({"only": ""})
    assert (graph.start, graph.end) == ("only", "only")


@pytest.mark.parametrize("word", ["start", "end"])
def test_assemble_marked_end_beside_named_one_tells_both(word: str) -> None:
    mark: dict[str, Any] = {f"is_{word}": True}
    marked = step("other", "end" if word == "start" else "", line=7, **mark)
    found = problem(check([*steps({"start": "end", "end": ""}), marked]))
    assert found.code == f"{word}-doubled"
    assert found.message == f"Steps 'other' and '{word}' compete to be the {word} of the flow."
    assert len(found.locations) == 2


def test_assemble_two_marked_starts_compete() -> None:
    flow = [step("a", "end", is_start=True), step("b", "end", is_start=True), step("end")]
    assert problem(check(flow)).message == "Steps 'a' and 'b' compete to be the start of the flow."


def test_assemble_step_marked_and_named_start_does_not_compete() -> None:
    assert valid([step("start", "end", is_start=True), step("end", is_end=True)]).start == "start"


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        (
            Transition(kind=TransitionKind.FOREACH, targets=("a", "b"), foreach="x"),
            "foreach-form",
            "2 targets",
        ),
        (Transition(kind=TransitionKind.FOREACH, targets=("a",)), "foreach-form", "not name an artifact"),
        (Transition(kind=TransitionKind.LINEAR, targets=("a", "b")), "transition-form", "2 steps at once"),
        (Transition(kind=TransitionKind.SPLIT, targets=("a",)), "transition-form", "1 targets"),
        (replace(transition("?a b"), condition=""), "switch-condition", "no condition"),
        (Transition(kind=TransitionKind.SWITCH, condition="x"), "switch-cases", "no cases"),
        (
            replace(
                transition("?a b"), cases=(SwitchCase(key=b"k", target="a"), SwitchCase(key=b"k", target="b"))
            ),
            "switch-keys",
            "two cases with the same key",
        ),
    ],
)
def test_assemble_transition_of_no_known_form_is_refused(
    changed: Transition, code: str, message: str
) -> None:
    flow = [step("start", transition=changed), step("a", "end"), step("b", "end"), step("end")]
    found = problem(check(flow))
    assert found.code == code
    assert message in found.message


def test_assemble_location_of_transition_is_more_telling_than_that_of_the_step() -> None:
    written = Location(MAIN, 14)
    flow = [step("start", transition=replace(transition("x"), location=written)), step("end")]
    assert problem(check(flow)).locations == (written,)


def test_assemble_unreadable_transition_is_told_by_its_language_only() -> None:
    told = Problem(code="transition-not-last", message="Step 'start' ...", step="start")
    flow = [step("start", transition=Transition(kind=TransitionKind.UNKNOWN)), step("end")]
    assert problem(assemble(source(flow, problems=(told,)), ())) == told


def test_assemble_unreadable_transition_without_reason_is_missing() -> None:
    flow = [step("start", transition=Transition(kind=TransitionKind.UNKNOWN)), step("end")]
    assert problem(check(flow)).code == "transition-missing"


def test_assemble_hint_speaks_the_language_of_the_step() -> None:
    flow = steps({"start": "a", "a": "", "end": ""}, file="/flows/pricing.R")
    found = problem(assemble(source(flow, file="/flows/pricing.R"), ()))
    assert found.hint == "Give it a next_step; only the end step 'end' has none."


def test_assemble_file_without_flow_is_refused() -> None:
    found = problem(assemble(Source(language="r", file="/flows/a.R"), ()))
    assert (found.code, found.locations) == ("flow-missing", (Location("/flows/a.R"),))


def test_assemble_flow_without_steps_is_refused() -> None:
    assert problem(check({})).message == "Flow 'Pricing' has no steps."


def test_assemble_main_file_that_cannot_be_loaded_passes_its_problem_on() -> None:
    told = Problem(code="load-failed", message="NameError: name 'x' is not defined.")
    assert assemble(Source(language="python", file=MAIN, problem=told), ()).problems == (told,)


def test_graph_steps_are_ordered_for_reading() -> None:
    graph = valid(NESTED)
    assert [one.name for one in graph.steps] == [
        "start",
        "a",
        "one",
        "one_more",
        "one_done",
        "b",
        "j",
        "end",
    ]


def test_graph_step_tells_what_the_scheduler_needs() -> None:
    graph = valid(NESTED)
    outer = OpenSplit(split="start", kind=TransitionKind.SPLIT, position=0)
    inner = OpenSplit(split="a", kind=TransitionKind.FOREACH, position=0)
    assert graph.step("one_more").open_splits == (outer, inner)
    assert graph.step("one_done").open_splits == (outer,)
    assert graph.step("b").open_splits == (replace(outer, position=1),)
    assert graph.step("j").open_splits == ()
    assert (graph.step("a").closed_by, graph.step("one_done").closes) == ("one_done", "a")
    assert (graph.step("start").closed_by, graph.step("j").closes) == ("j", "start")
    assert graph.step("j").sources == ("one_done", "b")
    assert "j" in graph
    assert "k" not in graph


def test_graph_isolation_is_that_of_the_step_else_the_flow_else_fork() -> None:
    own = step("start", "end", isolation=Isolation.SPAWN)
    flow = assemble(source([own, step("end")], isolation=Isolation.REUSE), ()).graph
    assert flow is not None
    assert [one.isolation for one in flow.steps] == [Isolation.SPAWN, Isolation.REUSE]
    assert valid({"only": ""}).step("only").isolation is Isolation.FORK


def test_graph_on_loss_is_that_of_the_step_else_the_flow_else_warn() -> None:
    own = step("start", "end", on_loss=LossPolicy.IGNORE)
    flow = assemble(source([own, step("end")], on_loss=LossPolicy.ERROR), ()).graph
    assert flow is not None
    assert [one.on_loss for one in flow.steps] == [LossPolicy.IGNORE, LossPolicy.ERROR]
    assert valid({"only": ""}).step("only").on_loss is LossPolicy.WARN


def test_graph_keeps_parameters_and_documentation() -> None:
    main = source({"only": ""}, doc="Prices.", parameters=(parameter("folds"),))
    graph = assemble(main, ()).graph
    assert graph is not None
    assert (graph.doc, [one.name for one in graph.parameters]) == ("Prices.", ["folds"])


def test_assemble_long_flow_does_not_recurse() -> None:
    names = ["start", *(f"s{number}" for number in range(3000)), "end"]
    flow = dict(zip(names, [*names[1:], ""], strict=True))
    assert len(valid(flow).steps) == len(names)
