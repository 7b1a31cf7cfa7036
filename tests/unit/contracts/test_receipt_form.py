"""A receipt has one spelling and a published schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from faceledger_contracts.receipt import Receipt, ReceiptError, encode_receipt, parse_receipt, receipt_schema

SCHEMA = Path(__file__).parents[3] / "contracts" / "schema" / "receipt-v1.json"


def test_a_receipt_round_trips(receipt: Receipt) -> None:
    assert parse_receipt(encode_receipt(receipt)) == receipt


def test_the_published_schema_is_current() -> None:
    assert SCHEMA.read_text("utf-8") == receipt_schema()


def test_a_receipt_follows_the_published_schema(receipt: Receipt) -> None:
    jsonschema.Draft202012Validator(json.loads(receipt_schema())).validate(json.loads(encode_receipt(receipt)))


@pytest.mark.parametrize(
    "respell",
    [
        pytest.param(lambda data: data + b"\n", id="with a line end"),
        pytest.param(lambda data: data.replace(b":", b": ", 1), id="with a space"),
        pytest.param(lambda data: json.dumps(dict(reversed(json.loads(data).items()))).encode(), id="in another order"),
        pytest.param(lambda data: data.replace(b"0x5FbDB", b"0x5fbdb"), id="with an address without its checksum"),
        pytest.param(lambda data: data.replace(b'"count":5', b'"count":"5"'), id="with a number as text"),
        pytest.param(lambda data: data.replace(b'"version":1}', b'"version":1,"version":1}'), id="with a field twice"),
        pytest.param(lambda data: b"\xef\xbb\xbf" + data, id="with a byte order mark"),
    ],
)
def test_another_spelling_is_refused(receipt: Receipt, respell: Callable[[bytes], bytes]) -> None:
    respelt = respell(encode_receipt(receipt))
    assert respelt != encode_receipt(receipt)
    with pytest.raises(ReceiptError):
        parse_receipt(respelt)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"count": 0}, "count", id="a batch without a leaf"),
        pytest.param({"chainId": 2**53}, "chainId", id="a number that JSON does not hold"),
        pytest.param({"leaf": "0x00"}, "leaf", id="a short leaf"),
        pytest.param({"proof": ["0x00"]}, "proof.0", id="a short node of the proof"),
        pytest.param({"version": 2}, "version", id="a later version"),
        pytest.param({"score": 1}, "score", id="a field that receipts do not have"),
        pytest.param({"record": None}, "record", id="no record"),
    ],
)
def test_a_malformed_field_is_named(receipt: Receipt, change: dict[str, Any], field: str) -> None:
    data = json.dumps(json.loads(encode_receipt(receipt)) | change).encode()
    with pytest.raises(ReceiptError, match=f"^{field}: "):
        parse_receipt(data)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff\xfe", b'{"version":"\\ud800"}', b"[" * 100_000])
def test_any_other_file_is_refused(data: bytes) -> None:
    with pytest.raises(ReceiptError):
        parse_receipt(data)
