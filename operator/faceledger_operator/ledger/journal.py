"""What a LedgerBinding has promised to commit, and every transaction that it signed for it. Pure values.

    Entry:   Pending -> Pinned -> (in a Batch) -> gone, once its receipt is kept
    Intent:  unsent -> sent (nonce, raw bytes) -> placed (block) -> final -> gone
                        ^---- forgotten / reorged ----'

In: entries, batches and what happened to them. Out: the next journal. Invariant: a transaction is in the journal before
a node sees it; applying the same change twice gives the same journal as applying it once.
"""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, Self

import rlp  # type: ignore[import-untyped]
from eth_utils.address import to_checksum_address
from faceledger_contracts.canonical import from_hex, keccak256
from faceledger_contracts.record import Record, RecordSalts, draw_salts
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from ..api.base import CommitmentState
from .fees import Fees, Spent, add_spending
from .ledger import Commitment

__all__ = [
    "Authorisation",
    "Batch",
    "Deployment",
    "Entry",
    "Intent",
    "Journal",
    "Place",
    "Sent",
    "commitment_in",
    "salts_of",
]


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Place(_Stored):
    """A transaction that succeeded, and the canonical block that holds it."""

    transaction: str
    block_number: int
    block_hash: str


class Sent(_Stored):
    """A signed transaction. `hashes` are those of all versions that were ever broadcast, the current one last."""

    nonce: int
    raw: str
    hashes: tuple[str, ...]
    gas: int
    fees: Fees
    block: int
    at: int


class Intent(_Stored, ABC):
    """Something that one transaction brings about."""

    sent: Sent | None = None
    place: Place | None = None
    reorged: bool = False

    @property
    @abstractmethod
    def key(self) -> str:
        """What tells this intent from the others of its journal."""

    def with_sent(self, sent: Sent | None) -> Self:
        return self.model_copy(update={"sent": sent, "place": None, "reorged": False})

    def with_place(self, place: Place | None) -> Self:
        return self.model_copy(update={"place": place, "reorged": place is None})


class Deployment(Intent):
    """The contract that this binding deploys: `address` follows from signer and nonce."""

    signer: str
    final: bool = False

    @property
    def key(self) -> str:
        return "deployment"

    @property
    def address(self) -> str | None:
        if self.sent is None:
            return None
        return to_checksum_address(keccak256(rlp.encode([from_hex(self.signer, 20), self.sent.nonce]))[-20:])

    def settled(self) -> Self:
        """Final: its bytes, which are most of a journal that is otherwise empty, are needed no more."""
        sent = self.sent.model_copy(update={"raw": ""}) if self.sent else None
        return self.model_copy(update={"final": True, "sent": sent})


class Authorisation(Intent):
    """A run key that shall be authorised on `contract` until `valid_until` (seconds since 1970)."""

    contract: str
    run_key: str
    valid_until: int

    @property
    def key(self) -> str:
        return f"authorise:{self.contract}:{self.run_key}:{self.valid_until}"


class Batch(Intent):
    """Leaves that one transaction commits.."""

    contract: str
    id: str
    root: str
    attempts: tuple[str, ...]
    run_key: str
    signature: str

    @property
    def key(self) -> str:
        return f"batch:{self.id}"


class Entry(_Stored):
    """A record to commit. `salt_seed` gives its salts; `solo_signature` commits it alone, without its run key."""

    attempt: str
    record: Record
    salt_seed: str
    leaf: str
    report_signature: str
    solo_signature: str
    run_key_secret: str
    owner: dict[str, Any]
    contract: str
    accepted_at: int
    pinned_at: int | None = None


