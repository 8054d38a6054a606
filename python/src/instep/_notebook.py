"""Writes a flow that was defined in a notebook to a flow file, with what it reaches there.

Theory of operation. Hosts load flow files, so that a class that lives only in a notebook needs one. From the class
on, all global names that its code mentions are followed. Functions and classes are copied from their cells, so that
errors can point there; imports are repeated; variables get the value that they have now: written out when they are
plain and short, else pickled beside the file.

The file is an ordinary flow file, in the notebook's folder. It is written anew for each run.
"""

from __future__ import annotations

import ast
import re
import symtable
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from instep._flow import FlowSpec
from instep.errors import UsageError

HEAD = "# Written by Instep from a notebook, anew for each run: change the notebook, not this file.\n"
LITERAL_CHARACTERS = 2_000
LITERALS = (bool, int, float, complex, str, bytes, type(None), list, tuple, dict, set)
BODY_MAGICS = frozenset({"time", "capture", "prun"})
"""Cell magics that run the rest of the cell as it is."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a cell."""

    cell: int
    """Number of the cell's execution."""
    line: int
    """Its first line in the cell, decorators included, counted from 1."""
    source: str
    """Its text, whole lines."""
    node: ast.stmt
    """Its tree."""


@dataclass(slots=True)
class NotebookFlow:
    """A flow file that was written from a notebook."""

    file: Path
    """The file."""
    lines: list[tuple[int, int] | None] = field(default_factory=list)
    """For each line of the file its cell and the line there. None: it comes from no cell."""

    def translate(self, text: str) -> str:
        """Makes places in the file places in the notebook's cells.

        Args:
            text: Text of a command, such as a traceback.
        """
        name = re.escape(self.file.name)
        text = re.sub(rf'File "[^"\n]*{name}", line (\d+)', self._place("Cell In[{}], line {}"), text)
        return re.sub(rf"[^\s\"']*\b{name}:(\d+)", self._place("Cell In[{}]:{}"), text)

    def _place(self, form: str) -> Callable[[re.Match[str]], str]:
        def place(match: re.Match[str]) -> str:
            line = int(match[1])
            found = self.lines[line - 1] if 0 < line <= len(self.lines) else None
            return form.format(*found) if found else match[0]

        return place


def is_of_notebook(flow: type) -> bool:
    """Tells whether a class was defined in a notebook, or at a prompt of IPython."""
    return flow.__module__ == "__main__" and shell() is not None


def shell() -> Any | None:
    """Gives IPython's shell. None: this process has none."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def write_flow(
    flow: type[FlowSpec], namespace: Mapping[str, object], cells: Sequence[str], folder: Path
) -> NotebookFlow:
    """Writes a flow file.

    Args:
        flow: The flow.
        namespace: The notebook's variables.
        cells: What was executed, by number.
        folder: Folder of the file.

    Returns:
        The file.

    Raises:
        UsageError: Something that the flow reaches cannot be written, or a file of the user's is in the way.
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", flow.__name__).lower()
    file = folder / f"{words}_notebook.py"
    if file.exists() and not file.read_text().startswith(HEAD):
        raise UsageError(
            f"The flow {flow.__name__!r} can't be written to {str(file)!r}: another file is there."
        )
    written = _Writer(flow, namespace, list(_statements(cells)))
    text, lines = written.text()
    file.write_text(text)
    values = file.with_suffix(".values")
    values.unlink(missing_ok=True)
    if written.values:
        import cloudpickle

        values.write_bytes(cloudpickle.dumps(written.values))
    return NotebookFlow(file, lines)


class _Writer:
    """Follows names from a flow on, and collects what defines them."""

    def __init__(
        self, flow: type[FlowSpec], namespace: Mapping[str, object], statements: Sequence[Statement]
    ) -> None:
        self._flow = flow
        self._namespace = namespace
        self._bound = {name: statement for statement in statements for name in _names_bound(statement.node)}
        self._seen: set[str] = set()
        self._imports: list[str] = []
        self._blocks: list[Statement | str] = []
        self.values: dict[str, object] = {}
        if flow.__name__ not in self._bound:
            raise UsageError(f"No cell defines the flow {flow.__name__!r} as a class of its own.")
        self._reach(flow.__name__, "the notebook")

    def text(self) -> tuple[str, list[tuple[int, int] | None]]:
        """Gives the text of the file, and for each line its cell and the line there."""
        stored = []
        if self.values:
            stored = [
                "_values = pickle.loads(pathlib.Path(__file__).with_suffix('.values').read_bytes())",
                *(f"{name} = _values[{name!r}]" for name in self.values),
            ]
            self._imports += ["import pathlib", "import pickle"]
        lines: list[tuple[str, tuple[int, int] | None]] = [(HEAD.rstrip("\n"), None)]
        lines += ((line, None) for line in [*dict.fromkeys(self._imports), *stored, ""])
        for block in self._blocks:
            lines += _lines_of(block)
        lines += ((line, None) for line in ['if __name__ == "__main__":', f"    {self._flow.__name__}()"])
        return "".join(f"{line}\n" for line, _ in lines), [place for _, place in lines]

    def _reach(self, name: str, who: str) -> None:
        if name in self._seen or name not in self._namespace:
            return  # a name of Python's own, or one that is not there: running it says so
        self._seen.add(name)
        value, bound = self._namespace[name], self._bound.get(name)
        if bound is not None and isinstance(bound.node, ast.Import | ast.ImportFrom):
            self._imports.append(_import_of(bound.node, name))
        elif bound is not None and isinstance(
            bound.node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
        ):
            self._copy(bound)
        elif (importing := _import_from_value(name, value)) is not None:
            self._imports.append(importing)
        elif (literal := _literal(value)) is not None:
            self._blocks.append(f"{name} = {literal}")
        elif type(value).__module__ != "__main__" and not callable(value) and _can_be_pickled(value):
            self.values[name] = value
        elif bound is not None:
            self._copy(bound)
        else:
            raise UsageError(
                f"{who} uses {name!r}, which is {type(value).__name__!r} and has no definition in a cell that could be "
                "written to the flow file. Define it in a cell, or import it from a module."
            )

    def _copy(self, statement: Statement) -> None:
        where = f"Cell In[{statement.cell}], line {statement.line}"
        for name in sorted(_globals_of(statement.source)):
            self._reach(name, where)
        if statement not in self._blocks:
            self._blocks.append(statement)


