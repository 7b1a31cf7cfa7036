"""A receipt of a real commit is verified against the node, and refused once anything of it changes."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.canonical import from_hex, sha256_digest
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.cid import cid_of_bytes
from faceledger_contracts.eip712 import new_run_key
from faceledger_contracts.envelope import artefact_context, encrypt_stream
from faceledger_contracts.kubo import Kubo
from faceledger_contracts.nullifier import nullifier
from faceledger_contracts.receipt import Receipt, encode_receipt
from faceledger_contracts.record import Artefact
from faceledger_contracts.verify import Step, is_verified, verify_receipt, verify_receipts

pytestmark = pytest.mark.chain

KEY = bytes(range(32))
PLAINTEXT = b'{"probe":1,"identity":"unknown"}\n' * 20_000


@dataclass(frozen=True)
class Committed:
    """A receipt whose batch is on chain, and the encrypted artefact that it names."""

    receipt: Receipt
    encrypted: bytes


@pytest.fixture
def committed(ledger: Any) -> Committed:
    encrypted = encrypt("front-door-1", "AccessControl")
    artefact = Artefact(
        name="results.jsonl", digest=sha256_digest(PLAINTEXT), cid=cid_of_bytes(encrypted), size=len(PLAINTEXT)
    )
    return Committed(ledger.commit_result(artefact), encrypted)


def encrypt(attempt: str, purpose: str) -> bytes:
    out = BytesIO()
    encrypt_stream(BytesIO(PLAINTEXT), out, KEY, artefact_context(attempt, purpose, "results.jsonl"))
    return out.getvalue()


def failed(steps: list[Step]) -> list[str]:
    return [step.name for step in steps if not step.ok]


def test_a_true_receipt_is_verified(ledger: Any, committed: Committed, reader: ChainReader) -> None:
    ledger.mine(5)
    assert failed(verify_receipt(encode_receipt(committed.receipt), reader)) == []


def test_a_receipt_with_its_inclusion_is_verified(ledger: Any, committed: Committed, reader: ChainReader) -> None:
    ledger.mine(5)
    inclusion = reader.inclusion(from_hex(committed.receipt.transaction.hash, 32))
    receipt = committed.receipt.model_copy(update={"version": 2, "inclusion": inclusion})
    steps = verify_receipt(encode_receipt(receipt), reader)
    assert failed(steps) == []
    assert "inclusion" in [step.name for step in steps]


def test_a_commit_is_not_final_at_once(ledger: Any, committed: Committed, reader: ChainReader) -> None:
    assert failed(verify_receipt(committed.receipt, reader)) == ["finality"]
    assert failed(verify_receipt(committed.receipt, reader, finality=1)) == ["finality"]
    ledger.mine(1)
    assert failed(verify_receipt(committed.receipt, reader, finality=1)) == []


def test_every_flipped_byte_is_detected(committed: Committed, reader: ChainReader) -> None:
    data = encode_receipt(committed.receipt)
    flipped = (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(len(data)))
    undetected = [at for at, steps in enumerate(verify_receipts(flipped, reader, finality=0)) if is_verified(steps)]
    assert undetected == []


def test_a_commit_that_was_reorganised_away_is_refused(ledger: Any, committed: Committed, reader: ChainReader) -> None:
    ledger.mine(2)
    assert failed(verify_receipt(committed.receipt, reader, finality=0)) == []
    ledger.reorganise(3)
    assert failed(verify_receipt(committed.receipt, reader, finality=0)) == [
        "transaction",
        "canonical block",
        "finality",
    ]


def test_a_key_that_expired_later_was_authorised_then(ledger: Any, committed: Committed, reader: ChainReader) -> None:
    ledger.pass_time(7200)
    assert failed(verify_receipt(committed.receipt, reader, finality=0)) == []


def test_a_key_that_was_revoked_later_was_authorised_then(
    ledger: Any, committed: Committed, reader: ChainReader
) -> None:
    ledger.mine(1)
    ledger.send(ledger.contract.functions.revokeRunKey(committed.receipt.record.run_key))
    assert failed(verify_receipt(committed.receipt, reader, finality=0)) == []


def test_a_revoked_commitment_is_refused(ledger: Any, committed: Committed, reader: ChainReader) -> None:
    mine = nullifier(from_hex(committed.receipt.leaf, 32), committed.receipt.salts)
    ledger.send(ledger.contract.functions.revokeCommitments([mine]))
    assert failed(verify_receipt(committed.receipt, reader, finality=0)) == ["revocation"]


def test_a_record_whose_own_key_was_never_authorised_is_refused(
    ledger: Any, committed: Committed, reader: ChainReader
) -> None:
    stranger, _ = new_run_key()
    record = committed.receipt.record.model_copy(update={"run_key": stranger})
    steps = verify_receipt(committed.receipt.model_copy(update={"record": record}), reader, finality=0)
    assert failed(steps) == ["leaf", "report signature", "run key"]


def test_a_node_out_of_reach_fails_what_the_chain_says(committed: Committed) -> None:
    steps = verify_receipt(committed.receipt, ChainReader("http://127.0.0.1:9/v3/s3cret", timeout=1))
    assert failed(steps) == [
        "chain id",
        "contract code",
        "transaction",
        "canonical block",
        "finality",
        "run key",
        "revocation",
    ]
    assert "s3cret" not in "".join(step.detail for step in steps)


def test_its_artefact_is_fetched_and_decrypted(
    committed: Committed, reader: ChainReader, store: Kubo, tmp_path: Path
) -> None:
    (tmp_path / "results.jsonl").write_bytes(committed.encrypted)
    assert store.add(tmp_path / "results.jsonl") == committed.receipt.record.artefacts[0].cid
    assert failed(verify_receipt(committed.receipt, reader, store, KEY, finality=0)) == []
    assert failed(verify_receipt(committed.receipt, reader, store, bytes(32), finality=0)) == [
        "decryption results.jsonl"
    ]
