"""One file for whoever shall verify a result without the cluster: `faceledger bundle` makes it, `verify` reads it.

In: a resource's evidence, or such a file. Out: the file, or one `Checked` a receipt. Invariant: without a node the
block's hash must come from the user, and what only a node can tell is named as not checked.
"""

from __future__ import annotations

from pathlib import Path

from faceledger_contracts.canonical import from_hex
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.content import ContentError
from faceledger_contracts.parcel import Parcel, write_parcel
from faceledger_contracts.receipt import Receipt, ReceiptError, parse_receipt
from faceledger_contracts.verify import Finality, verify_at, verify_receipts

from .errors import CommandError
from .report import Checked
from .sources import Evidence
from .targets import Resource
from .verification import Held

__all__ = ["bundle_resource", "verify_parcel"]


def bundle_resource(evidence: Evidence, resource: Resource, path: Path) -> None:
    """Writes the receipt and the encrypted artefacts of a resource into the file."""
    try:
        write_parcel(path, [parse_receipt(evidence.receipt)], evidence.content)
    except (ReceiptError, ValueError, ContentError) as error:
        raise CommandError(f"{resource}: {error}") from None


def verify_parcel(
    path: Path, rpc: str | None, block_hash: str | None, key: bytes | None, finality: Finality, held: Held
) -> list[Checked]:
    """Verifies each receipt of the file with its artefacts, by a node or by the hash of its block."""
    try:
        with Parcel(path) as parcel:
            receipts = parcel.receipts()
            if rpc is not None:
                steps = list(verify_receipts(receipts, ChainReader(rpc), parcel, key, finality))
            else:
                trusted = _block_hash(block_hash, receipts[0])
                steps = [verify_at(receipt, trusted, parcel, key) for receipt in receipts]
    except ReceiptError as error:
        raise CommandError(f"{path}: {error}") from None
    unchecked = ["decryption of the artefacts, results root (no --key-file)"] if key is None else []
    if rpc is None:
        unchecked.append("contract code, run keys, revocation (no --rpc)")
    return [
        Checked(f"{path} {receipt.record.attempt}", [*checked, *held.compare(receipt)], unchecked)
        for receipt, checked in zip(receipts, steps, strict=True)
    ]


def _block_hash(given: str | None, receipt: Receipt) -> str:
    """The user's, or what to ask for."""
    if given is None:
        number, chain = receipt.transaction.block_number, receipt.chain_id
        raise CommandError(
            f"without a node, --block-hash must say the hash of block {number} of chain {chain}, from somebody whom "
            f"you trust; or name a node with --rpc"
        )
    try:
        from_hex(given.lower(), 32)
    except ValueError:
        raise CommandError(f"--block-hash {given}: expected 0x and 64 hexadecimal digits") from None
    return given
