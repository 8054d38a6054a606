"""The test vectors: values as bytes, as each language stores them, and what is in them. README.md tells the form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from instep_proto.v1 import value_pb2 as pb

VECTORS = Path(__file__).parent
"""One directory per language, with one directory per case."""


@dataclass(frozen=True)
class Vector:
    """A stored value."""

    directory: Path
    """Where its files are."""

    @property
    def case(self) -> str:
        """Name of the case, such as `doubles_na`."""
        return self.directory.name

    @property
    def producer(self) -> str:
        """The language that stored it."""
        return self.directory.parent.name

    @cached_property
    def manifest(self) -> pb.Manifest:
        """Its manifest."""
        return pb.Manifest.FromString((self.directory / "manifest.bin").read_bytes())

    @cached_property
    def truth(self) -> dict[str, Any]:
        """What is in it."""
        found: dict[str, Any] = json.loads((self.directory / "truth.json").read_text(encoding="utf-8"))
        return found

    def fetch(self, hash: str, size: int) -> bytes:
        """Gives the bytes of a blob."""
        return (self.directory / "blobs" / hash.removeprefix("b3:")).read_bytes()

    def inlined(self) -> pb.Manifest:
        """Gives the manifest with all bytes in it."""
        manifest = pb.Manifest()
        manifest.CopyFrom(self.manifest)
        for part in manifest.parts:
            if part.HasField("blob"):
                data = self.fetch(part.blob.hash, part.blob.size)
                part.inline = data[part.offset : part.offset + part.length]
                part.offset = 0
        return manifest


def load() -> list[Vector]:
    """Gives all vectors, by language and case."""
    return [Vector(path.parent) for path in sorted(VECTORS.glob("*/*/manifest.bin"))]
