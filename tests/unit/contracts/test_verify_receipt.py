"""A true receipt is verified, and whatever differs is named by the step that saw it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO, ClassVar

import pytest
from faceledger_contracts.canonical import from_hex, sha256_digest, to_hex
from faceledger_contracts.cid import cid_of_bytes
from faceledger_contracts.content import ContentCorrupt, ContentUnavailable
from faceledger_contracts.envelope import artefact_context, encrypt_stream
from faceledger_contracts.evidence import Block, ChainUnavailable, RunKeyWindow
from faceledger_contracts.nullifier import nullifier
from faceledger_contracts.receipt import Receipt, encode_receipt
from faceledger_contracts.record import Artefact, Record
from faceledger_contracts.results import results_root
from faceledger_contracts.verify import Step, is_verified, verify_receipt, verify_receipts

STEPS = [
    "receipt",
    "leaf",
    "proof",
    "report signature",
    "batch id",
    "batch signature",
    "chain id",
    "contract code",
    "transaction",
    "canonical block",
    "finality",
    "run key",
    "revocation",
]
OTHER_HASH = "0x" + "00" * 32
KEY = bytes(32)


def failed(steps: list[Step]) -> list[str]:
    return [step.name for step in steps if not step.ok]


def test_a_true_receipt_is_verified(receipt: Receipt, chain: Any) -> None:
    steps = verify_receipt(encode_receipt(receipt), chain)
    assert [step.name for step in steps] == STEPS
    assert failed(steps) == []
    assert is_verified(steps)


def test_a_parsed_receipt_is_verified_alike(receipt: Receipt, chain: Any) -> None:
    assert verify_receipt(receipt, chain) == verify_receipt(encode_receipt(receipt), chain)


def test_a_verification_without_a_step_verifies_nothing() -> None:
    assert not is_verified([])


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80], ids=["the lowest bit", "the case", "the highest bit"])
def test_every_flipped_byte_is_detected(receipt: Receipt, chain: Any, flip: int) -> None:
    data = encode_receipt(receipt)
    flipped = (data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :] for at in range(len(data)))
    undetected = [at for at, steps in enumerate(verify_receipts(flipped, chain)) if is_verified(steps)]
    assert undetected == []


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        pytest.param({"leaf": OTHER_HASH}, ["leaf", "proof"], id="another leaf"),
        pytest.param({"proof": ()}, ["proof"], id="no proof"),
        pytest.param({"root": OTHER_HASH}, ["proof", "batch id", "batch signature", "transaction"], id="another root"),
        pytest.param({"count": 6}, ["batch id", "batch signature", "transaction"], id="another count"),
        pytest.param({"batch_id": OTHER_HASH}, ["batch id", "batch signature", "transaction"], id="another batch id"),
        pytest.param({"chain_id": 1}, ["report signature", "batch signature", "chain id"], id="another chain"),
        pytest.param(
            {"contract": "0x" + "00" * 20},
            ["report signature", "batch signature", "contract code", "transaction", "run key"],
            id="another contract",
        ),
        pytest.param({"code_hash": OTHER_HASH}, ["contract code"], id="another code"),
        pytest.param({"report_signature": "0x" + "00" * 65}, ["report signature"], id="no signature of the report"),
        pytest.param({"batch_signature": "0x" + "00" * 65}, ["batch signature"], id="no signature of the batch"),
        pytest.param(
            {"batch_run_key": "0x" + "00" * 20}, ["batch signature", "transaction", "run key"], id="another batch key"
        ),
    ],
)
def test_a_changed_value_fails_its_steps(
    receipt: Receipt, chain: Any, change: dict[str, Any], steps: list[str]
) -> None:
    assert failed(verify_receipt(receipt.model_copy(update=change), chain)) == steps


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        pytest.param({"hash": OTHER_HASH}, ["transaction", "canonical block", "finality"], id="another transaction"),
        pytest.param({"block_number": 8}, ["canonical block", "run key"], id="another block number"),
        pytest.param({"block_hash": OTHER_HASH}, ["canonical block"], id="another block hash"),
    ],
)
def test_a_changed_place_fails_its_steps(
    receipt: Receipt, chain: Any, change: dict[str, Any], steps: list[str]
) -> None:
    moved = receipt.model_copy(update={"transaction": receipt.transaction.model_copy(update=change)})
    assert failed(verify_receipt(moved, chain)) == steps


def outcome(chain: Any, **change: Any) -> Any:
    return replace(chain, outcomes={hash_: replace(old, **change) for hash_, old in chain.outcomes.items()})


@pytest.mark.parametrize(
    ("elsewhere", "steps", "reason"),
    [
        pytest.param(lambda c: replace(c, id=1), ["chain id"], "the receipt says 1337, found 1", id="another chain"),
        pytest.param(lambda c: replace(c, code=bytes(32)), ["contract code"], "codeHash", id="other code"),
        pytest.param(
            lambda c: replace(c, outcomes={}),
            ["transaction", "canonical block", "finality"],
            "is in no block",
            id="a transaction that was dropped",
        ),
        pytest.param(
            lambda c: outcome(c, succeeded=False), ["transaction"], "failed", id="a transaction that was reverted"
        ),
        pytest.param(
            lambda c: outcome(c, commits=()), ["transaction"], "no such batch", id="a transaction without the event"
        ),
        pytest.param(
            lambda c: replace(c, blocks={7: Block(7, bytes(32), 1_700_000_100)}),
            ["canonical block"],
            "on the canonical chain",
            id="a block that was reorganised away",
        ),
        pytest.param(
            lambda c: replace(c, blocks={}),
            ["canonical block", "run key"],
            "has no block 7",
            id="a chain that is shorter",
        ),
        pytest.param(
            lambda c: outcome(c, block_number=8),
            ["canonical block"],
            "the receipt says 7, found 8",
            id="a transaction that moved to another block",
        ),
        pytest.param(lambda c: replace(c, final=6), ["finality"], "after the finalized block 6", id="not yet final"),
        pytest.param(
            lambda c: replace(c, final=None), ["finality"], "number of confirmations", id="a chain without finality"
        ),
        pytest.param(lambda c: replace(c, windows={}), ["run key"], "not authorised", id="keys never authorised"),
        pytest.param(
            lambda c: replace(c, windows=dict.fromkeys(c.windows, RunKeyWindow(1_700_000_101, 2**40))),
            ["run key"],
            "was not authorised when block 7",
            id="keys authorised only later",
        ),
        pytest.param(
            lambda c: replace(c, windows=dict.fromkeys(c.windows, RunKeyWindow(1, 1_700_000_100))),
            ["run key"],
            "was not authorised when block 7",
            id="keys that had expired",
        ),
    ],
)
def test_a_chain_that_says_otherwise_fails_its_steps(
    receipt: Receipt, chain: Any, elsewhere: Callable[[Any], Any], steps: list[str], reason: str
) -> None:
    answer = verify_receipt(receipt, elsewhere(chain))
    assert failed(answer) == steps
    assert any(reason in step.detail for step in answer if not step.ok)


def test_a_revoked_commitment_fails_and_says_when(receipt: Receipt, chain: Any) -> None:
    mine = nullifier(from_hex(receipt.leaf, 32), receipt.salts)
    steps = verify_receipt(receipt, replace(chain, revoked={mine: 1_700_000_200}))
    assert failed(steps) == ["revocation"]
    assert steps[-1].detail == "the commitment was revoked at 2023-11-14T22:16:40Z"


@pytest.mark.parametrize(("confirmations", "ok"), [(33, True), (34, False)])
def test_confirmations_are_counted_from_the_head(receipt: Receipt, chain: Any, confirmations: int, ok: bool) -> None:
    assert is_verified(verify_receipt(receipt, chain, finality=confirmations)) is ok


def test_a_node_out_of_reach_fails_the_steps_that_needed_it(receipt: Receipt, chain: Any) -> None:
    class Unreachable(type(chain)):  # type: ignore[misc]
        asked = 0

        def outcome(self, transaction: bytes, contract: str) -> None:
            Unreachable.asked += 1
            raise ChainUnavailable("transaction: ReadTimeout at https://node.example/…")

    steps = verify_receipt(receipt, Unreachable(windows=chain.windows))
    assert failed(steps) == ["transaction", "canonical block", "finality"]
    assert "ReadTimeout at https://node.example/…" in next(step.detail for step in steps if step.name == "finality")
    assert Unreachable.asked == 1


def test_a_malformed_receipt_is_one_failed_step(receipt: Receipt, chain: Any) -> None:
    steps = verify_receipt(encode_receipt(receipt).replace(b'"count":5', b'"count":0'), chain)
    assert [(step.name, step.ok) for step in steps] == [("receipt", False)]
    assert steps[0].detail.startswith("count: ")


def test_receipts_of_one_pass_ask_the_chain_once(receipt: Receipt, chain: Any) -> None:
    class Counting(type(chain)):  # type: ignore[misc]
        asked = 0

        def outcome(self, transaction: bytes, contract: str) -> Any:
            Counting.asked += 1
            return chain.outcome(transaction, contract)

    answers = list(verify_receipts([receipt] * 10, Counting(windows=chain.windows)))
    assert all(is_verified(steps) for steps in answers)
    assert Counting.asked == 1


def test_the_revocations_of_one_pass_are_one_question(receipt: Receipt, chain: Any) -> None:
    class Counting(type(chain)):  # type: ignore[misc]
        asked: ClassVar[list[int]] = []

        def revoked_at(self, contract: str, nullifiers: Sequence[bytes]) -> list[int]:
            self.asked.append(len(nullifiers))
            raise ChainUnavailable("revocation: ReadTimeout at https://node.example/…")

    other = receipt.model_copy(update={"leaf": OTHER_HASH})
    answers = list(verify_receipts([receipt, other, receipt], Counting(windows=chain.windows, outcomes=chain.outcomes)))
    assert Counting.asked == [2]
    assert [steps[-1].detail for steps in answers] == ["revocation: ReadTimeout at https://node.example/…"] * 3


class RecordedContent:
    """A content store that holds these files."""

    def __init__(self, files: dict[str, bytes], error: Exception | None = None) -> None:
        self.files = files
        self.error = error

    def get(self, cid: str, writer: BinaryIO) -> None:
        if self.error is not None:
            raise self.error
        writer.write(self.files[cid])


PLAINTEXT = b'{"probe":1}\n'


def encrypted_results(record: Record, plaintext: bytes = PLAINTEXT, key: bytes = KEY, name: str = "results") -> bytes:
    out = BytesIO()
    encrypt_stream(BytesIO(plaintext), out, key, artefact_context(record.attempt, record.purpose, name))
    return out.getvalue()


def with_artefact(receipt: Receipt, encrypted: bytes, size: int = len(PLAINTEXT)) -> Receipt:
    artefact = Artefact(name="results", digest=sha256_digest(PLAINTEXT), cid=cid_of_bytes(encrypted), size=size)
    changes = {"artefacts": (artefact,), "results_root": None}
    return receipt.model_copy(update={"record": receipt.record.model_copy(update=changes)})


def content_steps(receipt: Receipt, chain: Any, content: RecordedContent, key: bytes | None = KEY) -> list[Step]:
    return verify_receipt(receipt, chain, content, key)[len(STEPS) :]


def test_artefacts_are_fetched_and_decrypted(receipt: Receipt, chain: Any) -> None:
    encrypted = encrypted_results(receipt.record)
    content = RecordedContent({cid_of_bytes(encrypted): encrypted})
    steps = content_steps(with_artefact(receipt, encrypted), chain, content)
    assert [(step.name, step.ok) for step in steps] == [("artefact results", True), ("decryption results", True)]


def test_without_a_key_nothing_is_decrypted(receipt: Receipt, chain: Any) -> None:
    encrypted = encrypted_results(receipt.record)
    content = RecordedContent({cid_of_bytes(encrypted): encrypted})
    steps = content_steps(with_artefact(receipt, encrypted), chain, content, key=None)
    assert [(step.name, step.ok) for step in steps] == [("artefact results", True)]


@pytest.mark.parametrize(
    ("options", "key", "reason"),
    [
        pytest.param({"plaintext": b'{"probe":2}\n'}, KEY, "artefacts.results.digest", id="another plaintext"),
        pytest.param({}, b"\1" * 32, "is encrypted with key", id="another key"),
        pytest.param({}, b"short", "32 bytes, not 5", id="a key that is none"),
        pytest.param({"name": "faces"}, KEY, "associated data", id="another artefact's file"),
    ],
)
def test_a_decryption_that_differs_is_named(
    receipt: Receipt, chain: Any, options: dict[str, Any], key: bytes, reason: str
) -> None:
    encrypted = encrypted_results(receipt.record, **options)
    content = RecordedContent({cid_of_bytes(encrypted): encrypted})
    steps = content_steps(with_artefact(receipt, encrypted), chain, content, key)
    assert failed(steps) == ["decryption results"]
    assert reason in steps[-1].detail


@pytest.mark.parametrize(
    "error", [ContentUnavailable("bafk…: timed out"), ContentCorrupt("bafk…: block differs"), ValueError("no CID")]
)
def test_content_that_cannot_be_had_is_named(receipt: Receipt, chain: Any, error: Exception) -> None:
    steps = content_steps(receipt, chain, RecordedContent({}, error))
    assert failed(steps) == ["artefact results.jsonl", "decryption results.jsonl", "results root"]
    assert steps[0].detail == str(error)


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        pytest.param(len(PLAINTEXT) + 1, "the receipt says 124, found 123", id="it is shorter"),
        pytest.param(
            len(PLAINTEXT) - 1, "longer than the 122 bytes", id="it is longer, and the rest is not even stored"
        ),
    ],
)
def test_content_of_another_size_is_refused(receipt: Receipt, chain: Any, size: int, reason: str) -> None:
    encrypted = encrypted_results(receipt.record)
    content = RecordedContent({cid_of_bytes(encrypted): encrypted})
    (step,) = content_steps(with_artefact(receipt, encrypted, size), chain, content, key=None)
    assert not step.ok
    assert reason in step.detail


def test_every_flipped_byte_of_an_artefact_is_detected(receipt: Receipt, chain: Any) -> None:
    encrypted = encrypted_results(receipt.record)
    for at in range(len(encrypted)):
        flipped = encrypted[:at] + bytes([encrypted[at] ^ 1]) + encrypted[at + 1 :]
        content = RecordedContent({cid_of_bytes(encrypted): flipped})
        assert failed(content_steps(with_artefact(receipt, encrypted), chain, content)) == ["decryption results"]


LINES = [b'{"probe":1}', b'{"probe":2}', b'{"probe":3}']
LINE_SALTS = [bytes([i]) * 32 for i in range(len(LINES))]


def with_lines(
    receipt: Receipt,
    root: str | None = None,
    lines: bytes = b"\n".join(LINES) + b"\n",
    salts: bytes = b"".join(LINE_SALTS),
    leave_out: str = "",
) -> tuple[Receipt, RecordedContent]:
    """A receipt of result lines and their salts, and a store that has both."""
    files, artefacts = {}, []
    for name, plaintext in (("results.jsonl", lines), ("results-salts.bin", salts)):
        encrypted = encrypted_results(receipt.record, plaintext, name=name)
        cid = cid_of_bytes(encrypted)
        files[cid] = encrypted
        artefacts.append(Artefact(name=name, digest=sha256_digest(plaintext), cid=cid, size=len(plaintext)))
    changes = {
        "artefacts": tuple(artefact for artefact in artefacts if artefact.name != leave_out),
        "results_root": root or to_hex(results_root(LINES, LINE_SALTS)),
    }
    record = receipt.record.model_copy(update=changes)
    return receipt.model_copy(update={"record": record}), RecordedContent(files)


def test_the_results_root_is_recomputed_from_the_lines_and_their_salts(receipt: Receipt, chain: Any) -> None:
    given, content = with_lines(receipt)
    steps = content_steps(given, chain, content)
    assert failed(steps) == []
    assert steps[-1] == Step("results root", True, "3 lines of results.jsonl lead to it")


def test_without_a_key_the_results_root_is_not_recomputed(receipt: Receipt, chain: Any) -> None:
    given, content = with_lines(receipt)
    names = [step.name for step in content_steps(given, chain, content, key=None)]
    assert names == ["artefact results.jsonl", "artefact results-salts.bin"]


@pytest.mark.parametrize(
    ("differing", "reason"),
    [
        pytest.param({"root": OTHER_HASH}, "record.resultsRoot: the receipt says 0x00", id="another root"),
        pytest.param({"lines": b"\n".join(reversed(LINES))}, "record.resultsRoot", id="the lines in another order"),
        pytest.param({"lines": LINES[0] + b"\n"}, "1 lines have 3 salts", id="lines that are missing"),
        pytest.param({"salts": b"".join(reversed(LINE_SALTS))}, "record.resultsRoot", id="other salts"),
        pytest.param({"salts": LINE_SALTS[0]}, "salt of line 1", id="salts that are missing"),
        pytest.param({"lines": b"", "salts": b""}, "leaf", id="no line"),
        pytest.param({"leave_out": "results-salts.bin"}, "no artefacts NAME.jsonl", id="no salts at all"),
        pytest.param({"leave_out": "results.jsonl"}, "no artefacts NAME.jsonl", id="no lines at all"),
    ],
)
def test_a_results_root_that_its_lines_do_not_lead_to_is_named(
    receipt: Receipt, chain: Any, differing: dict[str, Any], reason: str
) -> None:
    given, content = with_lines(receipt, **differing)
    steps = content_steps(given, chain, content)
    assert failed(steps) == ["results root"]
    assert reason in steps[-1].detail


def test_a_results_root_whose_lines_did_not_hold_is_not_tried(receipt: Receipt, chain: Any) -> None:
    given, content = with_lines(receipt)
    damaged = RecordedContent({cid: data[:-1] + b"?" for cid, data in content.files.items()})
    steps = content_steps(given, chain, damaged)
    assert failed(steps) == ["decryption results.jsonl", "decryption results-salts.bin", "results root"]
    assert steps[-1].detail == "not tried: results.jsonl and results-salts.bin did not hold"
