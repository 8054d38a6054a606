"""The digest of a step's code: its function, and all that this reaches by name in the flow's own files.

Theory of operation. Everything is read from the text of the files; nothing runs. From the step's function on, each
name that is not bound in the function itself is looked up among the statements of its file: those that bind or
change it become part of the code, with the names that they use in turn. An import leads to another file when that
lies in the folder of the importing file, or below it; other imports stand for themselves. What is reached through
`self` is looked up in the flow's classes: methods and properties, but neither steps, of which only the name counts,
nor parameters and constants, which are inputs of a task.

So a change of layout, comments, docstrings, or of code that the step does not reach leaves the digest as it is. When
in doubt more is reached than is used: a step runs once too often then, and never once too little. What is looked up
by computed names (`getattr`, `globals()`) is not seen.
"""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from instep._flow import FlowSpec
from instep._source import Function, find_class, parsed

Dotted = tuple[str, ...]
"""A name, and the attributes that are taken from it in turn."""

_OWN_DECORATORS = frozenset(
    {"catch", "environment", "project", "resources", "retry", "step", "timeout"}
)  # what they mean for a task is told apart from its code


_INPUTS = frozenset({"Config", "IncludeFile", "Parameter"})


def digest_of_step(flow: type[FlowSpec], step: str) -> str:
    """Gives the digest of a step that a flow declares.

    Args:
        flow: The flow.
        step: Name of the step.

    Returns:
        The digest. Empty: the source is not there.
    """
    classes = [cls for cls in flow.__mro__ if cls not in (FlowSpec, object)]
    places = [find_class(cls) for cls in classes]
    code = _Code(
        places[0][0].file, {cls.__name__ for cls in classes}, [(at.file, node) for at, node in places]
    )
    return code.digest() if code.add_step(step) else ""


def digest_of_function(file: str, name: str) -> str:
    """Gives the digest of a top-level function of a file.

    Args:
        file: Absolute path.
        name: Name of the function.

    Returns:
        The digest. Empty: there is no such function.
    """
    code = _Code(file, set(), [])
    code.add_name(file, (name,))
    return code.digest() if code.parts else ""


class _Code:
    """The code of one step, as far as it was reached.

    Args:
        file: The file that declares it.
        flow_names: Names of the flow's classes.
        classes: The flow's classes, the most specific first, each with its file. None: the source is not there.
    """

    def __init__(
        self, file: str, flow_names: set[str], classes: Sequence[tuple[str, ast.ClassDef | None]]
    ) -> None:
        self._root = os.path.dirname(file)
        self._flow_names = flow_names
        self._classes = classes
        self._seen: set[tuple[object, ...]] = set()
        self.parts: set[str] = set()

    def digest(self) -> str:
        """Gives the digest of what was reached."""
        text = "\n".join(sorted(self.parts))
        return f"python:{hashlib.sha256(text.encode('utf-8', 'backslashreplace')).hexdigest()}"

    def add_step(self, name: str) -> bool:
        """Adds a step. False: its source is not there."""
        for file, definition in self._classes:
            for node in _members(definition, name):
                self._add(file, node)
                return True
        return False

    def add_name(self, file: str, path: Dotted) -> None:
        """Adds what a name of a file stands for."""
        if (file, path) in self._seen:
            return
        self._seen.add((file, path))
        for statement in _statements_about(file, path[0]):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._add_import(file, statement, path)
            elif isinstance(statement, ast.ClassDef) and statement.name in self._flow_names:
                self._add_members(path[1:2], called=True)
            else:
                self._add(file, statement)

    def _add(self, file: str, node: ast.stmt) -> None:
        """Adds a statement, and what its names stand for."""
        if (file, node.lineno, node.col_offset) in self._seen:
            return
        self._seen.add((file, node.lineno, node.col_offset))
        own = _normalized(_without_own_decorators(node))
        self.parts.add(ast.dump(own, annotate_fields=False))
        for path in set(_free_paths(own)):
            self.add_name(file, path)
        for inner in ast.walk(own):
            if isinstance(inner, ast.Import | ast.ImportFrom):  # inside a function
                for name in _imported_names(inner):
                    self._add_import(file, inner, (name,))
        # Whatever these attributes are taken from: the flow may go by another name than `self`.
        called = {id(one.func) for one in ast.walk(own) if isinstance(one, ast.Call)}
        for one in ast.walk(own):
            if isinstance(one, ast.Attribute):
                self._add_members((one.attr,), called=id(one) in called)

    def _add_members(self, names: Iterable[str], *, called: bool) -> None:
        """Adds members of the flow's classes: steps only where they are called."""
        for name in names:
            for file, definition in self._classes:
                for node in _members(definition, name):
                    if (called or not _is_step(node)) and not _is_input(node):
                        self._add(file, node)

    def _add_import(self, file: str, statement: ast.Import | ast.ImportFrom, path: Dotted) -> None:
        """Adds what a name stands for that an import binds."""
        for alias in statement.names:
            bound = alias.asname or alias.name
            if isinstance(statement, ast.ImportFrom):
                module = tuple(statement.module.split(".")) if statement.module else ()
                level = statement.level
                if alias.name == "*":
                    self._add_from(file, level, (*module, *path))
                elif bound == path[0]:
                    self._add_from(file, level, (*module, alias.name, *path[1:]))
            elif alias.asname == path[0]:
                self._add_from(file, 0, (*alias.name.split("."), *path[1:]))
            elif not alias.asname and bound.partition(".")[0] == path[0]:
                self._add_from(file, 0, path)

    def _add_from(self, file: str, level: int, names: Dotted) -> None:
        """Adds what modules give: a name of one of the flow's own files, else the names themselves."""
        folder = os.path.dirname(file)
        for _ in range(level - 1):
            folder = os.path.dirname(folder)
        for start in (folder,) if level else (folder, self._root):
            found, rest = _find_module(start, names)
            if found and found != file and rest:
                self.add_name(found, rest)
                return
            if found and found != file:
                for node in _body(found):
                    if not isinstance(node, ast.Import | ast.ImportFrom):
                        self._add(found, node)
                return
        self.parts.add(f"import {'.' * level}{'.'.join(names)}")


