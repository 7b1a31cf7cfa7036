"""The nodes of a LedgerBinding, and which of them is asked: one for all of a pass, the next one where it fails.

    asked --no answer--> resting (1 s, 2 s, ... 5 s; after HTTP 429 as long as the node wants) --> asked

In: connections, the most wanted one first. Out: answers of one of them; whether they tell the same chain. Invariant: a
node that rests is not asked, and a contradiction between two nodes is an error, never settled by a vote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from .connection import Connection, RateLimitedError
from .ledger import ChainContradictedError, LedgerUnavailableError

__all__ = ["Nodes"]

FIRST_REST, LONGEST_REST = 1.0, 5.0
"""Seconds after failures in a row."""

LONGEST_LIMIT = 300.0
"""Seconds that a node may ask to be left alone for."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)


@dataclass
class _State:
    failures: int = 0
    rests_until: float = 0.0
    problem: str = ""


class Nodes:
    """At least one node. `now` gives seconds on any clock that only goes forward."""

    def __init__(self, connections: Sequence[Connection], now: Callable[[], float]) -> None:
        self.all = tuple(connections)
        self._now = now
        self._states = {id(connection): _State() for connection in self.all}

    async def close(self) -> None:
        for connection in self.all:
            await connection.close()

    async def ask(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        """The answer of the first node that gives one; the question may be asked again, in whole, of the next one.

        Raises LedgerUnavailableError, that of the first node, when none does.
        """
        errors: list[LedgerUnavailableError] = []
        for connection in self.all:
            state = self._states[id(connection)]
            if state.rests_until > self._now():
                errors.append(LedgerUnavailableError(state.problem))
                continue
            try:
                answer = await question(connection)
            except LedgerUnavailableError as error:
                self._rest(state, error)
                errors.append(error)
            else:
                self._states[id(connection)] = _State()
                return answer
        raise errors[0]

    async def confirm_block(self, number: int, block_hash: str) -> None:
        """Raises ChainContradictedError where a node has another block of this number; one without it is no witness."""
        hashes = await self._told(lambda connection: _hash_of(connection, number))
        for connection, told in hashes:
            if told not in (None, block_hash):
                raise ChainContradictedError(
                    f"network.rpc: block {number} is {block_hash} to one node and {told} to {connection.shown}"
                )

    async def confirm_chain(self, chain_id: int) -> None:
        """Raises ChainContradictedError where a node beside the first is on another chain."""
        for connection, told in await self._told(lambda connection: connection.chain_id()):
            if told != chain_id:
                raise ChainContradictedError(f"network.rpc: {connection.shown} is on chain {told}, not {chain_id}")

    def answering(self) -> int:
        """How many nodes answered when they were last asked."""
        return sum(not state.failures for state in self._states.values())

    async def _told(self, question: Callable[[Connection], Awaitable[T]]) -> list[tuple[Connection, T]]:
        """What each node answers that answers at all; a single node is no second opinion on itself."""
        awake = [x for x in self.all if self._states[id(x)].rests_until <= self._now()] if len(self.all) > 1 else []
        answers = await asyncio.gather(*(question(connection) for connection in awake), return_exceptions=True)
        told = []
        for connection, answer in zip(awake, answers, strict=True):
            if isinstance(answer, LedgerUnavailableError):
                self._rest(self._states[id(connection)], answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                told.append((connection, answer))
        return told

    def _rest(self, state: _State, error: LedgerUnavailableError) -> None:
        pause = min(FIRST_REST * 2**state.failures, LONGEST_REST)
        if isinstance(error, RateLimitedError):
            pause = min(max(pause, error.retry_after), LONGEST_LIMIT)
        state.failures += 1
        state.rests_until, state.problem = self._now() + pause, str(error)
        _log.warning("node does not answer", problem=state.problem, rests_seconds=pause)


async def _hash_of(connection: Connection, number: int) -> str | None:
    block = await connection.block(number)
    return block.hash if block else None
