"""Users' own types: what is registered, and how their values are written and read.

Theory of operation. A value of a registered type is written as what its function makes of it, and the node of that
gets the type's name. A reader that knows the name gives what it read to the function that was registered here. So
reading runs only functions that this process has registered, never code that the bytes name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from instep._task_exception import TaskException

if TYPE_CHECKING:
    from instep.values._reader import Reader
    from instep.values._writer import Writer

TYPE_FAILED: Final = "TYPE_FAILED"
"""A function of the user's raised an error, or did not return what it must."""


@dataclass(frozen=True, slots=True)
class RegisteredType:
    """A type of the user's that both languages can know."""

    name: str
    """The name that stands in the manifest."""
    kind: type
    """The class. Its subclasses are other types."""
    to_portable: Callable[[Any], object]
    """Takes an instance apart, into values that every language has."""
    from_portable: Callable[[Any], object]
    """Makes an instance of these again."""


_ERROR: Final = RegisteredType(
    "instep.exception",
    TaskException,
    lambda error: {field.name: getattr(error, field.name) for field in fields(TaskException)},
    lambda portable: TaskException(
        **{field.name: portable[field.name] for field in fields(TaskException) if field.name in portable}
    ),
)
by_name: Final[dict[str, RegisteredType]] = {_ERROR.name: _ERROR}
"""Which type is read, by its name."""
by_kind: Final[dict[type, RegisteredType]] = {_ERROR.kind: _ERROR}
"""As what an instance is written, by its exact class."""


def encode_registered(writer: Writer, value: object) -> int:
    """Adds a value of a registered type: its portable form, under the type's name.

    Raises:
        ValueEncodeError: The function raised an error, or its result is not portable.
    """
    known = by_kind[type(value)]
    what = f"is a {known.kind.__qualname__}, registered as {known.name!r}, whose to_portable"
    try:
        portable = known.to_portable(value)
    except RecursionError:
        raise  # the value as a whole is too deep
    except Exception as error:  # noqa: BLE001  the user's function may raise anything
        try:
            writer.refuse(TYPE_FAILED, f"{what} raised {type(error).__name__}: {error}.")
        except Exception as refused:
            raise refused from error
    returned = type(portable).__qualname__
    if type(portable) in by_kind:
        writer.refuse(TYPE_FAILED, f"{what} returned a {returned}, which is of a registered type, too.")
    index = writer.encode(writer, portable)
    node = writer.manifest.nodes[index]
    if node.HasField("opaque"):
        writer.refuse(TYPE_FAILED, f"{what} returned a {returned}, which only one language can read.")
    node.registered_type = known.name
    return index


def restore(reader: Reader, name: str, portable: object) -> object:
    """Makes a value of a registered type from its portable form, or gives the form if the type is not known here.

    Raises:
        ValueDecodeError: The function raised an error, or did not return an instance.
    """
    known = by_name.get(name)
    if known is None:
        reader.plain_types.add(name)
        return portable
    what = f"from_portable of the type {name!r}"
    try:
        value = known.from_portable(portable)
    except Exception as error:  # noqa: BLE001  the user's function may raise anything
        try:
            reader.refuse(f"{what} raised {type(error).__name__}: {error}", TYPE_FAILED)
        except Exception as refused:
            raise refused from error
    if not isinstance(value, known.kind):
        returned = type(value).__qualname__
        reader.refuse(f"{what} returned a {returned} instead of a {known.kind.__qualname__}", TYPE_FAILED)
    return value
