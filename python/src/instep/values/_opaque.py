"""Values that only Python can open: pickled, with their large buffers beside them.

Theory of operation. What the table of types does not know is pickled with protocol 5. The pickler hands out
large buffers (of arrays, for example), which become parts of their own and are used in place when the value is
read again. While pickling, each object is looked at once: a thing that only lives in this process (a generator,
an open file, a lock, a flow) is refused, because it would be restored broken or not at all; classes of the user's
files go by value; and the packages are noted that the value needs.
"""

from __future__ import annotations

import io
import pickle
import re
import sys
import types
import warnings
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import cloudpickle
from instep_proto.v1 import value_pb2 as pb

from instep.values._foreign import ForeignObject, may_open
from instep.values._handles import not_storable, place_of
from instep.values._user_code import is_user_code, user_modules, with_name
from instep.values._writer import OWN_BLOB_BYTES, Writer

if TYPE_CHECKING:
    from instep.values._reader import Reader

CODEC: Final = "pickle5"
PREVIEW_BYTES: Final = 1024

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


class _HandleError(Exception):
    """The value holds something that must not be stored.

    Args:
        handle: What it holds.
        reason: Why it must not be stored, and what to store instead.
    """

    def __init__(self, handle: object, reason: str) -> None:
        super().__init__(reason)
        self.handle = handle
        self.reason = reason


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles a value and watches what goes in."""

    def __init__(self, file: io.BytesIO, buffers: list[memoryview]) -> None:
        super().__init__(file, protocol=5, buffer_callback=self._take)
        self.packages: set[str] = set()
        self._buffers = buffers

    def _take(self, buffer: pickle.PickleBuffer) -> bool:
        """Takes large buffers out of the pickle. Answers whether the buffer stays in."""
        data = buffer.raw()
        if data.nbytes < OWN_BLOB_BYTES:
            return True
        self._buffers.append(data)
        return False

    def reducer_override(self, obj: object) -> Any:
        """Looks at an object before it is pickled."""
        reason = not_storable(obj)
        if reason is not None:
            raise _HandleError(obj, reason)
        named = obj if isinstance(obj, type | types.FunctionType) else type(obj)
        self.packages.add((getattr(named, "__module__", None) or "").partition(".")[0])
        reduced = super().reducer_override(obj)
        if reduced is not NotImplemented and is_user_code(obj):
            return with_name(obj, reduced)  # type: ignore[arg-type]
        return reduced


def encode_opaque(writer: Writer, value: object) -> int:
    """Adds a value that only Python can open.

    Raises:
        ValueEncodeError: It cannot be pickled, or holds something that only lives in this process.
    """
    reason = not_storable(value)
    if reason is not None:
        writer.refuse("OPAQUE_HANDLE", f"is a {class_name(type(value))}. {reason}")
    body, buffers, packages = _pickled(writer, value)
    writer.portable = False
    node, index = writer.node()
    opaque = node.opaque
    opaque.language = "python"
    opaque.codec = CODEC
    opaque.runtime = ".".join(map(str, sys.version_info[:3]))
    for package, version in _versions(packages):
        opaque.requires.add(key=package, value=version)
    opaque.classes.extend(class_name(kind) for kind in type(value).__mro__ if kind is not object)
    opaque.preview = _preview(value)
    opaque.body = writer.raw(body)
    opaque.buffers.extend(writer.raw(buffer) for buffer in buffers)
    return index


def _pickled(writer: Writer, value: object) -> tuple[memoryview, list[memoryview], set[str]]:
    file = io.BytesIO()
    buffers: list[memoryview] = []
    pickler = _Pickler(file, buffers)
    name = class_name(type(value))
    for module in user_modules():
        cloudpickle.register_pickle_by_value(module)
    try:
        pickler.dump(value)
    except _HandleError as error:
        handle = class_name(type(error.handle))
        inside = place_of(error.handle, value)
        found = f"is a {handle}" if inside else f"is a {name} that holds a {handle}"
        writer.refuse("OPAQUE_HANDLE", f"{found}. {error.reason}", inside)
    except RecursionError:
        writer.refuse("PICKLE_FAILED", f"is a {name} that is nested too deep to be pickled.")
    except Exception as error:  # noqa: BLE001  pickling runs code of the value's class, which may raise anything
        hint = f"is a {name} that can't be pickled ({type(error).__name__}: {error})."
        try:
            writer.refuse("PICKLE_FAILED", hint)
        except Exception as refused:
            raise refused from error
    return file.getbuffer(), buffers, pickler.packages


def class_name(kind: type) -> str:
    """Names a class as people do: with its module, unless Python itself has it."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _preview(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  a preview is no reason to fail, whatever the class of the value raises
        return ""
    text = _ADDRESS.sub("", text[: 4 * PREVIEW_BYTES])  # else equal values would have different digests
    return text.encode("utf-8", "replace")[:PREVIEW_BYTES].decode("utf-8", "ignore")


