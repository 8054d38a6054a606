"""What is lost when a value is stored or read."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass


class LossWarning(UserWarning):
    """Something about a value cannot be stored, or will not come back: it was changed as the message says."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One way in which a stored value differs from the one that was given."""

    rule: str
    """Name of the rule, such as `COMPLEX64_WIDENED`."""
    path: str
    """Where it happened first, such as `self.result["fits"][3]`."""
    message: str
    """What was changed, as a sentence."""


def warn(losses: Sequence[Loss], artifact: str) -> None:
    """Warns of each loss once."""
    for loss in losses:
        warnings.warn(LossWarning(f"Artifact {artifact!r}: {loss.path}: {loss.message}"), stacklevel=4)
