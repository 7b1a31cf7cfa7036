"""Receipts of one batch travel in one file, shorter than each alone, and come out as they went in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from faceledger_contracts.batch import Batch
from faceledger_contracts.bundle import Bundle, bundle_schema, encode_bundle, pack, parse_bundle, unpack
from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.eip712 import sign_batch, sign_report
from faceledger_contracts.evidence import BatchCommitted
from faceledger_contracts.inclusion import Inclusion
from faceledger_contracts.receipt import Receipt, ReceiptError, encode_receipt
from faceledger_contracts.record import draw_salts, leaf
from faceledger_contracts.verify import is_verified, verify_receipts

SCHEMA = Path(__file__).parents[3] / "contracts" / "schema" / "bundle-v1.json"
RUN_SECRET, BATCH_SECRET = "0x" + "11" * 32, "0x" + "22" * 32


@pytest.fixture
def receipts(receipt: Receipt, random: Any) -> list[Receipt]:
    """Five receipts of a batch of nine."""
    records = [receipt.record.model_copy(update={"attempt": f"front-door-{number}"}) for number in range(5)]
    salts = [draw_salts(random) for _ in records]
    leaves = [leaf(*pair) for pair in zip(records, salts, strict=True)]
    batch = Batch.of([*leaves, *(bytes([number]) * 32 for number in range(4))])
    place = {
        "batch_id": to_hex(batch.id),
        "root": to_hex(batch.root),
        "count": batch.count,
        "batch_signature": sign_batch(BATCH_SECRET, batch.id, batch.root, batch.count, receipt.domain),
    }
    own = [
        {
            "record": record,
            "salts": drawn,
            "leaf": to_hex(mine),
            "proof": tuple(map(to_hex, batch.proof(mine))),
            "report_signature": sign_report(RUN_SECRET, record.attempt, record.report_digest, receipt.domain),
        }
        for record, drawn, mine in zip(records, salts, leaves, strict=True)
    ]
    return [receipt.model_copy(update=place | one) for one in own]


@pytest.fixture
def true_chain(receipts: list[Receipt], chain: Any) -> Any:
    """The chain on which `receipts` are true."""
    one = receipts[0]
    event = BatchCommitted(from_hex(one.batch_id, 32), from_hex(one.root, 32), one.count, one.batch_run_key)
    return replace(chain, outcomes={hash_: replace(old, commits=(event,)) for hash_, old in chain.outcomes.items()})


def by_leaf(receipts: list[Receipt]) -> list[Receipt]:
    return sorted(receipts, key=lambda receipt: receipt.leaf)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_receipts_come_out_as_they_went_in(receipts: list[Receipt], count: int) -> None:
    data = encode_bundle(pack(receipts[:count]))
    assert unpack(parse_bundle(data)) == by_leaf(receipts[:count])


def test_what_comes_out_is_verified(receipts: list[Receipt], true_chain: Any) -> None:
    assert all(map(is_verified, verify_receipts(unpack(pack(receipts)), true_chain)))


def test_a_bundle_is_shorter_than_its_receipts(receipts: list[Receipt]) -> None:
    assert len(encode_bundle(pack(receipts))) < 0.75 * sum(len(encode_receipt(receipt)) for receipt in receipts)


def test_an_inclusion_is_said_once(receipts: list[Receipt]) -> None:
    inclusion = Inclusion(header="0xc0ffee", index=0, transaction_proof=("0xc0",), receipt_proof=("0xc0",))
    given = [receipt.model_copy(update={"version": 2, "inclusion": inclusion}) for receipt in receipts]
    data = encode_bundle(pack(given))
    assert data.count(b"0xc0ffee") == 1
    assert unpack(parse_bundle(data)) == by_leaf(given)


def test_every_flipped_byte_is_detected(receipts: list[Receipt], true_chain: Any) -> None:
    data = encode_bundle(pack(receipts[:2]))
    undetected = []
    for at in range(len(data)):
        try:
            opened = unpack(parse_bundle(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]))
        except ReceiptError:
            continue
        if all(map(is_verified, verify_receipts(opened, true_chain))):
            undetected.append(at)
    assert undetected == []


def test_the_published_schema_is_current_and_followed(receipts: list[Receipt]) -> None:
    assert SCHEMA.read_text("utf-8") == bundle_schema()
    jsonschema.Draft202012Validator(json.loads(bundle_schema())).validate(json.loads(encode_bundle(pack(receipts))))


def test_receipts_of_two_batches_are_refused(receipts: list[Receipt], receipt: Receipt) -> None:
    with pytest.raises(ValueError, match="one batch"):
        pack([*receipts, receipt])


def test_no_receipts_are_no_bundle() -> None:
    with pytest.raises(ValueError):
        pack([])


def test_a_receipt_with_anothers_salts_is_refused(receipts: list[Receipt]) -> None:
    false = receipts[0].model_copy(update={"salts": receipts[1].salts})
    with pytest.raises(ValueError):
        pack([false, *receipts[1:]])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda b: {"records": b.records[::-1]}, "records", id="in another order"),
        pytest.param(lambda b: {"records": (*b.records, b.records[-1])}, "records", id="one twice"),
        pytest.param(lambda b: {"flags": b.flags[1:]}, "flags", id="a flag too few"),
        pytest.param(lambda b: {"proof": ()}, "flags", id="no siblings"),
    ],
)
def test_what_does_not_fit_together_is_named(receipts: list[Receipt], change: Any, reason: str) -> None:
    bundle: Bundle = pack(receipts)
    with pytest.raises(ReceiptError, match=f"^{reason}: "):
        unpack(bundle.model_copy(update=change(bundle)))
