"""The artifacts, parameters and constants of a running task: read when touched, stored when the attempt ends.

What user code has read or assigned lies in one dictionary, `values`, which is the `__dict__` of the step's
`self`: reading an attribute again costs nothing. At the end everything that was assigned is encoded. What was
only read is encoded again too, when its type can change and nothing shows that it did not, because user code may
have changed it in place; it is an output when its digest is another. A value that another language wrote, or that holds pickled objects, may
get other bytes although nobody changed it. So a value that seems changed is compared with a fresh copy of what
is stored before it counts as changed.
"""

from __future__ import annotations

import datetime
import decimal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from instep import values as codec
from instep._blobs import Blobs
from instep._config_view import frozen
from instep._reading import reading
from instep._task import Input, InputKind, Output
from instep._unchanged import Footprint, footprint_of
from instep.errors import InstepError
from instep.values._loss import reading_refusal, refusal, told

INLINE_BYTES = 64 * 1024
"""Manifests up to this size travel with the report; larger ones are stored as blobs."""
ALL_INLINE_BYTES = 512 * 1024
"""So many bytes of manifests travel with a report at most."""

EVERYTHING = "*"
"""Stands among the names of inputs that user code looked at for all that there are."""

_UNCHANGING = frozenset(
    {
        bool,
        bytes,
        complex,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        decimal.Decimal,
        float,
        int,
        range,
        str,
        type(None),
    }
)