def _members(definition: ast.ClassDef | None, name: str) -> Iterator[ast.stmt]:
    """Lists the statements of a class that bind a name."""
    for node in definition.body if definition else []:
        if getattr(node, "name", None) == name or name in _stored_names(node):
            yield node


def _is_input(node: ast.stmt) -> bool:
    """Tells whether a member of a class is a parameter, a config or an include file, whose value is what counts."""
    value = getattr(node, "value", None)
    return isinstance(value, ast.Call) and _decorator_name(value) in _INPUTS


def _is_step(node: ast.stmt) -> bool:
    return "step" in {_decorator_name(one) for one in getattr(node, "decorator_list", [])}


def _decorator_name(node: ast.expr) -> str:
    target = node.func if isinstance(node, ast.Call) else node
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")


def _without_own_decorators(node: ast.stmt) -> ast.stmt:
    if not isinstance(node, ast.FunctionDef):
        return node
    kept = [one for one in node.decorator_list if _decorator_name(one) not in _OWN_DECORATORS]
    copied = ast.FunctionDef(**{name: getattr(node, name) for name in node._fields})
    copied.decorator_list = kept
    return ast.copy_location(copied, node)


class _Normalizer(ast.NodeTransformer):
    """Drops docstrings, and how text was written."""

    def visit(self, node: ast.AST) -> ast.AST:
        """Normalizes a node and what is inside of it, in a copy."""
        copied = type(node)(**{name: getattr(node, name) for name in node._fields if hasattr(node, name)})
        for name, value in ast.iter_fields(copied):
            if isinstance(value, list):
                setattr(copied, name, [self.visit(one) if isinstance(one, ast.AST) else one for one in value])
            elif isinstance(value, ast.AST):
                setattr(copied, name, self.visit(value))
        if isinstance(copied, ast.ClassDef | Function):
            body = copied.body[1:] if ast.get_docstring(copied, clean=False) is not None else copied.body
            copied.body = [one for one in body if not isinstance(one, ast.Pass)]
        if isinstance(copied, ast.Constant):
            copied.kind = None
        return copied


def _normalized(node: ast.AST) -> ast.AST:
    return _Normalizer().visit(node)


_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def _free_paths(node: ast.AST) -> Iterator[Dotted]:
    """Lists the names that code uses and does not bind itself, each with the attributes that are taken from it."""
    bound = _bound_names(node) if isinstance(node, _Scope) else set()
    outside = {id(one) for one in _evaluated_outside(node)} if isinstance(node, _Scope) else set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.arguments):
            inner: list[ast.AST] = [one for one in ast.walk(child) if isinstance(one, ast.expr)]
        else:
            inner = [child]
        for part in inner:
            path = _path(part)
            paths = iter([path]) if path else _free_paths(part)
            yield from (path for path in paths if path[0] not in bound or id(part) in outside)


