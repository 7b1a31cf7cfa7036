"""The receipts of a batch that is final, each with the proof that the batch's transaction is in its block.

In: the journal, a batch with its place, the nodes. Out: each of its entries with a whole receipt. Invariant: a receipt
follows from the journal and the block alone, so building it twice gives the same bytes; and what a node says of the
block is believed only where it hashes to the block's hash, which the other nodes have too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from faceledger_contracts import batch as batches
from faceledger_contracts import merkle
from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.inclusion import Inclusion
from faceledger_contracts.receipt import Receipt, Transaction
from faceledger_contracts.record import Subject

from .journal import Batch, Entry, Journal, Place, salts_of
from .nodes import Nodes

__all__ = ["ReceiptKeeper", "build_receipts", "prove_place"]


class ReceiptKeeper(Protocol):
    """Where receipts are kept."""

    async def keep(self, receipt: Receipt, owner: dict[str, Any]) -> None:
        """Returns once the receipt is safe; doing so twice does no harm. `owner` is an owner reference.

        Raises FileExistsError where something else lies in the receipt's place, OSError where nothing can be kept.
        """

    async def find(self, subject: Subject, attempt: str) -> Receipt | None:
        """The receipt of an attempt, if one is kept. FileExistsError where what is kept cannot be read, OSError where
        the place cannot be reached."""

    def name_of(self, attempt: str) -> str:
        """Name of the Secret that holds it."""


async def prove_place(nodes: Nodes, place: Place) -> Inclusion | None:
    """What proves the transaction by its block's hash; None on chains whose blocks allow no such proof.

    Raises ChainContradictedError where a node's answers do not fit together, or not those of another node.
    """
    await nodes.confirm_block(place.block_number, place.block_hash)
    return await nodes.ask(lambda connection: connection.inclusion(place.transaction, place.block_hash))


def build_receipts(
    journal: Journal, batch: Batch, chain_id: int, inclusion: Inclusion | None = None
) -> Iterator[tuple[Entry, Receipt]]:
    """One receipt an entry of the batch, which must have a place; of version 2 where its inclusion is proved."""
    assert batch.place is not None
    entries = {from_hex(entry.leaf, 32): entry for entry in journal.entries_of(batch)}
    leaves = batches.Batch.of(entries).leaves
    common = _common(batch, batch.place, chain_id, inclusion)
    for leaf, proof in zip(leaves, merkle.each_proof(leaves), strict=True):
        yield entries[leaf], _receipt(entries[leaf], tuple(map(to_hex, proof)), common)


def _common(batch: Batch, place: Place, chain_id: int, inclusion: Inclusion | None) -> dict[str, Any]:
    """What the receipts of a batch share."""
    return {
        "version": 1 if inclusion is None else 2,
        "batch_id": batch.id,
        "root": batch.root,
        "count": len(batch.attempts),
        "chain_id": chain_id,
        "contract": batch.contract,
        "code_hash": faceledger_artefact().code_hash,
        "transaction": Transaction(
            hash=place.transaction, block_number=place.block_number, block_hash=place.block_hash
        ),
        "batch_run_key": batch.run_key,
        "batch_signature": batch.signature,
        "inclusion": inclusion,
    }


def _receipt(entry: Entry, proof: tuple[str, ...], common: dict[str, Any]) -> Receipt:
    return Receipt(
        record=entry.record,
        salts=salts_of(entry),
        leaf=entry.leaf,
        proof=proof,
        report_signature=entry.report_signature,
        **common,
    )
