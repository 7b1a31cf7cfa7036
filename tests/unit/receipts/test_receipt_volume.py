"""Receipts on a volume are written once, whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.record import Subject
from faceledger_operator.receipts.store import ReceiptConflictError
from faceledger_operator.receipts.volume import ReceiptVolume

BLOCK, OTHER_BLOCK = "0x" + "ab" * 32, "0x" + "cd" * 32


def subject(**changes: Any) -> Subject:
    fields = {"kind": "RecognitionJob", "namespace": "people", "name": "front-door", "uid": "u", "generation": 1}
    return Subject(**{**fields, **changes})


def test_a_receipt_is_where_a_person_looks_for_it(tmp_path: Path) -> None:
    ReceiptVolume(tmp_path).put(subject(), "front-door-1", BLOCK, b"receipt")
    assert (tmp_path / "people/recognitionjob/front-door/front-door-1.json").read_bytes() == b"receipt"


def test_the_same_receipt_may_come_twice(tmp_path: Path) -> None:
    volume = ReceiptVolume(tmp_path)
    for _ in range(2):
        volume.put(subject(), "front-door-1", BLOCK, b"receipt")
    assert volume.get(subject(), "front-door-1") == b"receipt"


def test_a_receipt_of_another_block_gets_a_file_of_its_own_and_is_the_one_that_holds(tmp_path: Path) -> None:
    volume = ReceiptVolume(tmp_path)
    volume.put(subject(), "front-door-1", BLOCK, b"receipt")
    volume.put(subject(), "front-door-1", OTHER_BLOCK, b"another")
    folder = tmp_path / "people/recognitionjob/front-door"
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert kept == {"front-door-1.json": b"receipt", "front-door-1.cdcdcdcd.json": b"another"}
    assert volume.get(subject(), "front-door-1") == b"another"


def test_the_first_receipt_holds_again_when_its_block_is_back(tmp_path: Path) -> None:
    volume = ReceiptVolume(tmp_path)
    for block, data in ((BLOCK, b"receipt"), (OTHER_BLOCK, b"another"), (BLOCK, b"receipt")):
        volume.put(subject(), "front-door-1", block, data)
    assert volume.get(subject(), "front-door-1") == b"receipt"


def test_a_second_receipt_of_the_same_block_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    volume = ReceiptVolume(tmp_path)
    for block, data in ((BLOCK, b"receipt"), (OTHER_BLOCK, b"another")):
        volume.put(subject(), "front-door-1", block, data)
    with pytest.raises(ReceiptConflictError, match=r"front-door-1\.cdcdcdcd\.json .* is another receipt"):
        volume.put(subject(), "front-door-1", OTHER_BLOCK, b"a third")
    assert volume.get(subject(), "front-door-1") == b"another"


def test_nothing_but_receipts_stays_in_the_folder(tmp_path: Path) -> None:
    ReceiptVolume(tmp_path).put(subject(), "front-door-1", BLOCK, b"receipt")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["front-door-1.json"]


def test_a_receipt_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert ReceiptVolume(tmp_path).get(subject(), "front-door-1") is None


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "../../etc"}, id="a name with slashes"),
        pytest.param({"namespace": ".."}, id="a namespace that leads up"),
        pytest.param({"name": ".hidden"}, id="a hidden name"),
    ],
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, changes: Any) -> None:
    with pytest.raises(ValueError, match="no Kubernetes name"):
        ReceiptVolume(tmp_path).put(subject(**changes), "front-door-1", BLOCK, b"receipt")
