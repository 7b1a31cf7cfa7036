"""What to do next about each intent of a journal, given what the chain shows. Pure.

    unsent --Send--> sent --Include--> placed --Finalise--> gone
       ^             | ^ '-- Repeat, or Send with the same nonce and higher fees
       '---Forget----' '-----Reorg-----'  (its transaction is broadcast again as it is)

In: the journal, a `ChainView`, the binding's `Policy`, the time. Out: moves, and what stands in the way, if anything.
Invariant: no nonce is offered twice, no fee is above the cap, and nothing is sent for an intent whose effect the chain
shows already.
"""

from __future__ import annotations

from .allowance import LOST_SECONDS, Allowance
from .journal import Authorisation, Intent, Journal
from .moves import (
    ChainView,
    Decision,
    Finalise,
    Forget,
    Include,
    Move,
    Policy,
    Prolong,
    Reorg,
    Repeat,
    Seen,
    Send,
)

__all__ = ["OVERDUE_BLOCKS", "OVERDUE_SECONDS", "REPEAT_SECONDS", "WINDOW_MARGIN", "decide_batches"]

REPEAT_SECONDS = 2
"""A transaction that is in no block after this is broadcast again: nodes forget theirs when they restart."""

OVERDUE_SECONDS = 20
OVERDUE_BLOCKS = 3
"""A transaction that waits for both of these is offered again with higher fees."""

WINDOW_MARGIN = 600
"""Seconds before a run key's window closes at which it is prolonged, while a batch that it signed is not committed."""

WINDOW_EXTENSION = 86_400
"""Seconds by which it is prolonged."""

_NEVER_AGAIN = {"RunKeyWindowClosed", "RunKeyWindowNotExtended", "InvalidRunKey"}
"""Errors of an authorisation that no waiting mends: it is given up."""


def decide_batches(journal: Journal, view: ChainView, policy: Policy, now: int) -> Decision:
    """The moves of this pass over all intents that the view speaks of."""
    allowance = Allowance(journal, view, policy, now)
    moves: list[Move] = []
    for intent in journal.intents():
        seen = view.seen.get(intent.key)
        if seen is None:
            continue
        if seen.place is None and intent.place is None:
            moves += _pursue(intent, seen, allowance)
        else:
            moves += _settle(intent, seen, view)
    known = {intent.key for intent in journal.authorisations}
    moves += [move for move in _prolong(journal, view) if move.authorisation.key not in known]
    return Decision(tuple(moves), allowance.trouble)


def _settle(intent: Intent, seen: Seen, view: ChainView) -> list[Move]:
    """Moves of an intent that is, or was, in a block."""
    if seen.place is None:
        return [Reorg(intent.key)]
    moves: list[Move] = [] if seen.place == intent.place else [Include(intent.key, seen.place, seen.cost)]
    if seen.place.block_number <= view.final:
        moves.append(Finalise(intent.key))
    return moves


def _pursue(intent: Intent, seen: Seen, allowance: Allowance) -> list[Move]:
    if seen.effective:
        return _accept(intent, allowance)
    if intent.sent is None:
        return _launch(intent, seen, allowance)
    if seen.failed:
        return [Forget(intent.key, seen.cost)]
    sent, view, waited = intent.sent, allowance.view, allowance.now - intent.sent.at
    if sent.nonce < view.nonce:
        return [Forget(intent.key)] if waited >= LOST_SECONDS else []
    if intent.reorged:
        return [Repeat(intent.key)]
    if allowance.heals_gap(sent):
        return [Send(intent, view.nonce, sent.gas, sent.fees)]
    if waited >= OVERDUE_SECONDS and view.head.number - sent.block >= OVERDUE_BLOCKS:
        bumped = allowance.bumped(sent)
        return [Send(intent, sent.nonce, sent.gas, bumped)] if bumped else [Repeat(intent.key)]
    return [Repeat(intent.key)] if waited >= REPEAT_SECONDS else []


def _accept(intent: Intent, allowance: Allowance) -> list[Move]:
    """The chain shows the effect, and no transaction that brought it about: perhaps the next look does."""
    by_others = intent.sent is None or intent.sent.nonce < allowance.view.nonce
    return [Finalise(intent.key)] if by_others and isinstance(intent, Authorisation) else []


def _launch(intent: Intent, seen: Seen, allowance: Allowance) -> list[Move]:
    if seen.revert:
        allowance.refused(intent, seen.revert)
        for_good = isinstance(intent, Authorisation) and seen.revert.name in _NEVER_AGAIN
        return [Finalise(intent.key)] if for_good else []
    if seen.gas is None:
        return []
    gas = seen.gas * 6 // 5
    fees = allowance.offer(gas)
    return [Send(intent, allowance.next_nonce(), gas, fees)] if fees else []


def _prolong(journal: Journal, view: ChainView) -> list[Prolong]:
    time = view.head.timestamp
    return [
        Prolong(Authorisation(contract=batch.contract, run_key=batch.run_key, valid_until=time + WINDOW_EXTENSION))
        for batch in journal.batches
        if batch.place is None and 0 < view.seen.get(batch.key, _NOTHING).closes - time < WINDOW_MARGIN
    ]


_NOTHING = Seen()
