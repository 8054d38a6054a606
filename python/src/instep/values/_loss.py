"""What is lost when a value is stored or read."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from instep.errors import ValueDecodeError, ValueEncodeError

OnLoss = Literal["warn", "error", "ignore"]
"""What to do about losses: tell each, raise an error, or say nothing."""


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


def told(loss: Loss, artifact: str) -> str:
    """Tells a loss in one line, which names artifact, path and rule."""
    message = " ".join(loss.message.split())
    return f"Loss {loss.rule} in artifact {artifact!r} at {loss.path}: {message}"


def warn(losses: Sequence[Loss], artifact: str) -> None:
    """Warns of each loss once."""
    for loss in losses:
        warnings.warn(LossWarning(told(loss, artifact)), stacklevel=4)


def warn_of_reading(losses: Sequence[Loss], artifact: str) -> None:
    """Warns of what is lost in reading: what `decode` does unless it is told otherwise."""
    for loss in losses:
        warnings.warn(LossWarning(told(loss, artifact)), stacklevel=4)


def reading_refusal(losses: Sequence[Loss], artifact: str) -> ValueDecodeError:
    """Makes the error that a value cannot be read without loss. It names all losses; its fields say the first."""
    return ValueDecodeError(
        f"It can't be read without loss, as on_loss demands. {_reasons(losses)}.",
        code=losses[0].rule,
        artifact=artifact,
        path=losses[0].path,
    )


def refusal(losses: Sequence[Loss], artifact: str) -> ValueEncodeError:
    """Makes the error that a value cannot be stored without loss. It names all losses; its fields say the first."""
    return ValueEncodeError(
        f"Artifact {artifact!r} can't be stored without loss, as on_loss demands. {_reasons(losses)}.",
        code=losses[0].rule,
        artifact=artifact,
        path=losses[0].path,
    )


def _reasons(losses: Sequence[Loss]) -> str:
    return "; ".join(f"{loss.rule} at {loss.path}: {loss.message.rstrip('.')}" for loss in losses)
