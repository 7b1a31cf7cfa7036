"""What happened to transactions that a person may want to hear of: one line each. Pure.

In: the moves of a pass. Out: happenings, as events tell them. Invariant: the ordinary course, sent, included, final,
is none; each names the batch or the key, and no secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .journal import Batch, Intent, Journal
from .moves import Forget, Move, Reorg, Send

__all__ = ["Happening", "Kind", "happenings_of"]

Kind = Literal["BlockReorganised", "TransactionReplaced", "TransactionFailed", "ForeignTransaction"]


@dataclass(frozen=True)
class Happening:
    kind: Kind
    message: str


def happenings_of(moves: Sequence[Move], journal: Journal) -> list[Happening]:
    """What the moves of a pass tell, of intents as the journal had them before."""
    told = [_happening(move, journal) for move in moves]
    return [happening for happening in told if happening is not None]


def _happening(move: Move, journal: Journal) -> Happening | None:
    intent = journal.intent(move.intent.key if isinstance(move, Send) else getattr(move, "key", ""))
    if intent is None or intent.sent is None:
        return None
    what, sent = _name(intent), intent.sent
    match move:
        case Reorg():
            place = f"block {intent.place.block_number}" if intent.place else "its block"
            return Happening("BlockReorganised", f"{what}: {place} is no longer part of the chain; it is sent again")
        case Send() if move.nonce == sent.nonce:
            return Happening("TransactionReplaced", f"{what}: {sent.hashes[-1]} waited too long and is sent for more")
        case Forget() if move.cost:
            return Happening("TransactionFailed", f"{what}: {sent.hashes[-1]} reverted; another one is sent")
        case Forget():
            return Happening(
                "ForeignTransaction",
                f"{what}: nonce {sent.nonce} was used by a transaction that is not the operator's; does somebody else "
                f"use the signer's key?",
            )
        case _:
            return None


def _name(intent: Intent) -> str:
    return f"batch {intent.id}" if isinstance(intent, Batch) else intent.key
