"""One file with receipt and artefacts is verified without IPFS, and without a node by the hash of the block alone."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.canonical import from_hex, sha256_digest
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.cid import CHUNK_BYTES, cid_of_bytes
from faceledger_contracts.content import ContentUnavailable
from faceledger_contracts.envelope import artefact_context, encrypt_stream
from faceledger_contracts.parcel import Parcel, is_parcel, write_parcel
from faceledger_contracts.receipt import Receipt, ReceiptError, encode_receipt
from faceledger_contracts.record import Artefact
from faceledger_contracts.verify import verify_at
from faceledger_operator.cli.app import app
from faceledger_operator.cli.errors import CommandError
from faceledger_operator.cli.parcels import verify_parcel
from faceledger_operator.cli.report import Checked
from faceledger_operator.cli.verification import Held
from typer.testing import CliRunner

pytestmark = pytest.mark.chain

KEY = bytes(range(32))
PLAINTEXT = bytes(2 * CHUNK_BYTES + 1000)


class Store:
    """The artefacts by their CIDs."""

    def __init__(self, *files: bytes) -> None:
        self._files = {cid_of_bytes(file): file for file in files}

    def get(self, cid: str, writer: Any) -> None:
        if cid not in self._files:
            raise ContentUnavailable(f"{cid}: nobody has it")
        writer.write(self._files[cid])


@pytest.fixture(scope="module")
def encrypted() -> bytes:
    out = BytesIO()
    encrypt_stream(BytesIO(PLAINTEXT), out, KEY, artefact_context("front-door-1", "AccessControl", "faces.tar"))
    return out.getvalue()


@pytest.fixture
def receipt(ledger: Any, reader: ChainReader, encrypted: bytes) -> Receipt:
    """Of a real commit, final by now, with the proof of its block."""
    artefact = Artefact(
        name="faces.tar", digest=sha256_digest(PLAINTEXT), cid=cid_of_bytes(encrypted), size=len(PLAINTEXT)
    )
    committed: Receipt = ledger.commit_result(artefact)
    ledger.mine(5)
    inclusion = reader.inclusion(from_hex(committed.transaction.hash, 32))
    return committed.model_copy(update={"version": 2, "inclusion": inclusion})


@pytest.fixture
def parcel(receipt: Receipt, encrypted: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "front-door.zip"
    write_parcel(path, [receipt], Store(encrypted))
    return path


def verified(path: Path, rpc: str | None = None, block_hash: str | None = None, key: bytes | None = KEY) -> Checked:
    (report,) = verify_parcel(path, rpc, block_hash, key, "finalized", Held())
    return report


def test_a_parcel_is_verified_by_a_node_without_ipfs(parcel: Path, anvil: str) -> None:
    report = verified(parcel, rpc=anvil)
    assert (report.failed, report.unchecked) == ([], [])
    assert {"finality", "run key", "artefact faces.tar", "decryption faces.tar"} <= {step.name for step in report.steps}


def test_a_parcel_is_verified_offline_by_its_block_and_says_what_was_not_checked(
    parcel: Path, receipt: Receipt
) -> None:
    report = verified(parcel, block_hash=receipt.transaction.block_hash)
    assert report.failed == []
    assert {"inclusion", "transaction", "block", "decryption faces.tar"} <= {step.name for step in report.steps}
    assert report.unchecked == ["contract code, run keys, revocation (no --rpc)"]


def test_another_block_is_refused(parcel: Path) -> None:
    assert verified(parcel, block_hash="0x" + "44" * 32).failed == ["block"]


def test_without_a_node_the_block_is_asked_for(parcel: Path, receipt: Receipt) -> None:
    with pytest.raises(CommandError, match=f"hash of block {receipt.transaction.block_number} of chain 31337"):
        verified(parcel)
    with pytest.raises(CommandError, match="expected 0x and 64"):
        verified(parcel, block_hash="0x12")


def test_without_the_key_decryption_is_not_checked(parcel: Path, receipt: Receipt) -> None:
    report = verified(parcel, block_hash=receipt.transaction.block_hash, key=None)
    assert report.failed == []
    assert report.unchecked[0].startswith("decryption of the artefacts")


def test_the_same_contents_make_the_same_file(parcel: Path, receipt: Receipt, encrypted: bytes, tmp_path: Path) -> None:
    write_parcel(tmp_path / "again.zip", [receipt], Store(encrypted))
    assert (tmp_path / "again.zip").read_bytes() == parcel.read_bytes()


def test_an_artefact_that_cannot_be_had_leaves_no_file(receipt: Receipt, tmp_path: Path) -> None:
    with pytest.raises(ContentUnavailable):
        write_parcel(tmp_path / "half.zip", [receipt], Store())
    assert list(tmp_path.iterdir()) == []


def test_a_receipt_without_its_block_is_not_bundled(receipt: Receipt, encrypted: bytes, tmp_path: Path) -> None:
    old = receipt.model_copy(update={"version": 1, "inclusion": None})
    with pytest.raises(ValueError, match="version 1"):
        write_parcel(tmp_path / "old.zip", [old], Store(encrypted))


@pytest.mark.parametrize("name", ["bundle.json", "artefacts/"], ids=["the receipt", "the artefact"])
def test_a_flipped_byte_of_what_it_holds_is_detected(parcel: Path, receipt: Receipt, name: str) -> None:
    data = parcel.read_bytes()
    with zipfile.ZipFile(parcel) as archive:
        (entry,) = [entry for entry in archive.infolist() if entry.filename.startswith(name)]
    begin = entry.header_offset + 30 + len(entry.filename)
    for at in range(begin + 40, begin + entry.file_size, entry.file_size // 20):
        parcel.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with suppress(CommandError):  # the receipt cannot be read any more
            assert verified(parcel, block_hash=receipt.transaction.block_hash).failed, at


def test_another_receipts_artefact_is_not_taken_for_its_own(receipt: Receipt, tmp_path: Path) -> None:
    class Liar:
        def get(self, cid: str, writer: Any) -> None:
            writer.write(b"something else")

    write_parcel(tmp_path / "lying.zip", [receipt], Liar())
    report = verified(tmp_path / "lying.zip", block_hash=receipt.transaction.block_hash)
    assert report.failed == ["artefact faces.tar", "decryption faces.tar"]


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        pytest.param(lambda receipt: {"code_hash": "0x" + "00" * 32}, "code hash", id="another contract's code"),
        pytest.param(
            lambda receipt: {"transaction": receipt.transaction.model_copy(update={"block_number": 1})},
            "transaction",
            id="another block number",
        ),
    ],
)
def test_what_no_node_has_to_tell_is_checked_without_one(receipt: Receipt, changed: Any, step: str) -> None:
    forged = receipt.model_copy(update=changed(receipt))
    steps = verify_at(forged, receipt.transaction.block_hash)
    assert [one.name for one in steps if not one.ok] == [step]


@pytest.mark.parametrize("kind", ["a bundle with a node", "a receipt"])
def test_a_block_hash_that_nothing_is_compared_with_is_refused(
    parcel: Path, receipt: Receipt, anvil: str, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(encode_receipt(receipt))
    target = parcel if kind == "a bundle with a node" else file
    asked = ["verify", str(target), "--rpc", anvil, "--block-hash", receipt.transaction.block_hash]
    answer = CliRunner().invoke(app, asked)
    assert isinstance(answer.exception, CommandError)
    assert "nothing else is compared with it" in str(answer.exception)


def test_what_is_compressed_is_refused(parcel: Path, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(parcel) as archive, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("bundle.json", archive.read("bundle.json"))
    assert is_parcel(bomb)
    with Parcel(bomb) as opened, pytest.raises(ReceiptError, match=r"bundle\.json is compressed"):
        opened.receipts()
