"""Asks the content store for the artefacts of many records at once, so that one record without them holds up no other.

In: names with the CIDs that each one needs, again and again. Out: the names whose CIDs are all pinned, and why the
others wait. Invariant: a look takes a moment, however long the store looks for a block: what is not answered by then
goes on, and a later look collects it. New names come first, then those that were tried longest ago.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from faceledger_contracts.content import ContentError, ContentStoreUnreachable

__all__ = ["Pinning"]

PLACES = 8
"""Names that are asked for at the same time; those that failed before take at most half of them."""

LOOK_SECONDS = 1.0
"""A look waits no longer for what it has begun to ask."""

Ask = Callable[[Sequence[str]], Awaitable[None]]
"""Returns once all of the CIDs are pinned. Raises ContentError, or ValueError for what is no CID."""

Problem = ContentError | ValueError


class Pinning:
    """What is being asked of one content store."""

    def __init__(self, ask: Ask, look_seconds: float = LOOK_SECONDS) -> None:
        self._ask = ask
        self._look_seconds = look_seconds
        self._asking: dict[str, asyncio.Task[Problem | None]] = {}
        self._problems: dict[str, Problem] = {}
        """What the store said of those that failed when last tried, the one that was tried longest ago first."""

    async def look(self, wanted: Mapping[str, Sequence[str]]) -> tuple[list[str], dict[str, Problem]]:
        """The names of `wanted` that are pinned, and the problems of those that are not."""
        self._asking = {name: task for name, task in self._asking.items() if name in wanted}
        self._problems = {name: problem for name, problem in self._problems.items() if name in wanted}
        pinned = self._collect()
        clock = asyncio.get_running_loop().time
        queue, begun, end = self._queue(wanted, pinned), set[str](), clock() + self._look_seconds
        while tasks := self._begin(queue, begun, wanted):
            answered, _ = await asyncio.wait(tasks, timeout=end - clock(), return_when=asyncio.FIRST_COMPLETED)
            pinned += self._collect()
            if not answered:
                break
            if any(isinstance(task.result(), ContentStoreUnreachable) for task in answered):
                queue.clear()
        return pinned, {name: self._problems[name] for name in wanted if name in self._problems}

    def _queue(self, wanted: Mapping[str, Sequence[str]], pinned: Sequence[str]) -> deque[str]:
        """What this look may ask for, each name once."""
        done = {*pinned, *self._asking}
        new = (name for name in wanted if name not in self._problems)
        return deque(name for name in (*new, *self._problems) if name not in done)

    def _begin(
        self, queue: deque[str], begun: set[str], wanted: Mapping[str, Sequence[str]]
    ) -> list[asyncio.Task[Problem | None]]:
        """Asks for as many as there are places for; all that this look has begun and that is not answered."""
        while queue and len(self._asking) < PLACES:
            again = sum(name in self._problems for name in self._asking)
            if queue[0] in self._problems and again >= PLACES // 2:
                break
            name = queue.popleft()
            begun.add(name)
            self._asking[name] = asyncio.create_task(self._try(wanted[name]))
        return [task for name, task in self._asking.items() if name in begun]

    async def _try(self, cids: Sequence[str]) -> Problem | None:
        try:
            await self._ask(cids)
        except (ContentError, ValueError) as problem:
            return problem
        return None

    def _collect(self) -> list[str]:
        """Takes up all answers; the names that are pinned."""
        pinned = []
        for name in [name for name, task in self._asking.items() if task.done()]:
            answer = self._asking.pop(name).result()
            self._problems.pop(name, None)
            if answer is None:
                pinned.append(name)
            else:
                self._problems[name] = answer
        return pinned
