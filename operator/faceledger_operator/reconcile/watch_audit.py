"""Notices when the operator is alive but blind: its own writes must come back to it through its watches.

In: what was written, and what the watches show. Out: how long the oldest write has been out of sight. Invariant: the
age is zero while nothing is awaited, so an idle operator is never called blind: an event may come before the answer to
the write that caused it. See kopf#585, kopf#957, kopf#1276.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..kube.api import Object
from ..kube.kinds import Kind

__all__ = ["WatchAudit"]

_Key = tuple[str, str, str]

SEEN_LIMIT = 4096
"""Objects whose last version is remembered: only those matter that were seen while a write was being answered."""


@dataclass(frozen=True)
class _Awaited:
    version: int
    since: float


class WatchAudit:
    """`monotonic` in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._awaited: dict[_Key, _Awaited] = {}
        self._seen: dict[_Key, float] = {}

    def wrote(self, kind: Kind, written: Object) -> None:
        """`written` as the API server answered it. The first write that is not seen yet keeps its place."""
        metadata = written["metadata"]
        key = (kind.kind, metadata["namespace"], metadata["name"])
        version = _version(metadata["resourceVersion"])
        if self._seen.get(key, -1) < version:
            self._awaited.setdefault(key, _Awaited(version, self._monotonic()))

    def saw(self, kind: Kind, namespace: str, name: str, version: str, deleted: bool) -> None:
        """An event of this object arrived."""
        key = (kind.kind, namespace, name)
        seen = math.inf if deleted else _version(version)
        self._remember(key, seen)
        awaited = self._awaited.get(key)
        if awaited and seen >= awaited.version:
            del self._awaited[key]

    @property
    def age(self) -> float:
        """Seconds for which the oldest write has not been seen; 0 where all were."""
        oldest = min((awaited.since for awaited in self._awaited.values()), default=None)
        return 0.0 if oldest is None else self._monotonic() - oldest

    def _remember(self, key: _Key, seen: float) -> None:
        """The newest comes last, the oldest is forgotten first."""
        self._seen.pop(key, None)
        self._seen[key] = seen
        if len(self._seen) > SEEN_LIMIT:
            del self._seen[next(iter(self._seen))]


def _version(text: str) -> int:
    return int(text) if text.isdecimal() else 0
