"""Loads the user's files, and finds in them what a step runs.

A file is loaded as a module named after it, never as `__main__`, so that what it says under
``if __name__ == "__main__":`` does not happen and its classes have the same name in every process.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from dataclasses import dataclass
from types import FunctionType, ModuleType

from instep._failure import is_user_file
from instep._flow import FlowSpec, load_only
from instep._source import find_class
from instep._task import Task
from instep.errors import SourceLoadError


@dataclass(frozen=True, slots=True)
class UserFile:
    """A loaded file of the user's."""

    file: str
    """Absolute path."""
    module: ModuleType
    """The module that it became."""
    flow: type[FlowSpec] | None
    """The flow that it declares. None: it declares none."""

    def functions(self) -> list[str]:
        """Names its top-level functions, sorted."""
        return sorted(name for name, value in vars(self.module).items() if isinstance(value, FunctionType))

    def register_classes(self) -> None:
        """Has classes of the file, and of modules beside it, stored in a form that opens without these files."""
        from instep.values import (
            register_user_module,
        )  # late, since a host need not wait for it to say what it loaded

        folder = os.path.dirname(self.file) + os.sep
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            if module is self.module or (file.startswith(folder) and is_user_file(file)):
                register_user_module(name)

    def check_step(self, task: Task) -> None:
        """Checks that the code of a task is here.

        Raises:
            SourceLoadError: It is not.
        """
        if task.function and not callable(getattr(self.module, task.function, None)):
            raise self._lacks(f"has no function {task.function!r}, which step {task.step!r} runs")
        if not task.function and self.flow is None:
            raise self._lacks(f"declares no flow, but step {task.step!r} should be in it")
        if not task.function and not callable(getattr(self.flow, task.step, None)):
            raise self._lacks(f"declares no step {task.step!r}")

    def _lacks(self, what: str) -> SourceLoadError:
        return SourceLoadError(
            f"File {self.file!r} {what}. It was changed since the run began, or loads differently in a task.",
            file=self.file,
            line=0,
        )


def running_file(flow: type[FlowSpec], file: str) -> UserFile:
    """Takes the file that this process runs as its program, for a host that is forked off it.

    Args:
        flow: The flow that it declares.
        file: Absolute path.
    """
    load_only()
    module = sys.modules[flow.__module__]
    sys.modules.setdefault(_module_name(file), module)
    return UserFile(file, module, flow)


def load(file: str) -> UserFile:
    """Loads a file.

    Args:
        file: Absolute path.

    Raises:
        SourceLoadError: It cannot be loaded.
    """
    load_only()
    sys.argv = [file]  # as if Python had been started with the file alone
    _look_for_imports_beside(file)
    try:
        module = _execute(file)
    except (Exception, SystemExit) as err:
        raise _load_error(file, err) from err
    return UserFile(file, module, _flow_of(module, file))


def _execute(file: str) -> ModuleType:
    name = _module_name(file)
    if name in sys.modules:  # a file named like a module that is loaded already must not stand in for it
        name = f"{name}__flow"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{os.path.basename(file)!r} is no Python file: its name must end in .py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _module_name(file: str) -> str:
    return os.path.splitext(os.path.basename(file))[0]


def _look_for_imports_beside(file: str) -> None:
    """Makes modules beside the file importable, as Python does for a file that it runs."""
    folder = os.path.dirname(file)
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _flow_of(module: ModuleType, file: str) -> type[FlowSpec] | None:
    """Finds the flow that a module declares: of several, the one that is no base of another.

    Raises:
        SourceLoadError: There are several.
    """
    declared = {
        value: None
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, FlowSpec) and value.__module__ == module.__name__
    }
    flows = [flow for flow in declared if not any(flow in other.__mro__[1:] for other in declared)]
    if len(flows) > 1:
        names = ", ".join(flow.__name__ for flow in flows)
        raise SourceLoadError(
            f"File {file!r} declares several flows: {names}. Keep one flow in a file.",
            file=file,
            line=find_class(flows[1])[0].line,
        )
    return flows[0] if flows else None


def _load_error(file: str, err: BaseException) -> SourceLoadError:
    reason = "".join(traceback.format_exception_only(err)).strip().splitlines()[-1]
    place, line = _place(file, err)
    return SourceLoadError(f"File {file!r} can't be loaded: {reason}", file=place, line=line)


def _place(file: str, err: BaseException) -> tuple[str, int]:
    """Finds the last line of the user's own code on the way to an error: in the file or in one that it imports."""
    if isinstance(err, SyntaxError) and err.filename:
        return err.filename, err.lineno or 0
    places = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(err.__traceback__)
        if is_user_file(frame.f_code.co_filename)
    ]
    return places[-1] if places else (file, 0)