class Journal(_Stored):
    """All of it. `finalized` and `committed_batches` count what has left."""

    deployment: Deployment | None = None
    authorisations: tuple[Authorisation, ...] = ()
    batches: tuple[Batch, ...] = ()
    entries: tuple[Entry, ...] = ()
    spending: tuple[Spent, ...] = ()
    finalized: int = 0
    committed_batches: int = 0

    @property
    def has_records(self) -> bool:
        """Whether a record is, or ever was, in it."""
        return bool(self.entries or self.batches or self.finalized)

    def intents(self) -> Iterator[Intent]:
        """All that waits for a transaction or for its finality, the most basic first."""
        if self.deployment and not self.deployment.final:
            yield self.deployment
        yield from self.authorisations
        yield from self.batches

    def intent(self, key: str) -> Intent | None:
        return next((intent for intent in self.intents() if intent.key == key), None)

    def entry(self, attempt: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.attempt == attempt), None)

    def batch_of(self, attempt: str) -> Batch | None:
        return next((batch for batch in self.batches if attempt in batch.attempts), None)

    def unbatched(self) -> tuple[Entry, ...]:
        """Entries that no batch holds, in the order of their arrival."""
        batched = {attempt for batch in self.batches for attempt in batch.attempts}
        return tuple(entry for entry in self.entries if entry.attempt not in batched)

    def nonces(self) -> frozenset[int]:
        """Nonces of all transactions that may still come into a block."""
        return frozenset(intent.sent.nonce for intent in self.intents() if intent.sent)

    def with_entry(self, entry: Entry) -> Self:
        if self.entry(entry.attempt):
            return self
        return self.model_copy(update={"entries": (*self.entries, entry)})

    def with_pinned(self, attempts: Iterable[str], now: int) -> Self:
        pinned = set(attempts)
        entries = (
            entry.model_copy(update={"pinned_at": now})
            if entry.attempt in pinned and entry.pinned_at is None
            else entry
            for entry in self.entries
        )
        return self.model_copy(update={"entries": tuple(entries)})

    def with_intent(self, intent: Intent) -> Self:
        """Adds an intent, or replaces the one of the same key."""
        match intent:
            case Deployment():
                return self.model_copy(update={"deployment": intent})
            case Authorisation():
                return self.model_copy(update={"authorisations": _with(self.authorisations, intent)})
            case Batch():
                return self.model_copy(update={"batches": _with(self.batches, intent)})
            case _:
                raise TypeError(f"{type(intent).__name__} is no intent of a journal")

    def with_new_deployment(self, intent: Deployment) -> Self:
        """Starts a deployment, unless one is on its way; what was meant for the contract before is dropped."""
        if self.deployment and not self.deployment.final:
            return self
        return self.model_copy(update={"deployment": intent, "authorisations": ()})

    def without_intent(self, key: str) -> Self:
        """Drops an authorisation or a batch. The entries of a batch stay."""
        return self.model_copy(
            update={
                "authorisations": tuple(x for x in self.authorisations if x.key != key),
                "batches": tuple(x for x in self.batches if x.key != key),
            }
        )

    def with_spending(self, cost: int, now: int) -> Self:
        return self.model_copy(update={"spending": add_spending(self.spending, cost, now)})

    def with_finalised(self, key: str) -> Self:
        """Ends an intent. A batch takes its entries along: their receipts must have been kept before."""
        intent = self.intent(key)
        match intent:
            case Deployment():
                return self.model_copy(update={"deployment": intent.settled()})
            case Batch():
                return self.without_intent(key).model_copy(
                    update={
                        "entries": tuple(entry for entry in self.entries if entry.attempt not in intent.attempts),
                        "finalized": self.finalized + len(intent.attempts),
                        "committed_batches": self.committed_batches + 1,
                    }
                )
            case _:
                return self.without_intent(key)


def salts_of(entry: Entry) -> RecordSalts:
    """The salts of an entry's record: 32 bytes a field, each a keyed hash of the seed, so none tells another."""
    seed, counter = from_hex(entry.salt_seed, 32), iter(range(2**16))
    return draw_salts(lambda length: hmac.digest(seed, next(counter).to_bytes(2, "big"), "sha256")[:length])


def commitment_in(journal: Journal, attempt: str, message: str = "") -> Commitment | None:
    """Where the attempt's record is; None where the journal does not hold it."""
    entry = journal.entry(attempt)
    if entry is None:
        return None
    batch = journal.batch_of(attempt)
    if batch is None or batch.sent is None:
        waiting: CommitmentState = "Pinned" if entry.pinned_at is not None else "Pending"
        return Commitment(waiting, entry.leaf, batch.id if batch else None, message=message)
    if batch.place:
        place = batch.place
        return Commitment("Included", entry.leaf, batch.id, place.transaction, place.block_number, message=message)
    on_its_way: CommitmentState = "Reorged" if batch.reorged else "Submitted"
    return Commitment(on_its_way, entry.leaf, batch.id, batch.sent.hashes[-1], message=message)


def _with(intents: tuple[Any, ...], intent: Intent) -> tuple[Any, ...]:
    if all(known.key != intent.key for known in intents):
        return (*intents, intent)
    return tuple(intent if known.key == intent.key else known for known in intents)
