"""How a verification reads, and what the exit status says."""

from __future__ import annotations

import hashlib
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.record import Artefact
from faceledger_contracts.verify import Step
from faceledger_operator.cli.report import Checked, print_reports
from faceledger_operator.cli.verification import check_copies
from rich.console import Console

GOOD, BAD = Step("leaf", True, "0xaa"), Step("proof", False, "does not lead to the root")


def shown(*reports: Checked, as_json: bool = False) -> str:
    console = Console(file=StringIO(), width=140)
    print_reports(reports, as_json, console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_every_step_is_shown_and_the_failed_one_is_named_again() -> None:
    text = shown(Checked("front-door", [GOOD, BAD], ["artefacts on IPFS (no --ipfs)"]))
    assert "leaf" in text
    assert "does not lead to the root" in text
    assert "not checked: artefacts on IPFS" in text
    assert "front-door: NOT verified; failed: proof" in text


def test_of_many_receipts_only_the_failed_ones_are_shown_in_full() -> None:
    text = shown(Checked("one", [GOOD]), Checked("two", [GOOD, BAD]))
    assert "one: verified, 1 steps" in text
    assert "0xaa" in text
    assert "2 receipts, 1 verified, 1 not" in text


def test_what_was_not_checked_of_many_is_said_once() -> None:
    text = shown(*(Checked(name, [GOOD], ["artefacts on IPFS (no --ipfs)"]) for name in ("one", "two", "three")))
    assert text.count("not checked: artefacts on IPFS (no --ipfs)") == 1
    assert text.count("verified, 1 steps") == 3


def test_nothing_checked_is_nothing_verified() -> None:
    assert not Checked("empty", []).verified
    assert json.loads(shown(as_json=True))["verified"] is False


def test_a_program_reads_json() -> None:
    document = json.loads(shown(Checked("front-door", [GOOD, BAD], ["x"]), as_json=True))
    assert document["verified"] is False
    assert document["receipts"][0]["failed"] == ["proof"]
    assert document["receipts"][0]["steps"][0] == {"name": "leaf", "ok": True, "detail": "0xaa"}
    assert document["receipts"][0]["unchecked"] == ["x"]


class Receipt:
    """As much of a receipt as a copy is compared with."""

    def __init__(self, *artefacts: Artefact) -> None:
        self.record: Any = self
        self.artefacts = artefacts


@pytest.mark.parametrize(
    ("name", "content", "ok", "says"),
    [
        pytest.param("results.jsonl", b"line\n", True, "sha256:", id="an equal copy holds"),
        pytest.param("results.jsonl", b"line!", False, "is not what was committed", id="a changed byte is found"),
        pytest.param("other.jsonl", b"line\n", False, "no artefact other.jsonl", id="an unknown name is refused"),
    ],
)
def test_a_copy(tmp_path: Path, name: str, content: bytes, ok: bool, says: str) -> None:
    digest = "sha256:" + hashlib.sha256(b"line\n").hexdigest()
    receipt: Any = Receipt(Artefact(name="results.jsonl", digest=digest, cid="b", size=5))
    path = tmp_path / "copy"
    path.write_bytes(content)
    (step,) = check_copies(receipt, {name: path})
    assert step.ok is ok
    assert says in step.detail


def test_a_copy_without_a_readable_receipt_is_not_verified(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    path.write_bytes(b"")
    assert [step.ok for step in check_copies(None, {"results.jsonl": path})] == [False]
