"""The record of one result and the leaf that commits to it.

In: a `Record` (what was done, to whom, with what) and one 32-byte salt a field. Out: a 32-byte leaf. The leaf is the
root of a small tree over the salted fields, so a holder can show the purpose with its salt and proof, and hide the
subject. Invariant: the leaf says nothing about a field whose salt is unknown, and no other record has it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from faceledger_contracts import merkle
from faceledger_contracts.canonical import canonical_json, to_hex
from faceledger_contracts.randomness import SYSTEM, RandomSource
from faceledger_contracts.values import Address, Digest, Frozen, Hex32, JsonInt, Timestamp

__all__ = [
    "FIELDS",
    "Artefact",
    "Record",
    "RecordSalts",
    "Subject",
    "draw_salts",
    "field_is_in",
    "field_leaf",
    "field_proof",
    "leaf",
]

Text = Annotated[str, Field(min_length=1, max_length=1024)]


class Subject(Frozen):
    """The custom resource that the result belongs to, at one generation of its spec."""

    kind: Text
    namespace: Text
    name: Text
    uid: Text
    generation: JsonInt


class Artefact(Frozen):
    """One encrypted file: `digest` and `size` (bytes) of its plaintext, `cid` of its ciphertext."""

    name: Text
    digest: Digest
    cid: Text
    size: JsonInt


class Record(Frozen):
    """What one attempt did. Created by the operator from a signed run report; never shown on chain, only its leaf."""

    version: Literal[1] = 1
    subject: Subject
    attempt: Text
    purpose: Text
    run_key: Address = Field(description="Address whose key signed the run report.")
    report_digest: Digest = Field(description="SHA-256 of the run report's canonical JSON.")
    artefacts: tuple[Artefact, ...] = ()
    results_root: Hex32 | None = Field(default=None, description="Root over the salted result lines, see results.py.")
    model_digest: Digest | None = None
    image_digest: Text
    created: Timestamp


class RecordSalts(Frozen):
    """One random 32-byte salt for each field of a `Record`. Erasing them erases what the leaf could prove."""

    version: Hex32
    subject: Hex32
    attempt: Hex32
    purpose: Hex32
    run_key: Hex32
    report_digest: Hex32
    artefacts: Hex32
    results_root: Hex32
    model_digest: Hex32
    image_digest: Hex32
    created: Hex32


FIELDS = tuple(Record.model_fields)
"""The fields in the order of their leaves; the order belongs to record version 1."""


def draw_salts(random: RandomSource = SYSTEM) -> RecordSalts:
    """Fresh salts for one record; never use one twice."""
    return RecordSalts(**{name: to_hex(random(32)) for name in FIELDS})


def leaf(record: Record, salts: RecordSalts) -> bytes:
    """The 32-byte leaf of `record`: a domain-separated hash of the root over its salted fields."""
    return merkle.leaf_hash(_RECORD_TAG, merkle.root(_field_leaves(record, salts)))


def field_leaf(name: str, value: object, salt: bytes) -> bytes:
    """The commitment to one field: `name` as in `FIELDS`, its JSON `value`, its 32-byte salt."""
    return merkle.leaf_hash(_FIELD_TAGS[name], salt + canonical_json(value))


def field_proof(record: Record, salts: RecordSalts, name: str) -> list[bytes]:
    """The siblings that lead from the `field_leaf` of `name` to the root which the record's leaf hashes."""
    return merkle.proof(_field_leaves(record, salts), FIELDS.index(name))


def field_is_in(commitment: bytes, proof: list[bytes], record_leaf: bytes) -> bool:
    """Whether a `field_leaf` with its `field_proof` belongs to the record of `record_leaf`."""
    node = commitment
    for sibling in proof:
        node = merkle.inner_hash(node, sibling)
    return merkle.leaf_hash(_RECORD_TAG, node) == record_leaf


def _field_leaves(record: Record, salts: RecordSalts) -> list[bytes]:
    values, drawn = record.model_dump(mode="json", by_alias=True), salts.model_dump()
    return [
        field_leaf(name, value, bytes.fromhex(salt[2:]))
        for name, value, salt in zip(FIELDS, values.values(), drawn.values(), strict=True)
    ]


_RECORD_TAG = merkle.type_tag("FaceLedger record v1")
_FIELD_TAGS = {
    name: merkle.type_tag(f"FaceLedger record v1 field {Record.model_fields[name].alias or name}") for name in FIELDS
}
