"""What one look at the chain shows of a journal's intents, and the moves that answer it. Plain frozen values.

Invariant: a move names its intent by key, so that it can be applied to the journal as it is by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..api.conditions import BindingReason
from .chain import Block, FeeMarket
from .contract import Revert
from .fees import Fees
from .journal import Authorisation, Intent, Place

__all__ = [
    "ChainView",
    "Decision",
    "Finalise",
    "Forget",
    "Include",
    "Move",
    "Policy",
    "Prolong",
    "Reorg",
    "Repeat",
    "Seen",
    "Send",
    "Trouble",
]


@dataclass(frozen=True)
class Seen:
    """What the chain shows of an intent: `effective` at the head, and the canonical `place` of its transaction.

    `failed`: a transaction of its own is in a block and reverted, for `cost` wei. `gas` or `revert`: what sending it
    would need or meet. `closes`: when the window of the batch's run key ends (0: it never was open).
    """

    effective: bool = False
    place: Place | None = None
    cost: int = 0
    failed: bool = False
    gas: int | None = None
    revert: Revert | None = None
    closes: int = 0


@dataclass(frozen=True)
class ChainView:
    """One look at the chain. `final` is the newest final block's number, `reserved` the nonces of other bindings."""

    head: Block
    final: int
    nonce: int
    pending_nonce: int
    reserved: frozenset[int]
    market: FeeMarket
    balance: int
    seen: Mapping[str, Seen]


@dataclass(frozen=True)
class Policy:
    """The binding's limits: records and seconds of a batch, wei a gas, wei a day."""

    max_records: int
    max_delay: int
    max_fee: int
    budget: int


@dataclass(frozen=True)
class Include:
    """Its transaction is in a block, and cost so many wei."""

    key: str
    place: Place
    cost: int


@dataclass(frozen=True)
class Finalise:
    """It needs no more looking at."""

    key: str


@dataclass(frozen=True)
class Reorg:
    """Its block is no longer part of the chain."""

    key: str


@dataclass(frozen=True)
class Forget:
    """Its transaction will have no effect any more; `cost` was paid for it."""

    key: str
    cost: int = 0


@dataclass(frozen=True)
class Repeat:
    """Broadcast the journalled transaction once more."""

    key: str


@dataclass(frozen=True)
class Prolong:
    """A run key's window must not close before its batch is on the chain."""

    authorisation: Authorisation


@dataclass(frozen=True)
class Send:
    """Sign with this nonce, journal, broadcast."""

    intent: Intent
    nonce: int
    gas: int
    fees: Fees


Move = Include | Finalise | Reorg | Forget | Repeat | Prolong | Send


@dataclass(frozen=True)
class Trouble:
    """What keeps records from the chain, and what a person may do. Reason READY: it concerns single records alone,
    and `attempts` says which ones, where that is known."""

    reason: BindingReason
    message: str
    attempts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    moves: tuple[Move, ...] = ()
    trouble: Trouble | None = None