def _evaluated_outside(node: _Scope) -> Iterator[ast.expr]:
    """Lists the parts of a function that know nothing of the names that it binds."""
    yield from ast.walk(node.args)  # type: ignore[misc]
    yield from getattr(node, "decorator_list", [])
    if isinstance(node, Function) and node.returns:
        yield node.returns


def _bound_names(node: _Scope) -> set[str]:
    """Names what a function binds for itself."""
    arguments = node.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    names = {one.arg for one in [*listed, arguments.vararg, arguments.kwarg] if one is not None}
    shared: set[str] = set()
    for inner in _inside(node):
        match inner:
            case ast.Global(shared_names):
                shared.update(shared_names)
            case ast.Name(name, ast.Store()) | ast.ExceptHandler(name=str(name)):
                names.add(name)
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                names.add(name)
            case ast.Import() | ast.ImportFrom():
                names.update(_imported_names(inner))
    return names - shared


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Walks code, but not into what has names of its own."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, _Scope | _Comprehension | ast.ClassDef):
            yield from _inside(child)


def _path(node: ast.AST) -> Dotted:
    """Reads `a.b.c`. Empty: the node is something else."""
    match node:
        case ast.Name(name):
            return (name,)
        case ast.Attribute(value, attribute):
            before = _path(value)
            return (*before, attribute) if before else ()
    return ()


def _body(file: str) -> list[ast.stmt]:
    tree = parsed(file)
    return tree.body if tree else []


def _statements_about(file: str, name: str) -> list[ast.stmt]:
    by_name = _statements_by_name(file)
    return by_name.get(name) or by_name.get("*", [])


@lru_cache(maxsize=64)
def _statements_by_name(file: str) -> dict[str, list[ast.stmt]]:
    """Indexes the statements of a file by the names that they bind, or whose values they change."""
    found: dict[str, list[ast.stmt]] = {}
    for statement in _body(file):
        for name in {*_stored_names(statement), *_changed_names(statement)}:
            found.setdefault(name, []).append(statement)
    return found


def _stored_names(statement: ast.stmt) -> Iterator[str]:
    """Lists the names that a statement binds, also inside of blocks, but not inside of functions and classes."""
    if isinstance(statement, Function | ast.ClassDef):
        yield statement.name
        return
    if isinstance(statement, ast.Import | ast.ImportFrom):
        yield from _imported_names(statement)
        return
    for node in ast.iter_child_nodes(statement):
        if isinstance(node, ast.stmt):
            yield from _stored_names(node)
        elif isinstance(node, ast.ExceptHandler | ast.match_case):
            for inner in node.body:
                yield from _stored_names(inner)
        else:
            yield from (
                one.id
                for one in ast.walk(node)
                if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
            )


def _imported_names(statement: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for alias in statement.names:
        if alias.name == "*":
            yield "*"
        else:
            yield alias.asname or alias.name.partition(".")[0]


def _changed_names(statement: ast.stmt) -> Iterator[str]:
    """Lists the names whose values a statement changes in place: by an item, an attribute, or a call of a method."""
    for node in ast.walk(statement) if not isinstance(statement, Function | ast.ClassDef) else ():
        target: ast.AST | None = None
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            target = node
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            target = node.value.func if isinstance(node.value.func, ast.Attribute) else None
        while isinstance(target, ast.Attribute | ast.Subscript):
            target = target.value
        if isinstance(target, ast.Name):
            yield target.id


def _find_module(folder: str, names: Dotted) -> tuple[str, Dotted]:
    """Finds the module that a name with dots leads to.

    Args:
        folder: Where to look for the first part.
        names: The parts.

    Returns:
        Its absolute path, and the parts that are names inside of it. Empty: there is no module.
    """
    package, rest = "", names
    for position, name in enumerate(names):
        module = os.path.join(folder, f"{name}.py")
        if os.path.isfile(module):
            return os.path.realpath(module), names[position + 1 :]
        folder = os.path.join(folder, name)
        if not os.path.isdir(folder):
            break
        if os.path.isfile(init := os.path.join(folder, "__init__.py")):
            package, rest = os.path.realpath(init), names[position + 1 :]
    return package, rest
