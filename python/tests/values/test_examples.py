"""The examples in docstrings run."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("module", ["_encode", "_missing", "_named", "_ndarray", "_register"])
def test_example_gives_what_it_says(module: str) -> None:
    done = doctest.testmod(import_module(f"instep.values.{module}"))
    assert done.attempted
    assert not done.failed
