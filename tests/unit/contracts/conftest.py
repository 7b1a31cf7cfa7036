"""A record, its salts and a verified receipt over a chain of plain values, for the tests of this folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.batch import Batch
from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.eip712 import Domain, address_of, sign_batch, sign_report
from faceledger_contracts.evidence import BatchCommitted, Block, FinalityTag, Outcome, RunKeyWindow
from faceledger_contracts.receipt import Receipt, Transaction
from faceledger_contracts.record import Artefact, Record, RecordSalts, Subject, draw_salts, leaf

RUN_SECRET = "0x" + "11" * 32
BATCH_SECRET = "0x" + "22" * 32
CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
TRANSACTION = b"\x33" * 32
BLOCK = Block(7, b"\x44" * 32, 1_700_000_100)


@pytest.fixture
def random() -> Callable[[int], bytes]:
    """A repeatable source of bytes: SHA-256 of a counter."""
    numbers = count()
    return lambda size: b"".join(hashlib.sha256(str(next(numbers)).encode()).digest() for _ in range(-(-size // 32)))[
        :size
    ]


@pytest.fixture
def record() -> Record:
    return Record(
        subject=Subject(kind="RecognitionJob", namespace="doors", name="front-door", uid="4f7a", generation=2),
        attempt="front-door-1a2b3c",
        purpose="AccessControl",
        run_key=address_of(RUN_SECRET),
        report_digest="sha256:" + "ab" * 32,
        artefacts=(Artefact(name="results.jsonl", digest="sha256:" + "cd" * 32, cid="bafkreib" + "a" * 51, size=1234),),
        results_root="0x" + "ef" * 32,
        model_digest="sha256:" + "01" * 32,
        image_digest="sha256:" + "23" * 32,
        created="2025-01-31T12:00:00Z",
    )


@pytest.fixture
def salts(random: Callable[[int], bytes]) -> RecordSalts:
    return draw_salts(random)


@dataclass
class RecordedChain:
    """A chain that says what its fields say; `replace` makes the one that a test needs."""

    id: int = 1337
    code: bytes = field(default_factory=lambda: from_hex(faceledger_artefact().code_hash, 32))
    outcomes: dict[bytes, Outcome] = field(default_factory=dict)
    blocks: dict[int, Block] = field(default_factory=lambda: {BLOCK.number: BLOCK})
    latest: int = 40
    final: int | None = 20
    windows: dict[str, RunKeyWindow] = field(default_factory=dict)
    revoked: dict[bytes, int] = field(default_factory=dict)

    def chain_id(self) -> int:
        return self.id

    def code_hash(self, contract: str) -> bytes:
        return self.code if contract == CONTRACT else b"\0" * 32

    def outcome(self, transaction: bytes, contract: str) -> Outcome | None:
        outcome = self.outcomes.get(transaction)
        return outcome if outcome is None or contract == CONTRACT else replace(outcome, commits=())

    def block(self, number: int) -> Block | None:
        return self.blocks.get(number)

    def head(self) -> int:
        return self.latest

    def tagged(self, tag: FinalityTag) -> int | None:
        return self.final

    def run_key_windows(self, contract: str, keys: Sequence[str]) -> list[RunKeyWindow]:
        known = self.windows if contract == CONTRACT else {}
        return [known.get(key, RunKeyWindow(0, 0)) for key in keys]

    def revoked_at(self, contract: str, nullifiers: Sequence[bytes]) -> list[int]:
        return [self.revoked.get(nullifier, 0) for nullifier in nullifiers]


@pytest.fixture
def receipt(record: Record, salts: RecordSalts) -> Receipt:
    """A true receipt of `record`, in a batch with four other leaves."""
    mine = leaf(record, salts)
    batch = Batch.of([mine, *(hashlib.sha256(bytes([i])).digest() for i in range(4))])
    domain = Domain(1337, CONTRACT)
    return Receipt(
        record=record,
        salts=salts,
        leaf=to_hex(mine),
        proof=tuple(map(to_hex, batch.proof(mine))),
        batch_id=to_hex(batch.id),
        root=to_hex(batch.root),
        count=batch.count,
        chain_id=1337,
        contract=CONTRACT,
        code_hash=faceledger_artefact().code_hash,
        transaction=Transaction(hash=to_hex(TRANSACTION), block_number=BLOCK.number, block_hash=to_hex(BLOCK.hash)),
        report_signature=sign_report(RUN_SECRET, record.attempt, record.report_digest, domain),
        batch_run_key=address_of(BATCH_SECRET),
        batch_signature=sign_batch(BATCH_SECRET, batch.id, batch.root, batch.count, domain),
    )


@pytest.fixture
def chain(receipt: Receipt) -> RecordedChain:
    """The chain on which `receipt` is true."""
    event = BatchCommitted(
        from_hex(receipt.batch_id, 32), from_hex(receipt.root, 32), receipt.count, receipt.batch_run_key
    )
    window = RunKeyWindow(BLOCK.timestamp - 100, BLOCK.timestamp + 100)
    return RecordedChain(
        outcomes={TRANSACTION: Outcome(BLOCK.number, BLOCK.hash, True, (event,))},
        windows={receipt.record.run_key: window, receipt.batch_run_key: window},
    )
