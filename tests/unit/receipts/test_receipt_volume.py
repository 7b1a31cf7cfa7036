"""Receipts on a volume are written once, whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.record import Subject
from faceledger_operator.receipts.volume import ReceiptConflictError, ReceiptVolume


def subject(**changes: Any) -> Subject:
    fields = {"kind": "RecognitionJob", "namespace": "people", "name": "front-door", "uid": "u", "generation": 1}
    return Subject(**{**fields, **changes})


def test_a_receipt_is_where_a_person_looks_for_it(tmp_path: Path) -> None:
    ReceiptVolume(tmp_path).put(subject(), "front-door-1", b"receipt")
    assert (tmp_path / "people/recognitionjob/front-door/front-door-1.json").read_bytes() == b"receipt"


def test_the_same_receipt_may_come_twice(tmp_path: Path) -> None:
    volume = ReceiptVolume(tmp_path)
    for _ in range(2):
        volume.put(subject(), "front-door-1", b"receipt")
    assert volume.get(subject(), "front-door-1") == b"receipt"


def test_another_receipt_of_the_same_attempt_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    volume = ReceiptVolume(tmp_path)
    volume.put(subject(), "front-door-1", b"receipt")
    with pytest.raises(ReceiptConflictError, match="another receipt of this attempt"):
        volume.put(subject(), "front-door-1", b"another")
    assert volume.get(subject(), "front-door-1") == b"receipt"


def test_nothing_but_receipts_stays_in_the_folder(tmp_path: Path) -> None:
    ReceiptVolume(tmp_path).put(subject(), "front-door-1", b"receipt")
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
        ReceiptVolume(tmp_path).put(subject(**changes), "front-door-1", b"receipt")