class Artifacts:
    """What a running task can read, and what it leaves behind.

    Args:
        inputs: What the task starts with, by name.
        blobs: Where bytes are read and written.
        values: Takes what user code reads and assigns, by name.
        on_loss: What to do about losses.
        tell: Takes a line for each loss, once for each artifact and rule.
    """

    def __init__(
        self,
        inputs: Mapping[str, Input],
        blobs: Blobs,
        values: dict[str, object],
        on_loss: codec.OnLoss = "ignore",
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.values = values
        self._on_loss = on_loss
        self._tell = tell
        self._told: set[tuple[str, str]] = set()
        self._inputs = dict(inputs)
        self._blobs = blobs
        self._assigned: set[str] = set()
        self._read: set[str] = set()
        self._forwarded: dict[str, Input] = {}
        self._deleted: set[str] = set()
        self._stored: list[codec.Blob] = []
        self._footprints: dict[str, Footprint] = {}
        self._inline_left = ALL_INLINE_BYTES
        self.decode_seconds = 0.0
        self.encode_seconds = 0.0
        self.store_seconds = 0.0

    def __contains__(self, name: str) -> bool:
        return name in self.values or name in self._inputs

    def names(self) -> set[str]:
        """Names all that can be read."""
        return {*self.values, *self._inputs}

    def note_reading(self, *names: str) -> None:
        """Notes that user code looked at inputs, or looked for some that are not there."""
        self._read.update(names)

    def note_reading_all(self) -> None:
        """Notes that user code asked for all inputs that there are."""
        self._read.add(EVERYTHING)

    def reads(self) -> tuple[str, ...]:
        """Names the inputs that user code looked at or for, sorted."""
        return tuple(sorted(self._read))

    def is_set(self, name: str) -> bool:
        """Tells whether the task itself has set a name."""
        return name in self._assigned or name in self._forwarded

    def load(self, name: str) -> object:
        """Reads a value that the task starts with.

        Raises:
            KeyError: There is none of that name.
            ValueDecodeError: It cannot be decoded.
        """
        self._read.add(name)
        fetched: list[memoryview | bytes] = []

        def fetch(hash: str, size: int) -> memoryview | bytes:
            fetched.append(self._blobs.fetch(hash, size))
            return fetched[-1]

        value = self._decode(
            self._inputs[name],
            lambda manifest: codec.decode(manifest, fetch, name=name, heed=self._heed_reading),
        )
        if footprint := footprint_of(value, fetched):
            self._footprints[name] = footprint
        fetched.clear()  # handles keep `fetch`
        self.values[name] = value
        return value

    def assign(self, name: str, value: object) -> None:
        """Puts a value in the place of user code."""
        self.values[name] = value
        self.mark_assigned(name)

    def mark_assigned(self, name: str) -> None:
        """Notes that user code has put something into `values`."""
        self._assigned.add(name)
        self._forwarded.pop(name, None)
        self._deleted.discard(name)

    def delete(self, name: str) -> None:
        """Deletes an artifact.

        Raises:
            KeyError: There is none of that name.
        """
        if name not in self:
            raise KeyError(name)
        self.values.pop(name, None)
        self._assigned.discard(name)
        inherited = self._inputs.pop(name, None)
        if inherited and self._forwarded.pop(name, None) is None:
            self._deleted.add(name)

    def forward(self, taken: Mapping[str, Input]) -> None:
        """Takes over artifacts of a join's inputs as they are."""
        self._inputs.update(taken)
        self._forwarded.update(taken)

    def decode(self, stored: Input) -> object:
        """Decodes a stored value anew."""
        return self._decode(
            stored,
            lambda manifest: codec.decode(
                manifest, self._blobs.fetch, name=stored.name, heed=self._heed_reading
            ),
        )

    def decode_item(self, stored: Input, index: int) -> object:
        """Decodes one item of a stored value, without the others where that is possible."""
        return self._decode(
            stored,
            lambda manifest: codec.decode_item(
                manifest, index, self._blobs.fetch, name=stored.name, heed=self._heed_reading
            ),
        )

    def outputs(self) -> tuple[Output, ...]:
        """Stores all that was assigned or changed. Nothing is written before all of it is known to be storable.

        Raises:
            ValueEncodeError: A value cannot be stored, or not without a loss that is an error. It names the artifact.
        """
        changed = list(self._changed())
        for name, encoded in changed:
            self._heed_losses(name, encoded)
        return tuple(self._store(name, encoded) for name, encoded in changed)

    def assigned_outputs(self) -> tuple[Output, ...]:
        """Stores what was assigned and can be stored, for an attempt that failed."""
        outputs = []
        for name in sorted(self._assigned & self.values.keys()):
            try:
                encoded = self._encode(name)
                self._heed_losses(name, encoded)
                outputs.append(self._store(name, encoded))
            except InstepError:
                continue  # the attempt has failed already, for a better reason
        return tuple(outputs)

    def store_again(self) -> None:
        """Writes all outputs once more, for a store that has lost them since."""
        self._blobs.put(self._stored)

    def deleted(self) -> tuple[str, ...]:
        """Names what was deleted of that with which the task started."""
        return tuple(sorted(self._deleted))

    def forwarded(self) -> tuple[Input, ...]:
        """Names what was taken over and is still as it was."""
        return tuple(self._forwarded.values())

    def _decode(self, stored: Input, read: Callable[[bytes], object]) -> object:
        started = time.perf_counter()
        try:
            with reading(stored.name):
                value = read(self._manifest(stored))
                return frozen(value) if stored.kind is InputKind.CONFIG else value
        finally:
            self.decode_seconds += time.perf_counter() - started

    def _manifest(self, stored: Input) -> bytes:
        return stored.manifest or self._blobs.fetch_manifest(stored.digest)

    def _changed(self) -> Iterator[tuple[str, codec.Encoded]]:
        for name, value in list(self.values.items()):
            if name in self._assigned or name not in self._inputs:
                yield name, self._encode(name)
            elif self._inputs[name].kind is InputKind.ARTIFACT and self._may_have_changed(name, value):
                encoded = self._encode(name)
                if not self._is_as_stored(encoded, self._inputs[name]):
                    self._forwarded.pop(name, None)
                    yield name, encoded

    def _may_have_changed(self, name: str, value: object) -> bool:
        footprint = self._footprints.get(name)
        return can_change(value) and not (footprint and footprint.fits(value))

    def _is_as_stored(self, encoded: codec.Encoded, stored: Input) -> bool:
        if encoded.digest == stored.digest:
            return True
        if stored.name in self._footprints:  # made of plain arrays, which were written to
            return False
        fresh = codec.encode(self.decode(stored), name=stored.name, on_loss="ignore")
        return fresh.digest == encoded.digest

    def _encode(self, name: str) -> codec.Encoded:
        started = time.perf_counter()
        try:
            return codec.encode(self.values[name], name=name, on_loss="ignore")
        finally:
            self.encode_seconds += time.perf_counter() - started

    def _heed_losses(self, name: str, encoded: codec.Encoded) -> None:
        if encoded.losses and self._on_loss == "error":
            raise refusal(encoded.losses, name)
        self._tell_losses(encoded.losses, name)

    def _heed_reading(self, losses: Sequence[codec.Loss], name: str) -> None:
        if losses and self._on_loss == "error":
            raise reading_refusal(losses, name)
        self._tell_losses(losses, name)

    def _tell_losses(self, losses: Sequence[codec.Loss], name: str) -> None:
        if self._on_loss == "warn":
            for loss in losses:
                if (name, loss.rule) not in self._told:
                    self._told.add((name, loss.rule))
                    self._tell(told(loss, name))

    def _store(self, name: str, encoded: codec.Encoded) -> Output:
        started = time.perf_counter()
        inline = len(encoded.manifest) <= min(INLINE_BYTES, self._inline_left)
        if inline:
            self._inline_left -= len(encoded.manifest)
        own = () if inline else (codec.Blob(encoded.digest.hash, encoded.digest.size, (encoded.manifest,)),)
        blobs = [*encoded.blobs, *own]
        self._blobs.put(blobs)
        self._stored += blobs
        self.store_seconds += time.perf_counter() - started
        return Output(
            name=name,
            digest=encoded.digest,
            manifest=encoded.manifest if inline else b"",
            portable=encoded.portable,
            summary=encoded.summary,
            type_name=encoded.type_name,
            blobs=tuple(blob.digest for blob in encoded.blobs),
        )


def can_change(value: object) -> bool:
    """Tells whether a value could be changed in place, without looking deeper than into tuples."""
    kind = type(value)
    if kind is tuple or kind is frozenset:
        members: Iterable[object] = value  # type: ignore[assignment]
        return any(can_change(member) for member in members)
    return kind not in _UNCHANGING
