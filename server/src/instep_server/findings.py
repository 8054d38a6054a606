"""What is told of damage that was found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Finding:
    """Something that is damaged."""

    kind: str
    """`object`, `log`, `database` or `journal`."""
    path: str
    """Its file."""
    digest: str = ""
    """Digest of the object."""
    problem: str
    """What is wrong, as a clause."""
    touches: list[str] = field(default_factory=list)
    """What cannot be read: `Flow/3/fit/5 artifact model`, `Flow/3/fit/5 stderr` or `Flow/3`."""
    remedies: list[str] = field(default_factory=list)
    """What makes it again, as sentences with commands."""
    mended: str = ""
    """What was done about it, as a sentence. Empty: nothing."""
    lost: bool = False
    """Whether something cannot be read, also after mending, until it is made again."""
