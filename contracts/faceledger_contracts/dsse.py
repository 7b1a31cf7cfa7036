"""Dead Simple Signing Envelopes (DSSE v1): how statements for other people's tools are signed.

In: a payload, its type, a secp256k1 key. Out: the JSON envelope, and the payload of one that a given address signed.
Source: the DSSE protocol and envelope, version 1.0. Invariant: a payload is handed out only after the signature of the
address that the reader trusts has held; the envelope's own `keyid` is believed about nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from faceledger_contracts.canonical import canonical_json, from_hex, to_hex
from faceledger_contracts.eip712 import SignatureError, address_of, recover_typed

__all__ = ["EnvelopeError", "open_envelope", "pae", "seal"]


class EnvelopeError(ValueError):
    """A file is no envelope, or none that this address signed for this type of payload."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload_type: str, payload: bytes, private_key: str) -> bytes:
    """The envelope as canonical JSON, signed by ECDSA over secp256k1 and SHA-256 (DER, as OpenSSL reads it)."""
    signature = PrivateKey(from_hex(private_key, 32)).sign(pae(payload_type, payload))
    return canonical_json(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"keyid": address_of(private_key), "sig": base64.b64encode(signature).decode()}],
        }
    )


def open_envelope(data: bytes, payload_type: str, signer: str) -> bytes:
    """The payload, if one of the signatures is that of `signer` (checksum address); EnvelopeError."""
    try:
        envelope = _Envelope.model_validate_json(data)
        payload = _decoded(envelope.payload)
    except (ValidationError, ValueError) as error:
        raise EnvelopeError(f"no DSSE envelope: {_first_line(error)}") from None
    signed = hashlib.sha256(pae(envelope.payload_type, payload)).digest()
    if not any(signer in _signers(signed, signature.sig) for signature in envelope.signatures):
        raise EnvelopeError(f"signatures: none of {len(envelope.signatures)} is that of {signer}")
    if envelope.payload_type != payload_type:
        raise EnvelopeError(f"payloadType: expected {payload_type}, found {envelope.payload_type}")
    return payload


class _Part(BaseModel):
    """Readers of DSSE ignore fields that they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Signature(_Part):
    sig: str


class _Envelope(_Part):
    payload: str
    payload_type: str = Field(alias="payloadType")
    signatures: tuple[_Signature, ...] = Field(min_length=1, max_length=16)


def _signers(digest: bytes, signature: str) -> set[str]:
    """The two addresses that a DER signature without a recovery id can be of; none if it is malformed."""
    try:
        r, s = decode_dss_signature(_decoded(signature))
        words = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    except (ValueError, OverflowError):
        return set()
    found = set()
    for v in (27, 28):
        try:
            found.add(recover_typed(digest, to_hex(words + bytes([v]))))
        except SignatureError:
            continue
    return found


def _decoded(text: str) -> bytes:
    """Standard or URL-safe base64: a verifier accepts both."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        raise ValueError(f"base64: {error}") from None


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(".".join(map(str, e["loc"])) + f": {e['msg']}" for e in error.errors())
    return str(error)