def _versions(packages: set[str]) -> Iterator[tuple[str, str]]:
    """Gives the packages that are not part of Python, with their versions, sorted."""
    for package in sorted(packages - {"", "__main__", "instep"} - sys.stdlib_module_names):
        version = _version(package)
        if version is not None:
            yield package, version


@cache
def _version(package: str) -> str | None:
    found = getattr(sys.modules.get(package), "__version__", None)
    if isinstance(found, str):
        return found
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:  # a module of the user's
        return None


# Reading.


def decode_opaque(reader: Reader, node: pb.Node, index: int) -> object:
    """Reads an opaque value: opens it if it is of this language and may be opened, else makes a handle."""
    opaque = node.opaque
    if opaque.language != "python" or not may_open(allowed=reader.allow_opaque):
        return _handle(reader, node, index)
    if opaque.codec != CODEC:
        reader.refuse(f"the codec {opaque.codec!r} is not known to this version of Instep", "CODEC_UNKNOWN")
    _compare_versions(reader, opaque)
    buffers = [pickle.PickleBuffer(reader.part(part)) for part in opaque.buffers]
    try:
        return pickle.loads(reader.part(opaque.body), buffers=buffers)
    except Exception as error:  # noqa: BLE001  unpickling runs code of the value's class, which may raise anything
        needs = ", ".join(f"{need.key} {need.value}" for need in opaque.requires) or "nothing but Python"
        kind = opaque.classes[0] if opaque.classes else "an object"
        problem = (
            f"a {kind} can't be opened ({type(error).__name__}: {error}); "
            f"it was written by Python {opaque.runtime} and needs {needs}"
        )
        try:
            reader.refuse(problem, "PICKLE_FAILED")
        except Exception as refused:
            raise refused from error


def _compare_versions(reader: Reader, opaque: pb.Opaque) -> None:
    """Warns of packages that are loaded in another version than the value was written with."""
    for need in opaque.requires:
        loaded = getattr(sys.modules.get(need.key), "__version__", None)
        if isinstance(loaded, str) and loaded.split(".")[:2] != need.value.split(".")[:2]:
            warnings.warn(
                f"A stored {opaque.classes[0] if opaque.classes else 'object'} at {reader.where()} was written with "
                f"{need.key} {need.value}, and is opened with {loaded}.",
                stacklevel=2,
            )


def _handle(reader: Reader, node: pb.Node, index: int) -> ForeignObject:
    manifest = reader.manifest
    wanted = (node.opaque.body, *node.opaque.buffers)
    parts = [reader.stored_part(part) for part in wanted]
    copy = pb.Node()
    copy.CopyFrom(node)
    del copy.attrs[:], copy.opaque.buffers[:]
    copy.opaque.body = 0
    copy.opaque.buffers.extend(range(1, len(wanted)))
    is_root = index == 0 and len(manifest.nodes) == 1
    root = reader.data if is_root else b""
    return ForeignObject(
        copy, parts, manifest.producer, root, fetch=reader.fetch, trusted=reader.allow_opaque
    )


def encode_foreign(writer: Writer, value: ForeignObject) -> int:
    """Adds a value of another language, unchanged."""
    source, parts, _ = value._stored()
    writer.portable = False
    node, index = writer.node()
    node.CopyFrom(source)
    places = [writer.stored(part, value._fetch) for part in parts]
    node.opaque.body = places[0]
    del node.opaque.buffers[:]
    node.opaque.buffers.extend(places[1:])
    return index
