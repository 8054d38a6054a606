"""Finds in the user's source files where things are written."""

from __future__ import annotations

import ast
import linecache
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

Function = ast.FunctionDef | ast.AsyncFunctionDef
"""A function in a parsed file."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line in a file that the user wrote."""

    file: str
    """Absolute path. Empty: the code came from a prompt."""
    line: int = 0
    """Line, counted from 1. 0: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong in a file, as far as its own language can tell."""

    code: str
    """Which rule is broken. For tools."""
    message: str
    """What is wrong, one sentence."""
    hint: str = ""
    """What to do about it, one sentence. Empty: the message says it."""
    step: str = ""
    """Name of the step. Empty: no one step is to blame."""
    places: tuple[Place, ...] = ()
    """The places to look at, most telling first."""


def place_of(code: CodeType) -> Place:
    """Tells where a function is written: the line of its first decorator, or of `def`."""
    return Place(real_file(code.co_filename), code.co_firstlineno)


def real_file(file: str) -> str:
    """Makes a path absolute. Code from a prompt has no file."""
    return "" if file.startswith("<") else os.path.realpath(file)


def find_function(code: CodeType) -> Function | None:
    """Finds the source of a function.

    Args:
        code: The code of the function.

    Returns:
        Its definition. None: the source is not there, or the code is not that of a `def`.
    """
    return _functions(code.co_filename).get((code.co_name, code.co_firstlineno))


def find_class(cls: type) -> tuple[Place, ast.ClassDef | None]:
    """Finds the source of a class.

    Args:
        cls: The class.

    Returns:
        Where it is written and its definition; the definition is None when the source is not there.
    """
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    tree = parsed(file) if file else None
    if not file or tree is None:
        return Place(real_file(file) if file else ""), None
    found = [node for name, node in _classes(tree.body) if name == cls.__qualname__]
    # Of several definitions of one name, the last one is the one that holds.
    return Place(real_file(file), found[-1].lineno if found else 0), found[-1] if found else None


def assignment_line(definition: ast.ClassDef | None, name: str) -> int:
    """Finds the line in which a class attribute is assigned. 0: it is not known."""
    for node in reversed(definition.body if definition else []):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(one, ast.Name) and one.id == name for top in targets for one in ast.walk(top)):
            return node.lineno
    return definition.lineno if definition else 0


@lru_cache(maxsize=64)
def _functions(file: str) -> dict[tuple[str, int], Function]:
    """Indexes the functions of a file by name and first line, which is that of the first decorator."""
    tree = parsed(file)
    functions = [node for node in ast.walk(tree) if isinstance(node, Function)] if tree else []
    return {
        (node.name, min([node.lineno, *(one.lineno for one in node.decorator_list)])): node
        for node in functions
    }


@lru_cache(maxsize=64)
def parsed(file: str) -> ast.Module | None:
    """Parses a source file. None: it is not there, or is no Python."""
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return None


def _classes(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.ClassDef]]:
    """Lists the classes of a file by qualified name, also those inside functions and blocks."""
    for node in body:
        name = f"{prefix}{getattr(node, 'name', '')}"
        if isinstance(node, ast.ClassDef):
            yield name, node
            yield from _classes(node.body, f"{name}.")
        elif isinstance(node, Function):
            yield from _classes(node.body, f"{name}.<locals>.")
        else:
            for block in ("body", "orelse", "finalbody"):
                yield from _classes(getattr(node, block, []), prefix)