def _lines_of(block: Statement | str) -> Iterator[tuple[str, tuple[int, int] | None]]:
    if isinstance(block, str):
        yield block, None
        yield "", None
        return
    yield "", None
    for offset, line in enumerate(block.source.splitlines()):
        yield line, (block.cell, block.line + offset)
    yield "", None
    yield "", None


def _statements(cells: Sequence[str]) -> Iterator[Statement]:
    """Yields the statements of all cells, in the order of their execution."""
    for number, source in enumerate(cells):
        try:
            tree = ast.parse(source)
        except SyntaxError:
            continue  # the cell did not run
        body = _magic_body(tree)
        if body is not None:
            try:
                source, tree, skipped = body, ast.parse(body), 1
            except SyntaxError:
                continue  # another language's
        else:
            skipped = 0
        lines = source.splitlines()
        for node in tree.body:
            decorators = getattr(node, "decorator_list", [])
            first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
            text = "\n".join(lines[first - 1 : node.end_lineno])
            yield Statement(number, first + skipped, text, node)


def _magic_body(tree: ast.Module) -> str | None:
    """Gives what follows a magic such as `%%time`, when that is all of a cell."""
    match tree.body:
        case [
            ast.Expr(
                ast.Call(ast.Attribute(attr="run_cell_magic"), [ast.Constant(name), _, ast.Constant(body)])
            )
        ]:
            return body if name in BODY_MAGICS and isinstance(body, str) else None
    return None


def _names_bound(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return {
        found.id
        for found in ast.walk(node)
        if isinstance(found, ast.Name) and isinstance(found.ctx, ast.Store)
    }


def _import_of(node: ast.Import | ast.ImportFrom, name: str) -> str:
    """Writes the one import of a statement that binds a name."""
    alias = next(one for one in node.names if name == (one.asname or one.name.partition(".")[0]))
    one = ast.unparse(alias)
    if isinstance(node, ast.Import):
        return f"import {one}"
    return f"from {'.' * node.level}{node.module or ''} import {one}"


def _import_from_value(name: str, value: object) -> str | None:
    """Writes an import of a module, or of a class or function of one. None: it is neither."""
    if isinstance(value, ModuleType):
        return f"import {value.__name__} as {name}"
    module, qualname = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str) or module == "__main__":
        return None
    parts = module.split(".")
    for count in range(1, len(parts) + 1):  # from the package, where it offers it
        package = ".".join(parts[:count])
        if getattr(sys.modules.get(package), qualname, None) is value:
            return f"from {package} import {qualname} as {name}"
    return None


def _literal(value: object) -> str | None:
    """Writes a plain, short value as Python does. None: it is another one."""
    if type(value) not in LITERALS:
        return None
    text = repr(value)
    try:
        same = len(text) <= LITERAL_CHARACTERS and repr(ast.literal_eval(text)) == text
    except (ValueError, SyntaxError, RecursionError):  # something inside is not plain
        return None
    return text if same else None


def _can_be_pickled(value: object) -> bool:
    import cloudpickle

    try:
        cloudpickle.dumps(value)
    except Exception:  # noqa: BLE001 - any class may refuse in its own way; its definition is tried then
        return False
    return True


def _globals_of(source: str) -> set[str]:
    """Names what a statement uses that is not its own."""
    found: set[str] = set()
    tables = [symtable.symtable(source, "<cell>", "exec")]
    while tables:
        table = tables.pop()
        is_top = table.get_type() == "module"
        found |= {
            one.get_name()
            for one in table.get_symbols()
            if one.is_referenced() and (is_top or one.is_global())
        }
        tables += table.get_children()
    return found
