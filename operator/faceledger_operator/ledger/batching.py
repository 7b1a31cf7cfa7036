"""Which records share a transaction, and who signs for them.

In: the journal's entries, the keys that still exist. Out: batches, signed before anything is journalled. Invariant: an
entry can always be committed: should every run key of a group be gone with its resource, each entry goes alone, under
the signature that was made when it was accepted. `decide_forming` is pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from faceledger_contracts import batch as batches
from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.eip712 import Domain, sign_batch

from .journal import Batch, Entry, Journal
from .moves import Policy

__all__ = ["MAX_BATCHES", "decide_forming", "form_batches", "forming_due", "sign_alone"]


MAX_BATCHES = 192
"""Batches on their way at the same time: each takes less than a kilobyte of the journal's head."""


def decide_forming(journal: Journal, policy: Policy, now: int) -> list[tuple[Entry, ...]]:
    """The groups that are due: pinned entries of one contract, as many as fit, or whose oldest waited long enough."""
    groups, by_contract = [], dict[str, list[Entry]]()
    for entry in _waiting(journal):
        by_contract.setdefault(entry.contract, []).append(entry)
    for waiting in by_contract.values():
        for start in range(0, len(waiting), policy.max_records):
            group = waiting[start : start + policy.max_records]
            if len(group) == policy.max_records or _oldest(journal, group) + policy.max_delay <= now:
                groups.append(tuple(group))
    return groups[: max(0, MAX_BATCHES - len(journal.batches))]


def forming_due(journal: Journal, policy: Policy) -> int | None:
    """When the next group is due for the age of its oldest record; None where nothing waits for company alone."""
    waiting = _waiting(journal) if len(journal.batches) < MAX_BATCHES else []
    return _oldest(journal, waiting) + policy.max_delay if waiting else None


def form_batches(group: Sequence[Entry], run_keys: Mapping[str, str], chain_id: int) -> list[Batch]:
    """The group as one batch, signed by the first of its run keys that is known (attempt -> 0x hex); else one each."""
    domain = Domain(chain_id, group[0].contract)
    for entry in group:
        private_key = run_keys.get(entry.attempt)
        if private_key is not None:
            batch = batches.Batch.of(from_hex(x.leaf, 32) for x in group)
            signature = sign_batch(private_key, batch.id, batch.root, batch.count, domain)
            return [_batch(group, batch, entry.record.run_key, signature)]
    return [_batch([x], _alone(x.leaf), x.record.run_key, x.solo_signature) for x in group]


def sign_alone(private_key: str, leaf: str, domain: Domain) -> str:
    """The run key's signature of a batch that holds this leaf (0x hex) alone."""
    batch = _alone(leaf)
    return sign_batch(private_key, batch.id, batch.root, batch.count, domain)


def _alone(leaf: str) -> batches.Batch:
    return batches.Batch.of([from_hex(leaf, 32)])


def _batch(group: Sequence[Entry], batch: batches.Batch, run_key: str, signature: str) -> Batch:
    return Batch(
        contract=group[0].contract,
        id=to_hex(batch.id),
        root=to_hex(batch.root),
        attempts=tuple(entry.attempt for entry in group),
        run_key=run_key,
        signature=signature,
    )


def _waiting(journal: Journal) -> list[Entry]:
    return [entry for entry in journal.unbatched() if entry.attempt in journal.pinned]


def _oldest(journal: Journal, entries: Sequence[Entry]) -> int:
    return min(journal.pinned[entry.attempt] for entry in entries)
