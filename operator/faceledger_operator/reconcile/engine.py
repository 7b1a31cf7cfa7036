"""Looks at each resource when something about it may have changed, and again until there is nothing to do.

    asleep --wake--> due --(a free place)--> in a pass --seconds--> due later --+
      ^                ^                        |   |                           |
      |                +---- woken meanwhile ---+   +-- transient error: back-off
      +-------------------- None ---------------+

In: wake-ups by key (kind, namespace, name), which carry no content. Out: calls of the kind's reconciler. Invariants:
one pass per key at a time; wake-ups during a pass make one more pass; no error of one resource stops another.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import structlog

from .. import metrics
from ..kube.errors import ApiConflictError, ApiRefusedError, ApiUnavailableError
from ..kube.kinds import Kind
from ..ledger.ledger import LedgerUnavailableError

__all__ = ["Engine", "Key", "Reconciler", "backoff"]

Reconciler = Callable[[str, str], Awaitable[float | None]]
"""(namespace, name) -> seconds until the next look, None to wait for an event."""

Key = tuple[Kind, str, str]

PLACES = 16
"""Passes at once. Each has up to ten requests under way: more passes would only wait for each other, and the renewal of
the lease with them."""

FIRST_BACKOFF, LONGEST_BACKOFF = 0.25, 30.0
"""Seconds."""

_TRANSIENT = (ApiUnavailableError, ApiConflictError, LedgerUnavailableError)

_log = structlog.get_logger(__name__)


class Engine:
    """Runs reconcilers inside `async with`; leaving it ends all passes."""

    def __init__(self, reconcilers: Mapping[Kind, Reconciler], jitter: Callable[[], float] = random.random) -> None:
        """`jitter` answers numbers from 0 to 1."""
        self._reconcilers = reconcilers
        self._jitter = jitter
        self._places = asyncio.Semaphore(PLACES)
        self._woken: dict[Key, asyncio.Event] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._open = False

    async def __aenter__(self) -> Engine:
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def active(self) -> int:
        """Keys that are in a pass or due."""
        return len(self._tasks)

    def wake(self, kind: Kind, namespace: str, name: str) -> None:
        """Something about the resource may have changed. Kinds without a reconciler are ignored."""
        if not self._open or kind not in self._reconcilers:
            return
        key = (kind, namespace, name)
        if key in self._woken:
            self._woken[key].set()
            return
        self._woken[key] = asyncio.Event()
        self._woken[key].set()
        self._tasks[key] = asyncio.create_task(self._serve(key), name=f"{kind.kind} {namespace}/{name}")

    async def _serve(self, key: Key) -> None:
        woken = self._woken[key]
        errors = 0
        try:
            pause: float | None = 0.0
            while pause is not None or woken.is_set():
                await _wait(woken, pause)
                woken.clear()
                pause, errors = await self._pass(key, errors)
        finally:
            # Nothing is awaited between the check above and this, so no wake-up can be lost in between.
            del self._woken[key]
            del self._tasks[key]

    async def _pass(self, key: Key, errors: int) -> tuple[float | None, int]:
        """Seconds until the next look, and how many passes in a row have failed."""
        kind, namespace, name = key
        log = _log.bind(kind=kind.kind, namespace=namespace, name=name)
        try:
            with metrics.queued(kind.kind):
                await self._places.acquire()
            try:
                with metrics.one_pass(kind.kind):
                    return await self._reconcilers[kind](namespace, name), 0
            finally:
                self._places.release()
        except _TRANSIENT as error:
            log.info("looking again", error=str(error), type=type(error).__name__)
        except ApiRefusedError as error:
            log.warning("the API server refused", error=error.message, status=error.status)
        except Exception:
            # A mistake of ours in one resource must not stop the others; the trace says where.
            log.exception("pass failed")
        return backoff(errors, self._jitter()), errors + 1


def backoff(errors: int, jitter: float) -> float:
    """Seconds: exponential, capped, with full jitter, so that many keys do not come back at once."""
    longest = min(FIRST_BACKOFF * float(1 << min(errors, 16)), LONGEST_BACKOFF)
    return longest * jitter


async def _wait(woken: asyncio.Event, seconds: float | None) -> None:
    if woken.is_set() or not seconds:
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(woken.wait(), timeout=seconds)
