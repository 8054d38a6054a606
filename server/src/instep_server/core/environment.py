"""Artifacts as the scheduler sees them, and the environments that they make up.

An environment maps names to artifacts: all that a task can read. It is never changed; what a task leaves behind
is a new one. Tasks that start from the same environment share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum


class ArtifactKind(IntEnum):
    """What kind of thing an artifact is. The numbers are those of the protocol."""

    ARTIFACT = 1
    """Steps may assign to its name."""
    PARAMETER = 2
    """Chosen when the run starts. Steps may not assign to its name."""
    CONSTANT = 3
    """Written in the flow. Steps may not assign to its name."""
    CONFIG = 4
    """Read while the flow is loaded. Steps may not assign to its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A named value that a task left behind, or an input of the run."""

    name: str
    """Name under which steps read it."""
    hash: str
    """Digest of its manifest."""
    manifest_size: int
    """Size of its manifest, in bytes."""
    kind: ArtifactKind = ArtifactKind.ARTIFACT
    """What kind of thing it is."""
    size: int = 0
    """Size of its data, manifest and parts, in bytes."""
    portable: bool = True
    """True when every language can read it."""
    summary: str = ""
    """What it is in a few words."""
    type: str = ""
    """Class of the value in the language that wrote it."""
    producer: int | None = None
    """The task that produced it. None: an input of the run."""
    producer_step: str = ""
    """Name of that task's step."""
    language: str = ""
    """Language that produced it."""


Environment = Mapping[str, Artifact]
"""All artifacts that a task can read, by name."""


def overlay(below: Environment, above: Iterable[Artifact], deleted: Iterable[str] = ()) -> Environment:
    """Puts artifacts over an environment.

    Args:
        below: The environment. It stays as it is.
        above: Artifacts that hide those of the same name.
        deleted: Names that the result does not have.

    Returns:
        The new environment, which is `below` itself when nothing differs.
    """
    additions = {artifact.name: artifact for artifact in above}
    gone = set(deleted)
    if not additions and not gone:
        return below
    return {name: artifact for name, artifact in {**below, **additions}.items() if name not in gone}
