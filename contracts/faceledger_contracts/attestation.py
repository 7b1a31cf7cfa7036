"""A receipt as others' tools read it: an in-toto Statement v1 with SLSA Provenance v1, whose subject is the commitment.

In: a receipt, and the key of whoever vouches for it. Out: a DSSE envelope. Source: in-toto attestation framework v1,
SLSA provenance v1. Invariant: the statement is a function of the receipt alone, so an envelope is verified by making it
again from a verified receipt; it says nothing that the receipt does not say.
"""

from __future__ import annotations

import re
from typing import Any

from faceledger_contracts.canonical import canonical_json, sha256_digest
from faceledger_contracts.dsse import EnvelopeError, open_envelope, seal
from faceledger_contracts.receipt import Receipt, encode_receipt
from faceledger_contracts.record import Record

__all__ = ["BUILD_TYPE", "PAYLOAD_TYPE", "attest", "check_attestation", "statement_of"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"

BUILD_TYPE = "https://faceledger.dev/run/v1"
"""Tells readers of the provenance what `externalParameters` holds: the resource and its purpose."""

Json = dict[str, Any]


def statement_of(receipt: Receipt) -> bytes:
    """The statement as canonical JSON. Its subject's digest is the leaf, a Keccak-256, named by where it is kept."""
    record = receipt.record
    commitment = {
        "name": f"eip155:{receipt.chain_id}:{receipt.contract}/{receipt.batch_id}",
        "digest": {"keccak256": receipt.leaf.removeprefix("0x")},
    }
    return canonical_json(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [commitment],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {"buildDefinition": _definition(record), "runDetails": _run(receipt)},
        }
    )


def attest(receipt: Receipt, private_key: str) -> bytes:
    """The envelope in which the holder of `private_key` (0x hex) vouches for the receipt."""
    return seal(PAYLOAD_TYPE, statement_of(receipt), private_key)


def check_attestation(envelope: bytes, receipt: Receipt, signer: str) -> None:
    """EnvelopeError unless `signer` (checksum address) vouches in it for exactly this receipt."""
    if open_envelope(envelope, PAYLOAD_TYPE, signer) != statement_of(receipt):
        raise EnvelopeError(f"payload: a statement about something else than {receipt.record.attempt}'s receipt")


def _definition(record: Record) -> Json:
    subject = record.subject.model_dump(mode="json", by_alias=True)
    models = [_with_digest("model", record.model_digest)] if record.model_digest else []
    return {
        "buildType": BUILD_TYPE,
        "externalParameters": {"subject": subject, "purpose": record.purpose},
        "internalParameters": {"runKey": record.run_key},
        "resolvedDependencies": [_with_digest("image", record.image_digest), *models],
    }


def _run(receipt: Receipt) -> Json:
    """The builder is the contract: it authorised the run key under which the result was reported."""
    record = receipt.record
    artefacts = [
        {**_with_digest(x.name, x.digest), "annotations": {"encryptedCid": x.cid, "size": x.size}}
        for x in record.artefacts
    ]
    return {
        "builder": {"id": f"https://faceledger.dev/contract/eip155:{receipt.chain_id}:{receipt.contract}"},
        "metadata": {"invocationId": record.attempt, "finishedOn": record.created},
        "byproducts": [_with_digest("receipt.json", sha256_digest(encode_receipt(receipt))), *artefacts],
    }


def _with_digest(name: str, digest: str) -> Json:
    """A resource descriptor; what is no bare SHA-256 (an image's reference) is the resource's URI."""
    if re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        return {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
    return {"name": name, "uri": digest}
