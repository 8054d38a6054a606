"""The tree of errors, and what verdicts of a server become."""

import pickle

import pytest
from instep import errors
from instep.errors import REASONS, InstepError, InstepInternalError, RunUnknownError, StepUnknownError
from instep_proto.v1 import error_pb2


def _classes(root: type[InstepError]) -> list[type[InstepError]]:
    return [root, *(found for child in root.__subclasses__() for found in _classes(child))]


def test_every_reason_of_the_protocol_has_its_class() -> None:
    known = {name.removeprefix("ERROR_REASON_") for name in error_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118 - an enum wrapper, no dict
    assert set(REASONS) == known


def test_class_names_are_made_of_reasons() -> None:
    names = {reason: cls.__name__ for reason, cls in REASONS.items() if cls is not InstepInternalError}
    assert names == {
        reason: "".join(word.capitalize() for word in reason.split("_")) + "Error" for reason in names
    }


def test_every_class_is_in_a_branch_and_in_the_tree_of_the_docstring() -> None:
    branches = (
        errors.UsageError,
        errors.StepFailedError,
        errors.SystemFailedError,
        errors.InstepInternalError,
    )
    for cls in _classes(InstepError)[1:]:
        assert issubclass(cls, branches)
    for branch in branches:
        assert branch.__name__ in (errors.__doc__ or "")


def test_an_error_carries_its_facts_through_pickle() -> None:
    error = StepUnknownError("There is no step 'a'.", step="a")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is StepUnknownError
    assert copy.message == str(copy) == "There is no step 'a'."
    assert vars(copy)["step"] == "a"


def test_an_internal_error_says_that_it_is_a_bug() -> None:
    with pytest.raises(InstepInternalError) as caught:
        raise InstepInternalError("The count is negative.")
    assert any("bug in Instep" in note for note in caught.value.__notes__)


def test_not_found_errors_are_usage_errors() -> None:
    assert issubclass(RunUnknownError, errors.NotFoundError)
    assert issubclass(RunUnknownError, errors.UsageError)
