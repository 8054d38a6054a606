"""`Instep`: the store, from which everything can be reached."""

from __future__ import annotations

from collections.abc import Iterator

from instep._client import _html
from instep._client._flow import Flow
from instep._client._scope import Scope


class Instep:
    """The store: all flows that have a run in the namespace.

    Raises:
        StoreMissingError: There is no store.

    Example:
        >>> [flow.id for flow in Instep()]  # doctest: +SKIP
        ['Pricing']
    """

    def __init__(self) -> None:
        self._scope = Scope.here()

    @property
    def flows(self) -> list[Flow]:
        """The flows, sorted by name."""
        return list(self)

    def __iter__(self) -> Iterator[Flow]:
        names = self._scope.archive.flows(self._scope.tags)
        return (Flow._unchecked(self._scope, (name,)) for name in names)

    def __contains__(self, name: object) -> bool:
        return name in self._scope.archive.flows(self._scope.tags)

    def __getitem__(self, name: str) -> Flow:
        if name not in self:
            raise KeyError(name)
        return Flow._unchecked(self._scope, (name,))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instep) and self._scope == other._scope

    def __hash__(self) -> int:
        return hash(self._scope)

    def _ipython_key_completions_(self) -> list[str]:
        return [flow.id for flow in self]

    def _facts(self) -> str:
        return f"namespace {self._scope.namespace}" if self._scope.namespace else "everything"

    def __repr__(self) -> str:
        names = ", ".join(flow.id for flow in self)
        return f"<Instep {self._scope.home} ({self._facts()}): {names or 'no flows'}>"

    def _repr_html_(self) -> str:
        rows = [[flow.id, flow._facts()] for flow in self]
        return _html.block(
            "Instep", str(self._scope.home), self._facts(), _html.Table(["flow", "latest run"], rows)
        )
