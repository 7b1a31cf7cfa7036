"""One look at a chain: each question is asked once, however many receipts ask it.

In: a chain. Out: the same chain with its answers kept. Invariant: every receipt of one pass is judged by the same
answers, a node's failure to give one included; a new pass takes a new snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from faceledger_contracts.evidence import Block, Chain, ChainUnavailable, FinalityTag, Outcome, RunKeyWindow

__all__ = ["Snapshot"]

_Answer = TypeVar("_Answer")
_Item = TypeVar("_Item", str, bytes)


class Snapshot:
    """A `Chain` that answers from memory what it was asked before."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._answers: dict[tuple[Any, ...], Any] = {}

    def chain_id(self) -> int:
        return self._ask(self._chain.chain_id)

    def code_hash(self, contract: str) -> bytes:
        return self._ask(self._chain.code_hash, contract)

    def outcome(self, transaction: bytes, contract: str) -> Outcome | None:
        return self._ask(self._chain.outcome, transaction, contract)

    def block(self, number: int) -> Block | None:
        return self._ask(self._chain.block, number)

    def head(self) -> int:
        return self._ask(self._chain.head)

    def tagged(self, tag: FinalityTag) -> int | None:
        return self._ask(self._chain.tagged, tag)

    def run_key_windows(self, contract: str, keys: Sequence[str]) -> list[RunKeyWindow]:
        return self._ask_each(self._chain.run_key_windows, contract, keys)

    def revoked_at(self, contract: str, nullifiers: Sequence[bytes]) -> list[int]:
        return self._ask_each(self._chain.revoked_at, contract, nullifiers)

    def _ask_each(
        self, method: Callable[[str, Sequence[_Item]], list[_Answer]], contract: str, items: Sequence[_Item]
    ) -> list[_Answer]:
        """The answer for each item; those that were never asked for are asked for in one question."""
        name = method.__name__
        new = [one for one in dict.fromkeys(items) if (name, contract, one) not in self._answers]
        if new:
            answers: Sequence[Any]
            try:
                answers = method(contract, new)
            except ChainUnavailable as error:
                answers = [error] * len(new)
            self._answers |= {(name, contract, one): answer for one, answer in zip(new, answers, strict=True)}
        return [self._kept(name, contract, one) for one in items]

    def _ask(self, method: Callable[..., _Answer], *arguments: object) -> _Answer:
        question = (method.__name__, *arguments)
        if question not in self._answers:
            try:
                self._answers[question] = method(*arguments)
            except ChainUnavailable as error:
                self._answers[question] = error
        return cast("_Answer", self._kept(*question))

    def _kept(self, *question: object) -> Any:
        answer = self._answers[question]
        if isinstance(answer, ChainUnavailable):
            raise ChainUnavailable(str(answer))
        return answer
