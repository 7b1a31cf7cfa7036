"""Notices when the operator is alive but blind: its own writes must come back to it through its watches.

In: what was written, and what the watches show. Out: how long the oldest write has been out of sight. Invariant: the
age is zero while nothing is awaited, so an idle operator is never called blind. See kopf#585, kopf#957, kopf#1276.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..kube.api import Object
from ..kube.kinds import Kind

__all__ = ["WatchAudit"]

_Key = tuple[str, str, str]


@dataclass(frozen=True)
class _Awaited:
    version: int
    since: float


class WatchAudit:
    """`monotonic` in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._awaited: dict[_Key, _Awaited] = {}

    def wrote(self, kind: Kind, written: Object) -> None:
        """`written` as the API server answered it. The first write that is not seen yet keeps its place."""
        metadata = written["metadata"]
        key = (kind.kind, metadata["namespace"], metadata["name"])
        self._awaited.setdefault(key, _Awaited(_version(metadata["resourceVersion"]), self._monotonic()))

    def saw(self, kind: Kind, namespace: str, name: str, version: str, deleted: bool) -> None:
        """An event of this object arrived."""
        key = (kind.kind, namespace, name)
        awaited = self._awaited.get(key)
        if awaited and (deleted or _version(version) >= awaited.version):
            del self._awaited[key]

    @property
    def age(self) -> float:
        """Seconds for which the oldest write has not been seen; 0 where all were."""
        oldest = min((awaited.since for awaited in self._awaited.values()), default=None)
        return 0.0 if oldest is None else self._monotonic() - oldest


def _version(text: str) -> int:
    return int(text) if text.isdecimal() else 0
