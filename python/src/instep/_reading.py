"""Errors of reading a stored value, with the name of the artifact that it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from instep.errors import BlobCorruptError, BlobMissingError, ValueDecodeError


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Adds the name of an artifact to the errors of reading it.

    Args:
        name: Name of the artifact.

    Raises:
        ValueDecodeError: The value cannot be decoded.
        BlobMissingError: A blob of it is not there.
        BlobCorruptError: A blob of it is damaged.
    """
    try:
        yield
    except (BlobCorruptError, BlobMissingError, ValueDecodeError) as err:
        facts = {key: fact for key, fact in vars(err).items() if key != "message"} | {"artifact": name}
        raise type(err)(f"Can't read the artifact {name!r}. {err.message}", **facts) from err
