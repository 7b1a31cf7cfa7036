"""A person's consent as a file: who signed it, and what it permits when."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from faceledger_contracts.canonical import canonical_json, from_hex
from faceledger_contracts.consent import Action, Consent, identity_commitment, sign_consent
from faceledger_contracts.consent_record import ConsentError, parse_consent
from faceledger_contracts.eip712 import Domain, new_run_key

DOMAIN = Domain(1337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
WALLET, SECRET = new_run_key()
SALT = "0x" + "7e" * 32


def record(wallet: str = WALLET, chain_id: int = DOMAIN.chain_id) -> dict[str, Any]:
    return {
        "@context": {"dpv": "https://w3id.org/dpv#"},
        "@id": "urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": "https://w3id.org/dpv/schema/dpv-27560#record",
        "dct:created": "2026-01-31T12:00:00Z",
        "dpv:hasConsentStatus": "dpv:ConsentGiven",
        "dpv:hasDataController": {
            "@type": "dpv:DataController",
            "dpv:hasContact": "privacy@example.org",
            "dpv:hasName": "Example",
        },
        "dpv:hasDataSubject": {"@id": f"did:pkh:eip155:{chain_id}:{wallet}", "@type": "dpv:DataSubject"},
        "dpv:hasLegalBasis": ["eu-gdpr:A6-1-a", "eu-gdpr:A9-2-a"],
        "dpv:hasNotice": "https://example.org/notice",
        "dpv:hasProcess": {
            "@type": "dpv:Process",
            "dct:title": "doors/staff",
            "dpv:hasPersonalData": ["pd:FacialPrint", "pd:Picture"],
            "dpv:hasPurpose": ["faceledger:AccessControl", "faceledger:Research"],
            "dpv:hasRecipient": [],
            "dpv:hasStorageCondition": {"@type": "dpv:StorageDuration", "dpv:hasDuration": "P30D"},
        },
    }


def consent(about: dict[str, Any] | None = None, secret: str = SECRET, **fields: Any) -> bytes:
    """A file as the page saves it, signed with `secret`."""
    about = about or record()
    commitment = identity_commitment(about, from_hex(SALT, 32))
    message = Consent(Action.REGISTER, WALLET, commitment, nonce=3, deadline=1_800_000_000)
    return canonical_json(
        {
            "version": 1,
            "action": "RegisterIdentity",
            "wallet": WALLET,
            "chainId": DOMAIN.chain_id,
            "contract": DOMAIN.contract,
            "nonce": 3,
            "deadline": 1_800_000_000,
            "record": about,
            "salt": SALT,
            "signature": sign_consent(secret, message, DOMAIN),
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("dataset", "purpose", "at", "permitted"),
    [
        pytest.param("doors/staff", "Research", "2026-02-01T00:00:00Z", True, id="what was agreed to, in time"),
        pytest.param("doors/staff", "Attendance", "2026-02-01T00:00:00Z", False, id="another purpose"),
        pytest.param("doors/guests", "Research", "2026-02-01T00:00:00Z", False, id="another collection"),
        pytest.param("doors/staff", "Research", "2026-01-31T11:59:59Z", False, id="before it was given"),
        pytest.param("doors/staff", "Research", "2026-03-02T11:59:59Z", True, id="in the last second"),
        pytest.param("doors/staff", "Research", "2026-03-02T12:00:00Z", False, id="after its days are over"),
    ],
)
def test_a_consent_permits_what_was_agreed_to(dataset: str, purpose: str, at: str, permitted: bool) -> None:
    moment = datetime.fromisoformat(at).astimezone(UTC)
    assert parse_consent(consent()).record.permits(dataset, purpose, moment) is permitted


def test_its_commitment_is_the_registrys() -> None:
    given = parse_consent(consent())
    assert from_hex(given.commitment, 32) == identity_commitment(record(), from_hex(SALT, 32))


@pytest.mark.parametrize(
    ("file", "message"),
    [
        pytest.param(lambda: consent(secret=new_run_key()[1]), "not by the wallet", id="somebody else signed it"),
        pytest.param(
            lambda: consent(record(wallet=new_run_key()[0])), "about another wallet", id="it is about somebody else"
        ),
        pytest.param(lambda: consent(record(chain_id=1)), "about another wallet or chain", id="it is of another chain"),
        pytest.param(lambda: consent(nonce=4), "signed by", id="the nonce was changed"),
        pytest.param(lambda: consent(salt="0x" + "00" * 32), "signed by", id="the salt was changed"),
        pytest.param(lambda: consent(signature="0x" + "00" * 65), "malformed", id="the signature is none"),
        pytest.param(lambda: consent(action="Authenticate"), "action", id="a proof is no consent"),
        pytest.param(lambda: consent(version=2), "version", id="a version unknown here"),
        pytest.param(lambda: consent({**record(), "dpv:hasNotice": ""}), "dpv:hasNotice", id="a record without notice"),
        pytest.param(lambda: consent({**record(), "dpv:hasRisk": "low"}), "dpv:hasRisk", id="a word unknown here"),
        pytest.param(lambda: json.dumps(json.loads(consent())).encode(), "canonical", id="another spelling"),
        pytest.param(lambda: b"\xff\xfe", "consent", id="no text"),
        pytest.param(lambda: b"", "consent", id="an empty file"),
    ],
)
def test_a_wrong_file_is_refused_by_what_is_wrong(file: Callable[[], bytes], message: str) -> None:
    with pytest.raises(ConsentError, match=message):
        parse_consent(file())


def test_a_changed_purpose_is_not_what_was_signed() -> None:
    with pytest.raises(ConsentError, match="signed by"):
        parse_consent(consent().replace(b"faceledger:Research", b"faceledger:Attendance"))
