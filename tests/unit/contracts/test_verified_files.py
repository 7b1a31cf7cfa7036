"""What `faceledger verify` makes of files: receipts, bundles of receipts, and folders of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.bundle import encode_bundle, pack
from faceledger_contracts.receipt import Receipt, encode_receipt
from faceledger_operator.cli.report import Checked
from faceledger_operator.cli.targets import receipt_files
from faceledger_operator.cli.verification import Held, verify_files


def checked(target: Path, chain: Any) -> list[Checked]:
    return verify_files(receipt_files(target), chain, None, None, "finalized", Held())


def test_a_folder_holds_receipts_and_bundles(receipt: Receipt, chain: Any, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(encode_receipt(receipt))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "bundle.json").write_bytes(encode_bundle(pack([receipt])))
    (tmp_path / "c.json").write_bytes(b"{}")
    found = {report.source.removeprefix(f"{tmp_path}/"): report.verified for report in checked(tmp_path, chain)}
    assert found == {"a.json": True, f"b/bundle.json {receipt.record.attempt}": True, "c.json": False}


def test_a_receipt_of_a_bundle_is_checked_as_one_of_its_own(receipt: Receipt, chain: Any, tmp_path: Path) -> None:
    (tmp_path / "alone.json").write_bytes(encode_receipt(receipt))
    (tmp_path / "bundled.json").write_bytes(encode_bundle(pack([receipt])))
    alone, bundled = checked(tmp_path, chain)
    assert alone.steps == bundled.steps


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80], ids=["the lowest bit", "the case", "the highest bit"])
def test_every_flipped_byte_of_a_bundle_is_detected(receipt: Receipt, chain: Any, tmp_path: Path, flip: int) -> None:
    data, folder = encode_bundle(pack([receipt])), tmp_path
    for at in range(len(data)):
        (folder / f"{at:05}.json").write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
    assert [report.source for report in checked(folder, chain) if report.verified] == []


def test_a_bundle_that_is_none_says_what_is_wrong_with_it(receipt: Receipt, chain: Any, tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    path.write_bytes(encode_bundle(pack([receipt])).replace(b'"flags":[', b'"flags":[true,'))
    (report,) = checked(path, chain)
    assert [(step.name, step.ok) for step in report.steps] == [("receipt", False)]
    assert report.steps[0].detail.startswith("flags: ")
