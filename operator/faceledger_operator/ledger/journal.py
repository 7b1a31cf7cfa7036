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
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

from eth_utils.address import to_checksum_address
from faceledger_contracts import rlp
from faceledger_contracts.canonical import from_hex, keccak256
from faceledger_contracts.record import Record, RecordSalts, draw_salts
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from ..api.base import CommitmentState
from .fees import Fees, Spent, add_spending
from .ledger import Commitment
from .ranges import Ranges, ranges_of

__all__ = [
    "Authorisation",
    "Batch",
    "Deployment",
    "Entry",
    "Intent",
    "Journal",
    "Place",
    "Sent",
    "Stored",
    "changed_entries",
    "commitment_in",
    "count_states",
    "salts_of",
]


class Stored(BaseModel):
    """What the journal's Secrets hold, in the YAML's spelling."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Place(Stored):
    """A transaction that succeeded, and the canonical block that holds it."""

    transaction: str
    block_number: int
    block_hash: str


class Sent(Stored):
    """A signed transaction. `hashes` are those of all versions that were ever broadcast, the current one last."""

    nonce: int
    raw: str
    hashes: tuple[str, ...]
    gas: int
    fees: Fees
    block: int
    at: int


class Intent(Stored, ABC):
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
        made_of = [from_hex(self.signer, 20), rlp.number_bytes(self.sent.nonce)]
        return to_checksum_address(keccak256(rlp.encode(made_of))[-20:])

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
    """Leaves that one transaction commits, in the order of their entries."""

    contract: str
    id: str
    root: str
    run_key: str
    signature: str
    attempts: tuple[str, ...] = ()
    numbers: Ranges = ()
    """Of its entries, by which it is stored: their names would make the journal long."""
    launched: bool = False
    """Whether it was ever sent. Then its leaves stay together: a chain may bring back what it dropped."""

    @property
    def key(self) -> str:
        return f"batch:{self.id}"

    @property
    def state(self) -> CommitmentState:
        """Where its records are, whose artefacts are pinned."""
        if self.place:
            return "Included"
        if self.sent is None:
            return "Pinned"
        return "Reorged" if self.reorged else "Submitted"

    def with_sent(self, sent: Sent | None) -> Self:
        return super().with_sent(sent).model_copy(update={"launched": self.launched or sent is not None})


class Entry(Stored):
    """A record to commit. `salt_seed` gives its salts; `solo_signature` commits it alone, without its run key.

    `number` tells it from all others that the journal holds; it grows in the order of arrival.
    """

    attempt: str
    record: Record
    salt_seed: str
    leaf: str
    report_signature: str
    solo_signature: str
    run_key_secret: str
    owner: dict[str, Any]
    contract: str
    number: int = -1

    def numbered(self, number: int) -> Entry:
        return self.model_copy(update={"number": number})


@dataclass(frozen=True)
class Journal:
    """All of it. `finalized` and `committed_batches` count what has left.

    `batch_ids` says which entry is in which batch. `pinned` says since when an entry's artefacts are known to be
    there; it is not stored, since asking again after a restart is cheap and surer. A batch that was never launched is
    not stored either: the next process forms it anew.
    """

    deployment: Deployment | None = None
    authorisations: tuple[Authorisation, ...] = ()
    batches: tuple[Batch, ...] = ()
    entries: dict[str, Entry] = field(default_factory=dict)
    batch_ids: dict[str, str] = field(default_factory=dict)
    pinned: dict[str, int] = field(default_factory=dict)
    spending: tuple[Spent, ...] = ()
    finalized: int = 0
    committed_batches: int = 0
    anchor: Place | None = None
    """Of the batch that was final in the highest block: a chain without this block is another one."""
    next_number: int = 0

    @property
    def has_records(self) -> bool:
        """Whether a record is, or ever was, in it."""
        return bool(self.entries or self.batches or self.finalized)

    @property
    def is_blank(self) -> bool:
        """Whether nothing would be lost with it."""
        return self == Journal(next_number=self.next_number)

    def intents(self) -> Iterator[Intent]:
        """All that waits for a transaction or for its finality, the most basic first."""
        if self.deployment and not self.deployment.final:
            yield self.deployment
        yield from self.authorisations
        yield from self.batches

    def intent(self, key: str) -> Intent | None:
        return next((intent for intent in self.intents() if intent.key == key), None)

    def entry(self, attempt: str) -> Entry | None:
        return self.entries.get(attempt)

    def batch_of(self, attempt: str) -> Batch | None:
        own = self.batch_ids.get(attempt)
        return next((batch for batch in self.batches if batch.id == own), None)

    def entries_of(self, batch: Batch) -> list[Entry]:
        """The entries of a batch, in the order of their leaves."""
        return [self.entries[attempt] for attempt in batch.attempts]

    def unbatched(self) -> list[Entry]:
        """Entries that no batch holds, in the order of their arrival."""
        return [entry for attempt, entry in self.entries.items() if attempt not in self.batch_ids]

    def unpinned(self) -> list[Entry]:
        """Entries whose artefacts were not found yet, in the order of their arrival."""
        if len(self.pinned) == len(self.entries):
            return []
        return [entry for attempt, entry in self.entries.items() if attempt not in self.pinned]

    def nonces(self) -> frozenset[int]:
        """Nonces of all transactions that may still come into a block."""
        return frozenset(intent.sent.nonce for intent in self.intents() if intent.sent)

    def with_entry(self, entry: Entry) -> Self:
        return self.with_entries([entry])

    def with_entries(self, entries: Iterable[Entry]) -> Self:
        """Adds entries, each attempt once, and numbers them."""
        added, number = dict[str, Entry](), self.next_number
        for entry in entries:
            if entry.attempt not in self.entries and entry.attempt not in added:
                added[entry.attempt] = entry.numbered(number)
                number += 1
        return replace(self, entries={**self.entries, **added}, next_number=number) if added else self

    def with_pinned(self, attempts: Iterable[str], now: int) -> Self:
        found = {attempt: now for attempt in attempts if attempt in self.entries and attempt not in self.pinned}
        return replace(self, pinned={**self.pinned, **found}) if found else self

    def with_intent(self, intent: Intent) -> Self:
        """Adds an intent, or replaces the one of the same key."""
        match intent:
            case Deployment():
                return replace(self, deployment=intent)
            case Authorisation():
                return replace(self, authorisations=_with(self.authorisations, intent))
            case Batch():
                return self._with_batch(intent)
            case _:
                raise TypeError(f"{type(intent).__name__} is no intent of a journal")

    def with_new_deployment(self, intent: Deployment) -> Self:
        """Starts a deployment, unless one is on its way; what was meant for the contract before is dropped."""
        if self.deployment and not self.deployment.final:
            return self
        return replace(self, deployment=intent, authorisations=())

    def without_intent(self, key: str) -> Self:
        """Drops an authorisation or a batch. The entries of a batch stay, and wait for another one."""
        gone = {batch.id for batch in self.batches if batch.key == key}
        batch_ids = {x: batch for x, batch in self.batch_ids.items() if batch not in gone} if gone else self.batch_ids
        return replace(
            self,
            authorisations=tuple(x for x in self.authorisations if x.key != key),
            batches=tuple(x for x in self.batches if x.key != key),
            batch_ids=batch_ids,
        )

    def with_spending(self, cost: int, now: int) -> Self:
        return replace(self, spending=add_spending(self.spending, cost, now))

    def with_finalised(self, key: str) -> Self:
        """Ends an intent. A batch takes its entries along: their receipts must have been kept before."""
        intent = self.intent(key)
        match intent:
            case Deployment():
                return replace(self, deployment=intent.settled())
            case Batch():
                left = set(intent.attempts)
                return replace(
                    self.without_intent(key),
                    entries={attempt: entry for attempt, entry in self.entries.items() if attempt not in left},
                    pinned={attempt: since for attempt, since in self.pinned.items() if attempt not in left},
                    finalized=self.finalized + len(intent.attempts),
                    committed_batches=self.committed_batches + 1,
                    anchor=max(filter(None, (self.anchor, intent.place)), key=lambda x: x.block_number, default=None),
                )
            case _:
                return self.without_intent(key)

    def _with_batch(self, batch: Batch) -> Self:
        if any(known.id == batch.id for known in self.batches):
            return replace(self, batches=_with(self.batches, batch))
        numbers = ranges_of(self.entries[attempt].number for attempt in batch.attempts if attempt in self.entries)
        numbered = batch.model_copy(update={"numbers": numbers})
        batch_ids = {**self.batch_ids, **dict.fromkeys(batch.attempts, batch.id)}
        return replace(self, batches=(*self.batches, numbered), batch_ids=batch_ids)


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
        waiting: CommitmentState = "Pinned" if attempt in journal.pinned else "Pending"
        return Commitment(waiting, entry.leaf, batch.id if batch else None, message=message)
    if batch.place:
        place = batch.place
        return Commitment(batch.state, entry.leaf, batch.id, place.transaction, place.block_number, message=message)
    return Commitment(batch.state, entry.leaf, batch.id, batch.sent.hashes[-1], message=message)


def count_states(journal: Journal) -> dict[CommitmentState, int]:
    """How many of the journal's records are in which state."""
    batches = Counter[CommitmentState]()
    for batch in journal.batches:
        batches[batch.state] += len(batch.attempts)
    pinned = sum(attempt not in journal.batch_ids for attempt in journal.pinned)
    return {
        "Pending": len(journal.entries) - len(journal.pinned.keys() | journal.batch_ids.keys()),
        "Pinned": pinned + batches["Pinned"],
        "Submitted": batches["Submitted"],
        "Included": batches["Included"],
        "Reorged": batches["Reorged"],
    }


def changed_entries(before: Journal, after: Journal) -> list[Entry]:
    """The entries whose commitment is another one than before, those that left included."""
    was, now = ({batch.id: batch for batch in journal.batches} for journal in (before, after))
    moved = {*was, *now} - {key for key in was.keys() & now.keys() if _stands(was[key]) == _stands(now[key])}
    if not moved and before.entries is after.entries and before.pinned is after.pinned:
        return []
    changed = {
        attempt: entry
        for journal in (before, after)
        for attempt, entry in journal.entries.items()
        if journal.batch_ids.get(attempt) in moved
        or (attempt in before.entries) is not (attempt in after.entries)
        or (attempt in before.pinned) is not (attempt in after.pinned)
    }
    return list(changed.values())


def _stands(batch: Batch) -> tuple[object, ...]:
    """What of a batch its records tell."""
    return batch.sent is not None, batch.sent.hashes[-1] if batch.sent else None, batch.place, batch.reorged


def _with(intents: tuple[Any, ...], intent: Intent) -> tuple[Any, ...]:
    if all(known.key != intent.key for known in intents):
        return (*intents, intent)
    return tuple(intent if known.key == intent.key else known for known in intents)
