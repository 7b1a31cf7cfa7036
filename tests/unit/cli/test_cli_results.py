"""Fetched results are whole, decrypted and equal to what was committed, or they are not there."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from faceledger_contracts.canonical import sha256_digest
from faceledger_contracts.cid import cid_of_bytes
from faceledger_contracts.content import ContentUnavailable
from faceledger_contracts.envelope import artefact_context, encrypt_stream
from faceledger_contracts.receipt import Receipt, Transaction, encode_receipt
from faceledger_contracts.record import Artefact, Record, Subject, draw_salts
from faceledger_operator.cli.errors import CommandError
from faceledger_operator.cli.results import fetch_results
from faceledger_operator.cli.sources import Evidence
from faceledger_operator.cli.targets import parse_resource

KEY = bytes(range(32))
PLAINTEXT = b'{"identity":"somebody"}\n'
RESOURCE = parse_resource("recognitionjob/front-door")
HEX32, HEX65, ADDRESS = "0x" + "11" * 32, "0x" + "11" * 65, "0x" + "11" * 20


class Store:
    """Ciphertexts by CID."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = {cid_of_bytes(content): content for content in contents}

    def get(self, cid: str, writer: BinaryIO) -> None:
        if cid not in self.contents:
            raise ContentUnavailable(f"{cid}: nobody has it")
        writer.write(self.contents[cid])


def encrypted(name: str = "results.jsonl", attempt: str = "front-door-1") -> bytes:
    written = BytesIO()
    encrypt_stream(BytesIO(PLAINTEXT), written, KEY, artefact_context(attempt, "AccessControl", name))
    return written.getvalue()


def evidence(content: bytes, stored: bool = True, key: bytes | None = KEY, **changes: Any) -> Evidence:
    fields = {"name": "results.jsonl", "digest": sha256_digest(PLAINTEXT), "cid": cid_of_bytes(content), "size": 24}
    record = Record(
        subject=Subject(kind="RecognitionJob", namespace="people", name="front-door", uid="u", generation=1),
        attempt="front-door-1",
        purpose="AccessControl",
        run_key=ADDRESS,
        report_digest="sha256:" + "11" * 32,
        artefacts=(Artefact(**{**fields, **changes}),),
        image_digest="workloads",
        created="2026-01-02T03:04:05Z",
    )
    receipt = Receipt(
        record=record,
        salts=draw_salts(),
        leaf=HEX32,
        proof=(),
        batch_id=HEX32,
        root=HEX32,
        count=1,
        chain_id=1,
        contract=ADDRESS,
        code_hash=HEX32,
        transaction=Transaction(hash=HEX32, block_number=1, block_hash=HEX32),
        report_signature=HEX65,
        batch_run_key=ADDRESS,
        batch_signature=HEX65,
    )
    chain: Any = None
    store = Store(content) if stored else Store()
    return Evidence(encode_receipt(receipt), chain, store, "finalized", key, "it may not be read", "u", ADDRESS)


def test_results_are_written_in_clear_for_their_owner_alone(tmp_path: Path) -> None:
    written = fetch_results(evidence(encrypted()), RESOURCE, tmp_path / "out", None)
    assert [path.name for path in written] == ["results.jsonl", "receipt.json"]
    assert written[0].read_bytes() == PLAINTEXT
    assert written[0].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param(evidence(encrypted(), stored=False), "nobody has it", id="artefacts that are gone"),
        pytest.param(evidence(encrypted()[:-1]), "authenticate", id="artefacts that were cut off"),
        pytest.param(evidence(encrypted(attempt="other-1")), "another attempt", id="another attempt's artefacts"),
        pytest.param(evidence(encrypted(), digest="sha256:" + "22" * 32), "was committed", id="a digest that differs"),
        pytest.param(evidence(encrypted(), name="../results.jsonl"), "leave the folder", id="a name that leads out"),
        pytest.param(evidence(encrypted(), key=None), "it may not be read", id="no key"),
        pytest.param(evidence(encrypted(), key=bytes(32)), "key", id="another key"),
    ],
)
def test_what_is_wrong_is_said_and_leaves_no_file(tmp_path: Path, given: Evidence, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        fetch_results(given, RESOURCE, tmp_path, None)
    assert list(tmp_path.iterdir()) == []


def test_a_key_of_the_users_own_comes_first(tmp_path: Path) -> None:
    written = fetch_results(evidence(encrypted(), key=None), RESOURCE, tmp_path, KEY)
    assert written[0].read_bytes() == PLAINTEXT
