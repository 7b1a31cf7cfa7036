"""Whether an attempt has a receipt already: one that cannot be read is no "no", for that would commit twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.record import Subject
from faceledger_operator.receipts.keeper import Receipts
from faceledger_operator.receipts.store import ReceiptConflictError
from faceledger_operator.receipts.volume import ReceiptVolume

SUBJECT = Subject(kind="FaceDataset", namespace="people", name="staff", uid="u", generation=1)


class NoSecrets:
    async def get(self, *_: Any) -> None:
        return None


def receipts_in(folder: Path) -> tuple[Receipts, ReceiptVolume]:
    kube: Any = NoSecrets()
    volume = ReceiptVolume(folder)
    return Receipts(kube, volume), volume


async def test_where_nothing_is_kept_there_is_none(tmp_path: Path) -> None:
    receipts, _ = receipts_in(tmp_path)
    assert await receipts.find(SUBJECT, "staff-1") is None


async def test_a_damaged_receipt_is_named_instead_of_taken_for_none(tmp_path: Path) -> None:
    receipts, volume = receipts_in(tmp_path)
    volume.put(SUBJECT, "staff-1", "0x" + "aa" * 32, b'{"version":3}')
    with pytest.raises(ReceiptConflictError, match="the receipt of staff-1 is none"):
        await receipts.find(SUBJECT, "staff-1")


async def test_receipts_of_one_store_are_the_same(tmp_path: Path) -> None:
    kube: Any = NoSecrets()
    store = ReceiptVolume(tmp_path)
    assert Receipts(kube, store) == Receipts(kube, store)
