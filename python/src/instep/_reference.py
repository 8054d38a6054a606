"""References to functions in other files, for steps whose code lives there."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from types import FrameType


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A top-level function of a file, which a step runs. It takes `self`, and `inputs` in a join."""

    language: str
    """Language of the file: `python` or `r`. Empty: the file is a program."""
    file: str
    """Absolute path of the file."""
    function: str
    """Name of the function."""


def r_function(file: str, function: str) -> FunctionReference:
    """Refers to a function in an R file, for use as a step.

    Args:
        file: Path of the file, relative to the file in which this is written.
        function: Name of a top-level function of the file that takes `self` (and `inputs` in a join).

    Returns:
        What `step` makes a step of.

    Example:
        >>> r_function("/models/gam.R", "fit").function
        'fit'
    """
    return FunctionReference("r", beside(sys._getframe(1), file), function)


def py_function(file: str, function: str) -> FunctionReference:
    """Refers to a function in a Python file, for use as a step.

    Args:
        file: Path of the file, relative to the file in which this is written.
        function: Name of a top-level function of the file that takes `self` (and `inputs` in a join).

    Returns:
        What `step` makes a step of.

    Example:
        >>> py_function("/models/forest.py", "fit").language
        'python'
    """
    return FunctionReference("python", beside(sys._getframe(1), file), function)


def program_function(file: str, function: str) -> FunctionReference:
    """Refers to a function in a file of any other language, for use as a step.

    Such a file is a program that speaks Instep's protocol, like `examples/typescript`: it is executable, and when it is
    a script its first line names its interpreter (`#!/usr/bin/env node`).

    Args:
        file: Path of the file, relative to the file in which this is written.
        function: Name of a function that the program offers.

    Returns:
        What `step` makes a step of.

    Example:
        >>> program_function("/reports/report.js", "render").function
        'render'
    """
    return FunctionReference("", beside(sys._getframe(1), file), function)


def beside(frame: FrameType, file: str) -> str:
    """Finds a file that is named relative to the file in which a frame's code is written."""
    return os.path.realpath(os.path.join(os.path.dirname(frame.f_code.co_filename), file))
