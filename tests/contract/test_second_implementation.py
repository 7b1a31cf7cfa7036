"""Another language with public libraries computes the same bytes (contracts/tools/recompute.mjs)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.batch import Batch
from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.consent import Action, Consent, sign_consent
from faceledger_contracts.eip712 import Domain, new_run_key, sign_batch, sign_report
from faceledger_contracts.nullifier import nullifier
from faceledger_contracts.receipt import Receipt, Transaction, encode_receipt
from faceledger_contracts.record import Artefact, Record, Subject, draw_salts, leaf

CONTRACTS = Path(__file__).parents[2] / "contracts"
DOMAIN = Domain(1337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")


def receipt(others: int, **fields: Any) -> Receipt:
    """A receipt of a record with `fields`, in a batch with `others` leaves besides."""
    run_key, secret = new_run_key()
    batch_key, batch_secret = new_run_key()
    record = Record(
        **{
            "subject": Subject(kind="FaceDataset", namespace="doors", name="staff", uid="4f7a", generation=1),
            "attempt": "staff-1",
            "purpose": "AccessControl",
            "run_key": run_key,
            "report_digest": "sha256:" + "ab" * 32,
            "image_digest": "sha256:" + "23" * 32,
            "created": "2025-01-31T12:00:00Z",
            **fields,
        }
    )
    salts = draw_salts()
    mine = leaf(record, salts)
    batch = Batch.of([mine, *(number.to_bytes(32, "big") for number in range(others))])
    return Receipt(
        record=record,
        salts=salts,
        leaf=to_hex(mine),
        proof=tuple(map(to_hex, batch.proof(mine))),
        batch_id=to_hex(batch.id),
        root=to_hex(batch.root),
        count=batch.count,
        chain_id=DOMAIN.chain_id,
        contract=DOMAIN.contract,
        code_hash="0x" + "00" * 32,
        transaction=Transaction(hash="0x" + "33" * 32, block_number=7, block_hash="0x" + "44" * 32),
        report_signature=sign_report(secret, record.attempt, record.report_digest, DOMAIN),
        batch_run_key=batch_key,
        batch_signature=sign_batch(batch_secret, batch.id, batch.root, batch.count, DOMAIN),
    )


def recompute(given: bytes) -> Any:
    command = ["make", "--silent", "--no-print-directory", "-C", str(CONTRACTS), "recompute"]
    return json.loads(subprocess.run(command, input=given, capture_output=True, check=True).stdout.splitlines()[-1])


def artefact(name: str) -> Artefact:
    return Artefact(name=name, digest="sha256:" + "cd" * 32, cid="bafk", size=2**53 - 1)


@pytest.mark.parametrize(
    ("others", "fields"),
    [
        pytest.param(0, {}, id="a record alone in its batch, without artefacts"),
        pytest.param(
            4,
            {"artefacts": (artefact("a"), artefact("b")), "results_root": "0x" + "ef" * 32},
            id="a record of five, with artefacts and results",
        ),
        pytest.param(
            255,
            {"purpose": 'Zutritt „Süd" \\ \u20ac \U0001f6aa \u2028\x7f\t', "attempt": "\ud7ff\ue000"},
            id="text that needs escapes or more than one byte",
        ),
    ],
)
def test_a_second_implementation_agrees(others: int, fields: dict[str, Any]) -> None:
    given = receipt(others, **fields)
    assert recompute(encode_receipt(given)) == {
        "canonical": True,
        "leaf": given.leaf,
        "nullifier": to_hex(nullifier(from_hex(given.leaf, 32), given.salts)),
        "proved": True,
        "batchId": given.batch_id,
        "batchRunKey": given.batch_run_key,
        "runKey": given.record.run_key,
    }


@pytest.mark.parametrize("action", Action)
def test_a_second_implementation_agrees_on_a_consent(action: Action) -> None:
    wallet, secret = new_run_key()
    consent = Consent(action, wallet, bytes.fromhex("ab" * 32), nonce=3, deadline=2**64)
    value = "challenge" if action is Action.AUTHENTICATE else "commitment"
    given = {
        "chainId": DOMAIN.chain_id,
        "contract": DOMAIN.contract,
        "action": action,
        "message": {"wallet": wallet, value: "0x" + "ab" * 32, "nonce": 3, "deadline": str(2**64)},
        "signature": sign_consent(secret, consent, DOMAIN),
    }
    answer = recompute(json.dumps(given).encode())
    assert answer == {"digest": to_hex(consent.digest(DOMAIN)), "signer": wallet}
