"""Spreads shards of a run over Ray actors, as many as the cluster has room for, and loses none when one dies.

In: shards and how each is submitted to a worker. Out: one result a shard, in the shards' order. Invariants: work
starts with the first worker that is up and later ones join; at most a window of results waits in memory; a shard
whose worker died goes to another one.

    pending --ready--> idle --submit--> busy --result--> idle
       ^                                 |
       +------- a new actor <-- died ----+
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import ObjectLostError, OutOfMemoryError, RayActorError, RayTaskError

from faceledger_workloads.failures import RunFailed
from faceledger_workloads.runspec import FailureReason

__all__ = ["MAX_DEATHS", "FacePool", "Submit"]

_LOST = (RayActorError, ObjectLostError, OutOfMemoryError)
"""The worker died, or its node with the finished result."""

Submit = Callable[[Any, Any], Any]
"""(actor handle, shard) -> object reference of the shard's result."""

MAX_DEATHS = 4
"""Workers that may die over one shard before the shard itself is suspected."""

MAX_STILLBORN = 4
"""Workers a place that may die before one of them is up: more, and none ever will be."""

WINDOW = 4
"""Shards a worker that may be done or under way before the oldest one is taken: bounds memory."""

TICK_S = 1.0
"""Seconds between two calls of `on_wait` while nothing finishes."""


@dataclass
class _Slot:
    """One place for an actor. `reference` is what it is waited for: its `ready`, or its shard's result."""

    actor: Any
    reference: Any
    shard: int | None = None
    """None while the actor is not up."""
    abandoned: bool = False
    """Busy with a shard of a run that was left early: nobody waits for the result."""


@dataclass
class _Ledger:
    """The shards of one `run`: where each one is."""

    source: Iterator[tuple[int, Any]]
    open: dict[int, Any] = field(default_factory=dict)
    """Taken from the source, not finished."""
    retry: deque[int] = field(default_factory=deque)
    deaths: dict[int, int] = field(default_factory=dict)
    done: dict[int, Any] = field(default_factory=dict)
    next_result: int = 0
    ended: bool = False

    def take(self, limit: int) -> int | None:
        """The next shard to submit, or None when all are under way or `limit` results wait."""
        if self.retry:
            return self.retry.popleft()
        if len(self.open) + len(self.done) >= limit:
            return None
        for number, shard in self.source:
            self.open[number] = shard
            return number
        self.ended = True
        return None

    @property
    def exhausted(self) -> bool:
        """Nothing is left to submit or to wait for."""
        return self.ended and not self.open

    def results(self) -> Iterator[Any]:
        """Results that are next in order."""
        while self.next_result in self.done:
            yield self.done.pop(self.next_result)
            self.next_result += 1

    def finish(self, shard: int, result: Any) -> None:
        del self.open[shard]
        self.done[shard] = result

    def lose(self, shard: int) -> None:
        self.deaths[shard] = self.deaths.get(shard, 0) + 1
        if self.deaths[shard] >= MAX_DEATHS:
            message = f"{MAX_DEATHS} workers died one after the other over shard {shard}: see their pods' memory limit"
            raise RunFailed(FailureReason.INFRASTRUCTURE_FAILED, message, retryable=True)
        self.retry.append(shard)


class FacePool:
    """`size` actors made by `create`, which must answer a fresh actor handle with a `ready` method."""

    def __init__(self, create: Callable[[], Any], size: int, on_wait: Callable[[bool], None]) -> None:
        """`on_wait(any worker is up)` is called about once a second while the pool waits."""
        self._create = create
        self._on_wait = on_wait
        self._waiting: list[_Slot] = [self._fresh() for _ in range(size)]
        self._idle: list[Any] = []
        self._size = size
        self._stillborn = 0

    def run(self, submit: Submit, shards: Iterable[Any]) -> Iterator[Any]:
        """Results in the shards' order. Raises what a worker raised."""
        ledger = _Ledger(iter(enumerate(shards)))
        try:
            while True:
                yield from ledger.results()
                self._hand_out(submit, ledger)
                if ledger.exhausted:
                    return
                self._wait(ledger)
        finally:
            self._abandon()

    def close(self) -> None:
        """Ends all actors."""
        for actor in [*self._idle, *(slot.actor for slot in self._waiting)]:
            ray.kill(actor)
        self._idle, self._waiting = [], []

    def _fresh(self) -> _Slot:
        actor = self._create()
        return _Slot(actor, actor.ready.remote())

    def _hand_out(self, submit: Submit, ledger: _Ledger) -> None:
        while self._idle and (shard := ledger.take(WINDOW * self._size)) is not None:
            actor = self._idle.pop(0)
            self._waiting.append(_Slot(actor, submit(actor, ledger.open[shard]), shard))

    def _wait(self, ledger: _Ledger) -> None:
        references = [slot.reference for slot in self._waiting]
        ready, _ = ray.wait(references, num_returns=1, timeout=TICK_S)
        if not ready:
            self._on_wait(bool(self._idle) or any(slot.shard is not None for slot in self._waiting))
            return
        slot = self._waiting.pop(references.index(ready[0]))
        try:
            result = ray.get(slot.reference)
        except _LOST:
            self._replace(slot, ledger)
            return
        except RayTaskError as error:
            self._idle.append(slot.actor)
            if slot.abandoned:
                return
            raise _cause(error) from None
        self._stillborn = 0
        self._idle.append(slot.actor)
        if slot.shard is not None and not slot.abandoned:
            ledger.finish(slot.shard, result)

    def _replace(self, slot: _Slot, ledger: _Ledger) -> None:
        """Its actor is gone or out of reach; ended for good, because a shard must not run twice at once."""
        ray.kill(slot.actor)
        if slot.shard is None:
            self._stillborn += 1
            if self._stillborn >= MAX_STILLBORN * self._size:
                message = f"{self._stillborn} workers died before they were up: see their pods' memory limit"
                raise RunFailed(FailureReason.INFRASTRUCTURE_FAILED, message, retryable=True)
        elif not slot.abandoned:
            ledger.lose(slot.shard)
        self._waiting.append(self._fresh())

    def _abandon(self) -> None:
        """After a run that was left early: workers still busy with its shards become idle when they have finished."""
        for slot in self._waiting:
            slot.abandoned = slot.shard is not None


def _cause(error: RayTaskError) -> BaseException:
    """A worker's `RunFailed` as itself; anything else as Ray wraps it."""
    return error.cause if isinstance(error.cause, RunFailed) else error
