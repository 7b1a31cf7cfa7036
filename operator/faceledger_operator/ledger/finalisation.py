"""The receipts of a batch that is final.

In: the journal, a batch with its place, the chain. Out: each of its entries with a whole receipt. Invariant: a receipt
follows from the journal alone, so building it twice gives the same bytes.
"""

from __future__ import annotations

from typing import Any, Protocol

from faceledger_contracts import batch as batches
from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.receipt import Receipt, Transaction
from faceledger_contracts.record import Subject

from .journal import Batch, Entry, Journal, Place, salts_of

__all__ = ["ReceiptKeeper", "build_receipts"]


class ReceiptKeeper(Protocol):
    """Where receipts are kept."""

    async def keep(self, receipt: Receipt, owner: dict[str, Any]) -> None:
        """Returns once the receipt is safe; doing so twice does no harm. `owner` is an owner reference.

        Raises FileExistsError where something else lies in the receipt's place, OSError where nothing can be kept.
        """

    async def find(self, subject: Subject, attempt: str) -> Receipt | None:
        """The receipt of an attempt, if one is kept."""

    def name_of(self, attempt: str) -> str:
        """Name of the Secret that holds it."""


def build_receipts(journal: Journal, batch: Batch, chain_id: int) -> list[tuple[Entry, Receipt]]:
    """One receipt an entry of the batch, which must have a place."""
    assert batch.place is not None
    entries = [entry for entry in journal.entries if entry.attempt in batch.attempts]
    proofs = batches.Batch.of(from_hex(entry.leaf, 32) for entry in entries).proofs()
    return [
        (entry, _receipt(entry, proofs[from_hex(entry.leaf, 32)], batch, batch.place, chain_id)) for entry in entries
    ]


def _receipt(entry: Entry, proof: list[bytes], batch: Batch, place: Place, chain_id: int) -> Receipt:
    return Receipt(
        record=entry.record,
        salts=salts_of(entry),
        leaf=entry.leaf,
        proof=tuple(to_hex(node) for node in proof),
        batch_id=batch.id,
        root=batch.root,
        count=len(batch.attempts),
        chain_id=chain_id,
        contract=batch.contract,
        code_hash=faceledger_artefact().code_hash,
        transaction=Transaction(hash=place.transaction, block_number=place.block_number, block_hash=place.block_hash),
        report_signature=entry.report_signature,
        batch_run_key=batch.run_key,
        batch_signature=batch.signature,
    )
