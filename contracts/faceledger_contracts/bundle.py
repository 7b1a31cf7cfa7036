"""Many receipts of one batch in one file: what they share is said once, and one multiproof proves them all.

In: receipts of one batch. Out: versioned JSON in canonical form, and the same receipts back, byte for byte. Invariant:
a bundle has one spelling and says nothing that its receipts do not say, so whoever verifies them has verified it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.multiproof import Multiproof, combine, split
from faceledger_contracts.receipt import Committed, Receipt, ReceiptError, encode_committed, parse_committed
from faceledger_contracts.record import Record, RecordSalts, leaf
from faceledger_contracts.values import Frozen, Hex32, Hex65

__all__ = ["Bundle", "BundledRecord", "bundle_schema", "encode_bundle", "pack", "parse_bundle", "unpack"]


class BundledRecord(Frozen):
    """What one receipt of a bundle has for itself."""

    record: Record
    salts: RecordSalts
    report_signature: Hex65 = Field(description="EIP-712 RunReport by the record's run key.")


class Bundle(Committed):
    """Receipts of one batch; `version` is that of each."""

    bundle: Literal[1] = 1
    records: tuple[BundledRecord, ...] = Field(min_length=1, description="In the ascending order of their leaves.")
    proof: tuple[Hex32, ...] = Field(description="Siblings, for OpenZeppelin's MerkleProof.multiProofVerify.")
    flags: tuple[bool, ...] = Field(description="Its proofFlags.")


def pack(receipts: Sequence[Receipt]) -> Bundle:
    """The bundle of true receipts of one batch, in any order; ValueError if there is none, or if they are not."""
    ordered = sorted(receipts, key=lambda receipt: receipt.leaf)
    shared = {name: getattr(ordered[0], name) for name in Committed.model_fields} if ordered else {}
    if any(getattr(receipt, name) != value for receipt in ordered for name, value in shared.items()):
        raise ValueError("a bundle holds the receipts of one batch")
    leaves = [from_hex(receipt.leaf, 32) for receipt in ordered]
    multiproof = combine(leaves, [[from_hex(node, 32) for node in receipt.proof] for receipt in ordered])
    bundle = Bundle(
        **shared,
        records=tuple(
            BundledRecord(record=each.record, salts=each.salts, report_signature=each.report_signature)
            for each in ordered
        ),
        proof=tuple(map(to_hex, multiproof.proof)),
        flags=multiproof.flags,
    )
    if unpack(bundle) != ordered:
        raise ValueError("a receipt's leaf is not its record's")
    return bundle


def unpack(bundle: Bundle) -> list[Receipt]:
    """The receipts, to be verified as such; ReceiptError if order or numbers do not fit together."""
    leaves = [leaf(each.record, each.salts) for each in bundle.records]
    if leaves != sorted(set(leaves)):
        raise ReceiptError("records: not in the ascending order of their leaves")
    try:
        proofs = split(leaves, Multiproof(tuple(from_hex(node, 32) for node in bundle.proof), bundle.flags))
    except (ValueError, IndexError):
        raise ReceiptError("flags: not those of a multiproof of so many records and siblings") from None
    shared = {name: getattr(bundle, name) for name in Committed.model_fields}
    return [
        Receipt(**shared, **dict(each), leaf=to_hex(mine), proof=tuple(map(to_hex, path)))
        for each, mine, path in zip(bundle.records, leaves, proofs, strict=True)
    ]


def encode_bundle(bundle: Bundle) -> bytes:
    """The bundle as canonical JSON (RFC 8785), without a line end."""
    return encode_committed(bundle)


def parse_bundle(data: bytes) -> Bundle:
    """Reads a bundle; ReceiptError names what is wrong, also when only the spelling is."""
    return parse_committed(Bundle, data)


def bundle_schema() -> str:
    """The published JSON Schema (draft 2020-12) of a bundle, as it is stored in contracts/schema/."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:faceledger:bundle:v1",
        **Bundle.model_json_schema(by_alias=True),
    }
    return json.dumps(schema, indent=2) + "\n"
