"""Spreads shards of a run over Ray actors, as many as the cluster has room for, and loses none when one dies.

In: shards and the chain of steps that each goes through. Out: one result a shard, in the shards' order. Invariants:
work starts with the first actor that is up and later ones join; an actor has its next shard before it has finished
one; at most a window of results waits in memory; a shard whose actor died goes to another one.

    starting --ready--> up, with up to DEPTH shards under way, answered in order
       ^                 |
       +-- a new one <-- died
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import ObjectLostError, OutOfMemoryError, RayActorError, RayTaskError

from faceledger_workloads.failures import RunFailed
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.shards import Chain

__all__ = ["MAX_DEATHS", "FacePool", "Stored"]

_LOST = (RayActorError, ObjectLostError, OutOfMemoryError)
"""The actor died, or its node with the finished result."""

MAX_DEATHS = 4
"""Actors that may die over one shard before the shard itself is suspected."""

MAX_STILLBORN = 4
"""Actors a place that may die before one of them is up: more, and none ever will be."""

DEPTH = 2
"""Shards that an actor has at once: it begins the next one while the driver takes the last one's result."""

WINDOW = 4
"""Shards an actor that may be done or under way before the oldest one is taken: bounds memory."""

TICK_S = 1.0
"""Seconds between two calls of `on_wait` while nothing finishes."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Stored(Generic[Value]):
    """A value in Ray's object store: one copy a node."""

    reference: Any

    def get(self) -> Value:
        value: Value = ray.get(self.reference)
        return value


@dataclass
class _Task:
    """A shard under way on an actor. `abandoned`: of a run that was left early, nobody waits for its result."""

    shard: int
    reference: Any
    abandoned: bool = False


@dataclass(eq=False)
class _Place:
    """One place for an actor, which has `tasks` under way, oldest first. `starting` is its `ready` until it is up."""

    actor: Any
    starting: Any | None
    tasks: deque[_Task] = field(default_factory=deque)

    @property
    def awaited(self) -> Any | None:
        """What it answers next; None for an idle actor."""
        if self.starting is not None:
            return self.starting
        return self.tasks[0].reference if self.tasks else None

    @property
    def has_room(self) -> bool:
        return self.starting is None and len(self.tasks) < DEPTH


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
        if self.ended or len(self.open) + len(self.done) >= limit:
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

    def lose(self, shard: int, blamed: bool) -> None:
        """Its actor died; `blamed` if that was over this shard, not while it waited for its turn."""
        self.deaths[shard] = self.deaths.get(shard, 0) + blamed
        if self.deaths[shard] >= MAX_DEATHS:
            message = f"{MAX_DEATHS} workers died one after the other over shard {shard}: see their pods' memory limit"
            raise RunFailed(FailureReason.INFRASTRUCTURE_FAILED, message, retryable=True)
        self.retry.append(shard)


class FacePool:
    """`size` actors made by `create`, which must answer a fresh handle of a `StepTaker` with a `ready` method."""

    def __init__(
        self,
        create: Callable[[], Any],
        size: int,
        on_wait: Callable[[bool], None],
        end: Callable[[Any], object] = ray.kill,
    ) -> None:
        """`on_wait(any actor is up)` is called about once a second while the pool waits; `end` is what becomes of an
        actor when the pool is closed."""
        self._create = create
        self._end = end
        self._on_wait = on_wait
        self._places = [self._fresh() for _ in range(size)]
        self._stillborn = 0

    def run(self, chain: Chain, shards: Iterable[Any]) -> Iterator[Any]:
        """Results in the shards' order. Raises what a worker raised."""
        ledger = _Ledger(iter(enumerate(shards)))
        try:
            while True:
                yield from ledger.results()
                self._hand_out(chain, ledger)
                if ledger.exhausted:
                    return
                self._wait(ledger)
        finally:
            self._abandon()

    def share(self, value: Value) -> Stored[Value]:
        """Into the object store."""
        return Stored(ray.put(value))

    def close(self) -> None:
        """Gives all actors up."""
        for place in self._places:
            self._end(place.actor)
        self._places = []

    def _fresh(self) -> _Place:
        actor = self._create()
        return _Place(actor, actor.ready.remote())

    def _hand_out(self, chain: Chain, ledger: _Ledger) -> None:
        """Shards go to whoever has fewest."""
        while places := [place for place in self._places if place.has_room]:
            shard = ledger.take(WINDOW * len(self._places))
            if shard is None:
                return
            place = min(places, key=lambda one: len(one.tasks))
            place.tasks.append(_Task(shard, _submit(place.actor, chain, ledger.open[shard])))

    def _wait(self, ledger: _Ledger) -> None:
        awaited = {place.awaited: place for place in self._places if place.awaited is not None}
        ready, _ = ray.wait(list(awaited), num_returns=1, timeout=TICK_S)
        if not ready:
            self._on_wait(any(place.starting is None for place in self._places))
            return
        place = awaited[ready[0]]
        try:
            result = ray.get(ready[0])
        except _LOST:
            self._replace(place, ledger)
            return
        except RayTaskError as error:
            if place.starting is None and place.tasks.popleft().abandoned:
                return
            raise _cause(error) from None
        self._stillborn = 0
        if place.starting is not None:
            place.starting = None
        elif not (task := place.tasks.popleft()).abandoned:
            ledger.finish(task.shard, result)

    def _replace(self, place: _Place, ledger: _Ledger) -> None:
        """Its actor is gone or out of reach; ended for good, because a shard must not run twice at once."""
        ray.kill(place.actor)
        self._places[self._places.index(place)] = self._fresh()
        if place.starting is not None:
            self._stillborn += 1
            if self._stillborn >= MAX_STILLBORN * len(self._places):
                message = f"{self._stillborn} workers died before they were up: see their pods' memory limit"
                raise RunFailed(FailureReason.INFRASTRUCTURE_FAILED, message, retryable=True)
        for position, task in enumerate(place.tasks):
            if not task.abandoned:
                ledger.lose(task.shard, blamed=position == 0)

    def _abandon(self) -> None:
        """After a run that was left early: actors still busy with its shards are idle when they have finished."""
        for place in self._places:
            for task in place.tasks:
                task.abandoned = True


def _submit(actor: Any, chain: Chain, shard: Any) -> Any:
    """Reference of the last step's answer; the actor takes the steps in the order in which they are submitted."""
    given: tuple[Any, ...] = (shard,)
    for number, step in enumerate(chain, 1):
        reference = actor.take_step.options(name=step.name).remote(step, number == len(chain), *given)
        given = ()
    return reference


def _cause(error: RayTaskError) -> BaseException:
    """A worker's `RunFailed` as itself; anything else as Ray wraps it."""
    return error.cause if isinstance(error.cause, RunFailed) else error
