"""Several files that make one graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from graph_builder import MAIN, OTHER, constant, parameter, problem, source, step
from instep_server.core.graph import assemble, missing_files
from instep_server.core.graph_types import (
    Assembled,
    EntryPoint,
    FileReference,
    Isolation,
    Location,
    LossPolicy,
    Problem,
    Source,
)

BROKEN = Problem(code="load-failed", message="The file 'pricing.R' cannot be loaded: object 'x' not found.")


def mixed(**changes: Any) -> tuple[Source, Source]:
    main = source({"start": "fit", "compare": "end", "end": ""}, includes=[OTHER])
    return main, source({"fit": "compare"}, file=OTHER, **changes)


def referring(function: str, functions: frozenset[str], **changes: object) -> Assembled:
    """A flow with a step that runs a function of an R file."""
    entry = EntryPoint(language="r", file="/flows/models.R", function=function)
    main = source([step("start", "fit"), step("fit", "end", line=5, entry_point=entry), step("end")])
    models = Source(language="r", file="/flows/models.R", functions=functions, **changes)  # type: ignore[arg-type]
    return assemble(main, [models])


def test_assemble_two_files_make_one_graph() -> None:
    main, other = mixed()
    graph = assemble(main, [other]).graph
    assert graph is not None
    assert [one.name for one in graph.steps] == ["start", "fit", "compare", "end"]
    assert [file.file for file in graph.files] == [MAIN, OTHER]
    assert graph.step("fit").spec.entry_point.language == "r"


def test_assemble_code_of_a_function_is_what_its_host_says() -> None:
    graph = referring("fit", frozenset({"fit"}), codes={"fit": "r:1"}).graph
    assert graph is not None
    assert graph.step("fit").spec.code == "r:1"
    unknown = referring("fit", frozenset({"fit"})).graph
    assert unknown is not None
    assert unknown.step("fit").spec.code == ""


def test_assemble_isolation_of_a_file_holds_for_its_steps() -> None:
    main, other = mixed(isolation=Isolation.SPAWN)
    graph = assemble(main, [other]).graph
    assert graph is not None
    assert graph.step("fit").isolation is Isolation.SPAWN
    assert graph.step("compare").isolation is Isolation.FORK


def test_assemble_documentation_is_that_of_the_first_file_that_has_any() -> None:
    main, other = mixed(doc="From the other.")
    graph = assemble(main, [other]).graph
    assert graph is not None
    assert graph.doc == "From the other."


@pytest.mark.parametrize("main_says", [None, LossPolicy.ERROR])
def test_assemble_on_loss_of_one_file_holds_for_the_flow(main_says: LossPolicy | None) -> None:
    main, other = mixed(on_loss=LossPolicy.ERROR)
    assert main.fragment is not None
    main = replace(main, fragment=replace(main.fragment, on_loss=main_says))
    graph = assemble(main, [other]).graph
    assert graph is not None
    assert {one.on_loss for one in graph.steps} == {LossPolicy.ERROR}


def test_assemble_files_that_differ_on_losses_are_refused() -> None:
    main = source({"start": "fit", "end": ""}, includes=[OTHER], on_loss=LossPolicy.WARN)
    other = source({"fit": "end"}, file=OTHER, on_loss=LossPolicy.IGNORE)
    found = problem(assemble(main, [other]))
    assert found.code == "on-loss-differs"
    assert found.message == "on_loss is 'warn' in 'pricing.py' but 'ignore' in 'pricing.R'."
    assert found.locations == (Location(OTHER, 1), Location(MAIN, 1))


def test_assemble_mutual_includes_are_merged_once() -> None:
    main = source({"start": "fit", "end": ""}, includes=[OTHER, OTHER, MAIN])
    other = source({"fit": "end"}, file=OTHER, includes=[MAIN])
    assembled = assemble(main, [other])
    assert assembled.problems == ()


def test_assemble_include_of_an_include_belongs_to_the_graph() -> None:
    third = "/flows/more.py"
    main = source({"start": "fit", "end": ""}, includes=[OTHER])
    other = source({"fit": "more"}, file=OTHER, includes=[third])
    assert assemble(main, [other, source({"more": "end"}, file=third)]).problems == ()


def test_missing_files_follow_includes_and_functions() -> None:
    entry = EntryPoint(language="r", file="/flows/models.R", function="fit")
    main = source([step("start", "fit"), step("fit", "end", entry_point=entry)], includes=[OTHER])
    models = FileReference(language="r", file="/flows/models.R")
    assert missing_files(main, ()) == (FileReference(language="r", file=OTHER), models)
    other = source({"end": ""}, file=OTHER, includes=["/flows/more.py", MAIN])
    assert missing_files(main, [other]) == (
        models,
        FileReference(language="python", file="/flows/more.py"),
    )


def test_assemble_without_a_named_file_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="not loaded"):
        assemble(mixed()[0], ())


def test_assemble_step_of_two_files_tells_both_places() -> None:
    main, other = mixed()
    other = source({"fit": "compare", "compare": "end"}, file=OTHER)
    found = problem(assemble(main, [other]))
    assert (found.code, found.step) == ("step-doubled", "compare")
    assert found.message == "Step 'compare' is defined twice."
    assert found.locations == (Location(MAIN, 20), Location(OTHER, 20))


def test_assemble_flow_names_differ_tells_both() -> None:
    main, other = mixed(flow="Prices")
    found = problem(assemble(main, [other]))
    assert found.message == "The flow is named 'Pricing' in 'pricing.py' but 'Prices' in 'pricing.R'."
    assert found.locations == (Location(OTHER, 1), Location(MAIN, 1))


def test_assemble_broken_include_is_the_only_problem() -> None:
    main, _ = mixed()
    found = problem(assemble(main, [Source(language="r", file=OTHER, problem=BROKEN)]))
    assert (found.code, found.message) == (BROKEN.code, BROKEN.message)
    assert found.locations == (Location(MAIN, 4),)


def test_assemble_include_without_flow_is_refused() -> None:
    main, _ = mixed()
    found = problem(assemble(main, [Source(language="r", file=OTHER)]))
    assert found.message == "The included file 'pricing.R' declares no flow."
    assert 'flow("Pricing")' in found.hint


def test_assemble_include_of_another_language_is_refused() -> None:
    main = source({"start": "fit", "end": ""}, includes=["/flows/pricing.jl"])
    assert missing_files(main, ()) == ()
    assert problem(assemble(main, ())).code == "include-language"


def test_assemble_function_that_exists_passes() -> None:
    assert referring("fit", frozenset({"fit"})).problems == ()


def test_assemble_unknown_function_suggests_names() -> None:
    found = problem(referring("fitt", frozenset({"fit", "load"})))
    assert found.message == "Step 'fit' runs the function 'fitt', which the file 'models.R' does not define."
    assert found.hint == "Did you mean 'fit'?"
    assert found.locations == (Location(MAIN, 5), Location("/flows/models.R"))


def test_assemble_unknown_function_lists_what_there_is() -> None:
    assert problem(referring("x", frozenset())).hint == "There are no functions of 'models.R'."
    many = frozenset(f"f{number:02}" for number in range(20))
    assert problem(referring("x", many)).hint.endswith("'f10' and 9 more.")


def test_assemble_unknown_function_does_not_hide_problems_of_steps() -> None:
    entry = EntryPoint(language="r", file="/flows/models.R", function="x")
    main = source([step("start", "fit"), step("fit", "ned", entry_point=entry), step("end")])
    models = Source(language="r", file="/flows/models.R")
    codes = [one.code for one in assemble(main, [models]).problems]
    assert codes == ["function-unknown", "target-unknown"]


def test_assemble_broken_function_file_is_told_once() -> None:
    assert problem(referring("fit", frozenset(), problem=BROKEN)).locations == (Location(MAIN, 5),)


def test_assemble_flow_of_a_function_file_is_not_merged() -> None:
    other = source({"start": "end", "end": ""}, file="/flows/models.R")
    assert referring("fit", frozenset({"fit"}), fragment=other.fragment).problems == ()


@pytest.mark.parametrize(
    ("names", "code", "message"),
    [
        (["folds", "folds"], "parameter-doubled", "Parameter 'folds' is declared twice."),
        (
            ["n-folds", "N_folds"],
            "parameter-doubled",
            "Parameters 'n-folds' and 'N_folds' have the same name but for case and dashes.",
        ),
        (
            ["on_loss"],
            "parameter-reserved",
            "Parameter 'on_loss' has the name of an option of the run command.",
        ),
        (["tag"], "parameter-reserved", "Parameter 'tag' has the name of an option of the run command."),
        (
            ["Max_Workers"],
            "parameter-reserved",
            "Parameter 'Max_Workers' has the name of an option of the run command.",
        ),
        (["a b"], "parameter-name", "Parameter 'a b' has a name that cannot be an option."),
    ],
)
def test_assemble_bad_parameter_names_are_refused(names: list[str], code: str, message: str) -> None:
    parameters = tuple(parameter(name, line=line) for line, name in enumerate(names, start=2))
    found = problem(assemble(source({"only": ""}, parameters=parameters), ()))
    assert (found.code, found.message) == (code, message)
    assert [place.line for place in found.locations] == list(range(2, 2 + len(names)))


def test_assemble_parameter_of_two_files_is_refused_once() -> None:
    main, other = mixed(parameters=(parameter("folds", file=OTHER),))
    main = source(
        {"start": "fit", "compare": "end", "end": ""}, includes=[OTHER], parameters=(parameter("folds"),)
    )
    found = problem(assemble(main, [other]))
    assert found.code == "parameter-doubled"
    assert found.locations == (Location(MAIN, 2), Location(OTHER, 2))


@pytest.mark.parametrize("name", ["index", "input", "next", "foreach_stack", "merge_artifacts"])
def test_assemble_variable_that_self_needs_is_refused(name: str) -> None:
    main = source({"only": ""}, constants=(constant(name),))
    assert problem(assemble(main, ())).message == f"Constant '{name}' has a name that self needs for itself."
    main = source({"only": ""}, parameters=(parameter("other", variable=name),))
    assert problem(assemble(main, ())).code == "variable-reserved"


def test_assemble_variable_of_two_things_is_refused() -> None:
    main = source(
        {"only": ""}, constants=(constant("n"),), parameters=(parameter("count", variable="n", line=9),)
    )
    found = problem(assemble(main, ()))
    assert found.message == "The variable 'n' is declared twice, as a parameter and as a constant."
    assert [place.line for place in found.locations] == [9, 3]


def test_assemble_bad_parameter_does_not_hide_problems_of_steps() -> None:
    main = source({"start": "a b", "a": "end", "b": "end", "end": ""}, parameters=(parameter("tag"),))
    codes = [one.code for one in assemble(main, ()).problems]
    assert codes == ["parameter-reserved", "split-not-joined"]
