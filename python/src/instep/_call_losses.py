"""What happens to losses of values that pass to and from an opener: in a task what its step says, elsewhere a warning."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence

from instep_proto.v1 import opener_pb2 as pb

from instep import _process
from instep._current import running_task
from instep.errors import ValueEncodeError
from instep.values import Loss, LossWarning

_told: set[tuple[str, int, str, str]] = set()
"""Task, attempt, subject and rule of each loss that was told in a task."""


def heed(losses: Sequence[Loss], subject: str) -> None:
    """Tells losses, or refuses them.

    Args:
        losses: What is not as it was, each rule once.
        subject: What value it is, for people, such as `argument 'newdata' of predict()`.

    Raises:
        ValueEncodeError: The running task accepts no losses.
    """
    task = running_task()
    if not losses or (task and task.on_loss == "ignore"):
        return
    if task and task.on_loss == "error":
        reasons = "; ".join(f"{loss.rule} at {_path(loss)}: {loss.message.rstrip('.')}" for loss in losses)
        raise ValueEncodeError(
            f"Can't pass {subject} without loss, as on_loss demands. {reasons}.",
            code=losses[0].rule,
            artifact="",
            path=_path(losses[0]),
        )
    for loss in losses:
        line = f"Loss {loss.rule} in {subject} at {_path(loss)}: {' '.join(loss.message.split())}"
        if task is None:
            warnings.warn(LossWarning(line), stacklevel=5)
        elif (key := (task.task_id, task.attempt, subject, loss.rule)) not in _told:
            _told.add(key)
            _process.write_error(f"{line}\n")


def subject_of(name: str, what: str) -> str:
    """Says what value of a call it is.

    Args:
        name: `result`, `argument` for one without a name, or the name of an argument.
        what: The call.
    """
    if name == "result":
        return f"the result of {what}"
    return f"an argument of {what}" if name == "argument" else f"argument {name!r} of {what}"


def heed_reported(reported: Iterable[pb.CallLoss], what: str) -> None:
    """Heeds losses that an opener reports of a call.

    Raises:
        ValueEncodeError: The running task accepts no losses.
    """
    by_name: dict[str, list[Loss]] = {}
    for loss in reported:
        by_name.setdefault(loss.name, []).append(Loss(loss.rule, loss.path, loss.message))
    for name, losses in by_name.items():
        heed(losses, subject_of(name, what))


def report(losses: Sequence[Loss], name: str) -> Iterator[pb.CallLoss]:
    """Makes an opener's report of losses."""
    for loss in losses:
        yield pb.CallLoss(name=name, rule=loss.rule, path=_path(loss), message=loss.message)


def _path(loss: Loss) -> str:
    """Where it happened. A value that is passed belongs to no `self`."""
    return loss.path.removeprefix("self.")
