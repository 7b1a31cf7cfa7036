"""A receipt has one spelling and a published schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
from faceledger_contracts.inclusion import Inclusion
from faceledger_contracts.receipt import Receipt, ReceiptError, encode_receipt, parse_receipt, receipt_schema

SCHEMAS = Path(__file__).parents[3] / "contracts" / "schema"
INCLUSION = Inclusion(header="0xc0", index=0, transaction_proof=("0xc0",), receipt_proof=("0xc0",))
VERSIONS = [pytest.param({}, id="version 1"), pytest.param({"version": 2, "inclusion": INCLUSION}, id="version 2")]


@pytest.mark.parametrize("change", VERSIONS)
def test_a_receipt_round_trips(receipt: Receipt, change: dict[str, Any]) -> None:
    changed = receipt.model_copy(update=change)
    assert parse_receipt(encode_receipt(changed)) == changed


@pytest.mark.parametrize("version", [1, 2])
def test_the_published_schemas_are_current(version: Literal[1, 2]) -> None:
    assert (SCHEMAS / f"receipt-v{version}.json").read_text("utf-8") == receipt_schema(version)


@pytest.mark.parametrize("change", VERSIONS)
def test_a_receipt_follows_the_published_schema_of_its_version(receipt: Receipt, change: dict[str, Any]) -> None:
    changed = receipt.model_copy(update=change)
    validators = [jsonschema.Draft202012Validator(json.loads(receipt_schema(version))) for version in (1, 2)]
    follows = [validator.is_valid(json.loads(encode_receipt(changed))) for validator in validators]
    assert follows == [changed.version == 1, changed.version == 2]


def test_a_receipt_of_version_1_says_nothing_of_inclusion(receipt: Receipt) -> None:
    assert "inclusion" not in json.loads(encode_receipt(receipt))


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
        pytest.param({"version": 3}, "version", id="a later version"),
        pytest.param({"version": 2}, "receipt", id="version 2 without an inclusion"),
        pytest.param({"inclusion": INCLUSION.model_dump(by_alias=True)}, "receipt", id="version 1 with an inclusion"),
        pytest.param({"inclusion": None}, "receipt", id="version 1 with an inclusion that is null"),
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
