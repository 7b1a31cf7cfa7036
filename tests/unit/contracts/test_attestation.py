"""A receipt travels as an in-toto statement in a DSSE envelope that public tools read, and nothing in it can differ."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256K1, derive_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from faceledger_contracts.attestation import PAYLOAD_TYPE, attest, check_attestation, statement_of
from faceledger_contracts.canonical import sha256_digest
from faceledger_contracts.dsse import EnvelopeError, open_envelope, pae, seal
from faceledger_contracts.eip712 import address_of
from faceledger_contracts.receipt import Receipt, encode_receipt

SECRET = "0x" + "33" * 32
SIGNER = address_of(SECRET)
OTHER = address_of("0x" + "44" * 32)


@pytest.mark.parametrize(
    ("kind", "payload", "encoded"),
    [
        pytest.param(
            "http://example.com/HelloWorld",
            b"hello world",
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world",
            id="the protocol's own vector",
        ),
        pytest.param("", b"", b"DSSEv1 0  0 ", id="nothing"),
        pytest.param("\u00e9", b"\xff ", b"DSSEv1 2 \xc3\xa9 2 \xff ", id="lengths are of bytes"),
    ],
)
def test_what_is_signed(kind: str, payload: bytes, encoded: bytes) -> None:
    assert pae(kind, payload) == encoded


def test_the_statement_has_the_commitment_for_its_subject(receipt: Receipt) -> None:
    statement = json.loads(statement_of(receipt))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    (subject,) = statement["subject"]
    assert subject["digest"] == {"keccak256": receipt.leaf[2:]}
    assert subject["name"] == f"eip155:1337:{receipt.contract}/{receipt.batch_id}"
    assert set(statement["predicate"]) == {"buildDefinition", "runDetails"}
    byproducts = statement["predicate"]["runDetails"]["byproducts"]
    assert "sha256:" + byproducts[0]["digest"]["sha256"] == sha256_digest(encode_receipt(receipt))


def test_a_public_tool_verifies_the_signature(receipt: Receipt) -> None:
    envelope = json.loads(attest(receipt, SECRET))
    payload = base64.b64decode(envelope["payload"])
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    public = derive_private_key(int(SECRET, 16), SECP256K1()).public_key()
    public.verify(signature, pae(envelope["payloadType"], payload), ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(signature, pae(envelope["payloadType"], payload + b" "), ECDSA(SHA256()))


def test_an_attestation_of_the_receipt_holds(receipt: Receipt) -> None:
    check_attestation(attest(receipt, SECRET), receipt, SIGNER)


def resealed(envelope: bytes, **change: Any) -> bytes:
    return json.dumps({**json.loads(envelope), **change}).encode()


@pytest.mark.parametrize("spelling", ["standard", "for URLs"])
def test_both_spellings_of_base64_are_read(spelling: str) -> None:
    envelope = json.loads(seal("t", b"\xfb\xff\xfe", SECRET))
    if spelling == "for URLs":
        envelope["payload"] = base64.urlsafe_b64encode(b"\xfb\xff\xfe").decode()
        envelope["signatures"][0]["sig"] = envelope["signatures"][0]["sig"].replace("+", "-").replace("/", "_")
    assert open_envelope(json.dumps(envelope).encode(), "t", SIGNER) == b"\xfb\xff\xfe"


def test_one_trusted_signature_among_others_suffices() -> None:
    mine, another = (json.loads(seal("t", b"x", key))["signatures"] for key in (SECRET, "0x" + "44" * 32))
    both = resealed(seal("t", b"x", SECRET), signatures=[{"sig": "AAAA"}, *another, *mine])
    assert open_envelope(both, "t", SIGNER) == open_envelope(both, "t", OTHER) == b"x"


def test_a_keyid_is_believed_about_nothing(receipt: Receipt) -> None:
    envelope = json.loads(attest(receipt, SECRET))
    envelope["signatures"][0]["keyid"] = OTHER
    with pytest.raises(EnvelopeError, match="none of 1"):
        check_attestation(json.dumps(envelope).encode(), receipt, OTHER)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "no DSSE envelope", id="nothing"),
        pytest.param(b"{}", "payloadType", id="no fields"),
        pytest.param(resealed(seal("t", b"x", SECRET), signatures=[]), "signatures", id="unsigned"),
        pytest.param(resealed(seal("t", b"x", SECRET), payload="!"), "base64", id="no base64"),
        pytest.param(resealed(seal("t", b"x", SECRET), payload="eQ=="), "none of 1", id="another payload"),
        pytest.param(resealed(seal("t", b"x", SECRET), payloadType="u"), "none of 1", id="another type"),
        pytest.param(seal("u", b"x", SECRET), "payloadType: expected t", id="signed for another type"),
        pytest.param(seal("t", b"x", "0x" + "44" * 32), "none of 1", id="signed by another"),
    ],
)
def test_an_envelope_is_refused_with_its_reason(data: bytes, says: str) -> None:
    with pytest.raises(EnvelopeError, match=says):
        open_envelope(data, "t", SIGNER)


@pytest.mark.parametrize("field", ["payload", "sig"])
def test_every_flipped_byte_is_detected(receipt: Receipt, field: str) -> None:
    """Of the signature and of the payload's first bytes: any other is hashed alike."""
    envelope = json.loads(attest(receipt, SECRET))
    holder = envelope if field == "payload" else envelope["signatures"][0]
    whole = base64.b64decode(holder[field])
    for at in range(min(len(whole), 96)):
        holder[field] = base64.b64encode(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]).decode()
        with pytest.raises(EnvelopeError):
            check_attestation(json.dumps(envelope).encode(), receipt, SIGNER)


@pytest.mark.parametrize("field", ["leaf", "root", "batch_id", "code_hash"])
def test_an_attestation_of_another_receipt_does_not_hold(receipt: Receipt, field: str) -> None:
    other = receipt.model_copy(update={field: "0x" + "00" * 32})
    with pytest.raises(EnvelopeError, match="something else"):
        check_attestation(attest(other, SECRET), receipt, SIGNER)


def test_the_payload_type_is_that_of_in_toto(receipt: Receipt) -> None:
    assert json.loads(attest(receipt, SECRET))["payloadType"] == PAYLOAD_TYPE
