"""What a pass' moves make of the journal. Pure.

In: the journal as it is by now, moves, the transactions that were signed for them. Out: the next journal. Invariant: a
move of an intent that is gone meanwhile, or an effect that the journal has already, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from .journal import Batch, Intent, Journal, Sent
from .moves import Finalise, Forget, Include, Move, Prolong, Reorg, Repeat, Send

__all__ = ["apply_moves"]


def apply_moves(journal: Journal, moves: Sequence[Move], signed: Mapping[str, Sent], now: int) -> Journal:
    """The journal after all moves, but for the finality of batches: their receipts are kept first."""
    for move in moves:
        journal = _apply(journal, move, signed, now)
    return journal


def _apply(journal: Journal, move: Move, signed: Mapping[str, Sent], now: int) -> Journal:
    if isinstance(move, Prolong):
        return journal.with_intent(move.authorisation)
    intent = journal.intent(move.intent.key if isinstance(move, Send) else move.key)
    if intent is None:
        return journal
    match move:
        case Include():
            return _included(journal, intent, move, now)
        case Reorg():
            return journal.with_intent(intent.with_place(None))
        case Forget():
            return journal.with_spending(move.cost, now).with_intent(intent.with_sent(None))
        case Repeat():
            return journal.with_intent(_sent_anew(intent, now)) if intent.reorged else journal
        case Send():
            return journal.with_intent(intent.with_sent(signed[intent.key]))
        case Finalise():
            return journal if isinstance(intent, Batch) else journal.with_finalised(intent.key)
        case _:
            assert_never(move)


def _sent_anew(intent: Intent, now: int) -> Intent:
    """After a reorganisation its transaction waits from now on, and is not overdue at once."""
    sent = intent.sent.model_copy(update={"at": now}) if intent.sent else None
    return intent.model_copy(update={"sent": sent, "reorged": False})


def _included(journal: Journal, intent: Intent, move: Include, now: int) -> Journal:
    if intent.place == move.place:
        return journal
    return journal.with_spending(move.cost, now).with_intent(intent.with_place(move.place))
