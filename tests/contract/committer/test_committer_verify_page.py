"""The page docs/verify.md, followed to the letter: what it has a reader run runs, and finds a changed receipt."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.nullifier import nullifier
from faceledger_contracts.receipt import encode_receipt

pytestmark = pytest.mark.chain

PAGE = Path(__file__).parents[3] / "docs" / "verify.md"

Bench = Any
"""The fixture `bench` of conftest.py."""


def by_hand(receipt: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert "faceledger" not in code, "the page promises that no line of FaceLedger's code runs"
    script = folder / "by_hand.py"
    script.write_text(code, "utf-8")
    return subprocess.run([sys.executable, script, receipt], capture_output=True, text=True, timeout=60)


async def test_the_steps_by_hand_accept_a_receipt_and_refuse_a_changed_one(bench: Bench, tmp_path: Path) -> None:
    for pending in [await bench.attempt(name) for name in ("a", "b", "c")]:
        await bench.ledger.submit(pending)
    await bench.commit_all()
    path = tmp_path / "receipt.json"
    path.write_bytes(encode_receipt(bench.receipt("b")))
    accepted = by_hand(path, tmp_path)
    assert accepted.returncode == 0, accepted.stderr
    assert "its run keys signed" in accepted.stdout
    receipt = bench.receipt("b")
    assert to_hex(nullifier(from_hex(receipt.leaf, 32), receipt.salts)) in accepted.stdout
    document = json.loads(path.read_text("utf-8"))
    document["record"]["purpose"] = "Attendance"
    path.write_text(json.dumps(document), "utf-8")
    refused = by_hand(path, tmp_path)
    assert refused.returncode == 1
    assert "the record does not hash to the leaf" in refused.stderr
