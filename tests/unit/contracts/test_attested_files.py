"""`faceledger attest` vouches for a receipt in a file, and `faceledger verify` holds the attestation against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.eip712 import address_of
from faceledger_contracts.receipt import Receipt, encode_receipt
from faceledger_operator.cli.app import app
from faceledger_operator.cli.attesting import read_attestation
from faceledger_operator.cli.errors import CommandError
from faceledger_operator.cli.verification import Held, verify_files
from typer.testing import CliRunner

SECRET = "33" * 32
SIGNER = address_of("0x" + SECRET)


@pytest.fixture
def file(receipt: Receipt, tmp_path: Path) -> Path:
    path = tmp_path / "receipt.json"
    path.write_bytes(encode_receipt(receipt))
    return path


def attested(file: Path, secret: str = SECRET) -> Path:
    """What the command writes."""
    key, envelope = file.with_name("key"), file.with_name("receipt.intoto.jsonl")
    key.write_text(f"{secret}\n")
    done = CliRunner().invoke(app, ["attest", str(file), "--signing-key", str(key), "-o", str(envelope)])
    assert done.exit_code == 0, done.exception
    return envelope


def verified(file: Path, chain: Any, envelope: Path, attester: str = SIGNER) -> list[str]:
    """Names of the steps that failed."""
    held = Held(attestation=read_attestation(envelope, attester))
    (report,) = verify_files([file], chain, None, None, "finalized", held)
    assert report.steps[-1].name == "attestation"
    return report.failed


@pytest.mark.parametrize("attester", [SIGNER, SIGNER.lower()], ids=["as shown", "without a checksum"])
def test_an_attested_receipt_is_verified(file: Path, chain: Any, attester: str) -> None:
    assert verified(file, chain, attested(file), attester) == []


def test_somebody_else_did_not_attest_it(file: Path, chain: Any) -> None:
    assert verified(file, chain, attested(file), "0x" + "00" * 20) == ["attestation"]


def test_an_attestation_of_another_receipt_fails_alone(file: Path, receipt: Receipt, chain: Any) -> None:
    envelope = attested(file)
    other = receipt.model_copy(update={"leaf": "0x" + "00" * 32})
    file.write_bytes(encode_receipt(other))
    assert "attestation" in verified(file, chain, envelope)


def test_what_is_no_receipt_is_not_attested(file: Path, chain: Any) -> None:
    envelope = attested(file)
    file.write_bytes(b"{}")
    assert verified(file, chain, envelope) == ["receipt", "attestation"]


def test_a_key_that_is_none_is_refused_and_not_repeated(file: Path) -> None:
    key = file.with_name("key")
    key.write_text("ff" * 32)  # above the order of the curve
    done = CliRunner().invoke(
        app, ["attest", str(file), "--signing-key", str(key), "-o", str(file.with_name("envelope"))]
    )
    assert isinstance(done.exception, CommandError)
    assert "64 hexadecimal digits" in str(done.exception)
    assert "ffff" not in str(done.exception)
    assert not file.with_name("envelope").exists()


@pytest.mark.parametrize(
    ("given", "attester", "says"),
    [
        pytest.param(True, None, "go together", id="a file alone"),
        pytest.param(False, SIGNER, "go together", id="an address alone"),
        pytest.param(True, "somebody", "0x and 40 hexadecimal digits", id="a name for an address"),
    ],
)
def test_options_that_say_too_little_are_refused(file: Path, given: bool, attester: str | None, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        read_attestation(file if given else None, attester)
