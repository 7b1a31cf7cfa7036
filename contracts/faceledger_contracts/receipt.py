"""The receipt: everything that a stranger needs to check one result against the chain and IPFS.

In: a record with its salts, its place in a committed batch, the transaction that committed it. Out: versioned JSON, in
canonical form. Invariant: a receipt has one spelling, so a single changed byte either breaks the form or a value, and
every value is checked against another one (see verify.py).
"""

from __future__ import annotations

import json
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from faceledger_contracts.canonical import canonical_json
from faceledger_contracts.eip712 import Domain
from faceledger_contracts.inclusion import Inclusion
from faceledger_contracts.record import Record, RecordSalts
from faceledger_contracts.values import Address, Frozen, Hex32, Hex65, JsonInt

__all__ = [
    "Committed",
    "Receipt",
    "ReceiptError",
    "Transaction",
    "encode_committed",
    "encode_receipt",
    "parse_committed",
    "parse_receipt",
    "receipt_schema",
]


class ReceiptError(ValueError):
    """A file is no receipt; the message names each field that is wrong."""


class Transaction(Frozen):
    """The transaction that committed the batch, and the block that holds it."""

    hash: Hex32
    block_number: JsonInt
    block_hash: Hex32


class Committed(Frozen):
    """What the receipts of one batch have in common. Version 2 also proves what the transaction did in its block."""

    version: Literal[1, 2] = 1
    batch_id: Hex32
    root: Hex32
    count: int = Field(ge=1, le=2**32 - 1, description="Leaves in the batch.")
    chain_id: JsonInt
    contract: Address
    code_hash: Hex32 = Field(description="Keccak-256 of the contract's runtime code.")
    transaction: Transaction
    batch_run_key: Address = Field(description="Address whose key signed the batch.")
    batch_signature: Hex65 = Field(description="EIP-712 Batch by the batch's run key.")
    inclusion: Inclusion | None = None

    @property
    def domain(self) -> Domain:
        """Where its signatures count."""
        return Domain(self.chain_id, self.contract)

    @model_validator(mode="after")
    def _version_tells_of_inclusion(self) -> Self:
        if (self.version == 2) is not (self.inclusion is not None):
            raise ValueError("a receipt of version 2 has an inclusion, one of version 1 has none")
        return self


class Receipt(Committed):
    """One result's receipt."""

    record: Record
    salts: RecordSalts
    leaf: Hex32 = Field(description="Leaf of the record, see record.py.")
    proof: tuple[Hex32, ...] = Field(
        description="Siblings from the leaf up to the root, for OpenZeppelin's MerkleProof."
    )
    report_signature: Hex65 = Field(description="EIP-712 RunReport by the record's run key.")


_Kind = TypeVar("_Kind", bound=Committed)


def encode_receipt(receipt: Receipt) -> bytes:
    """The receipt as canonical JSON (RFC 8785), without a line end."""
    return encode_committed(receipt)


def parse_receipt(data: bytes) -> Receipt:
    """Reads a receipt; ReceiptError names what is wrong, also when only the spelling is."""
    return parse_committed(Receipt, data)


def encode_committed(committed: Committed) -> bytes:
    """Canonical JSON; what version 1 does not know is not written."""
    absent = {"inclusion"} if committed.inclusion is None else None
    return canonical_json(committed.model_dump(mode="json", by_alias=True, exclude=absent))


def parse_committed(kind: type[_Kind], data: bytes) -> _Kind:
    """Reads a receipt or a bundle in its only spelling; ReceiptError names what is wrong."""
    name = kind.__name__.lower()
    try:
        committed = kind.model_validate_json(data)
    except ValidationError as error:
        raise ReceiptError(_named_fields(error, name)) from None
    if encode_committed(committed) != data:
        raise ReceiptError(f"{name}: not in canonical form (RFC 8785, addresses with checksum, no line end)")
    return committed


def receipt_schema(version: Literal[1, 2]) -> str:
    """The published JSON Schema (draft 2020-12) of a receipt, as it is stored in contracts/schema/."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:faceledger:receipt:v{version}",
        **Receipt.model_json_schema(by_alias=True),
        "description": f"One result's receipt, version {version}.",
    }
    properties = schema["properties"]
    properties["version"] = {"const": version, "default": version, "title": "Version", "type": "integer"}
    if version == 1:
        del properties["inclusion"], schema["$defs"]["Inclusion"]
    else:
        properties["inclusion"] = {"$ref": "#/$defs/Inclusion"}
        schema["required"] += ["inclusion"]
    return json.dumps(schema, indent=2) + "\n"


def _named_fields(error: ValidationError, name: str) -> str:
    problems = [(".".join(str(part) for part in e["loc"]) or name, e["msg"]) for e in error.errors()]
    return "; ".join(f"{field}: {message}" for field, message in problems)
