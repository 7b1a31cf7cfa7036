"""Builders of what the ledger decides on, each with a sound default and overrides."""

from __future__ import annotations

from typing import Any

import pytest
from faceledger_contracts.canonical import to_hex
from faceledger_contracts.eip712 import Domain, address_of
from faceledger_contracts.record import Record, Subject, leaf
from faceledger_operator.ledger.batching import form_batches, sign_alone
from faceledger_operator.ledger.chain import Block, FeeMarket
from faceledger_operator.ledger.fees import Fees
from faceledger_operator.ledger.journal import Authorisation, Batch, Deployment, Entry, Journal, Place, Sent, salts_of
from faceledger_operator.ledger.moves import ChainView, Policy, Seen

CHAIN_ID = 1337
CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SIGNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
KEY = "0x" + "11" * 32
NOW = 1_800_000_000


class Build:
    """`build.sent(nonce=7)` and the like."""

    now = NOW
    contract = CONTRACT
    signer = SIGNER
    key = KEY
    run_key = address_of(KEY)

    def entry(self, attempt: str = "front-door-1", **changes: Any) -> Entry:
        record = Record(
            subject=Subject(
                kind="RecognitionJob", namespace="people", name=attempt, uid=f"uid-{attempt}", generation=1
            ),
            attempt=attempt,
            purpose="AccessControl",
            run_key=self.run_key,
            report_digest="sha256:" + "ab" * 32,
            image_digest="localhost/faceledger/workloads:dev",
            created="2026-01-02T03:04:05Z",
        )
        bare = Entry(
            attempt=attempt,
            record=record,
            salt_seed="0x" + attempt.encode().hex().ljust(64, "0")[:64],
            leaf="",
            report_signature="0x" + "22" * 65,
            solo_signature="",
            run_key_secret=f"{attempt}-run-key",
            owner={"kind": "RecognitionJob", "name": attempt, "uid": f"uid-{attempt}"},
            contract=CONTRACT,
        )
        own = to_hex(leaf(record, salts_of(bare)))
        solo = sign_alone(KEY, own, Domain(CHAIN_ID, CONTRACT))
        return bare.model_copy(update={"leaf": own, "solo_signature": solo, **changes})

    def batch(self, *entries: Entry, **changes: Any) -> Batch:
        group = entries or (self.entry(),)
        (batch,) = form_batches(group, {group[0].attempt: KEY}, CHAIN_ID)
        return batch.model_copy(update=changes)

    def authorisation(self, **changes: Any) -> Authorisation:
        intent = Authorisation(contract=CONTRACT, run_key=self.run_key, valid_until=NOW + 3600)
        return intent.model_copy(update=changes)

    def deployment(self, **changes: Any) -> Deployment:
        return Deployment(signer=SIGNER).model_copy(update=changes)

    def sent(self, **changes: Any) -> Sent:
        fees = Fees(cap=3 * 10**9, tip=10**9)
        sent = Sent(nonce=5, raw="0x02", hashes=("0x" + "aa" * 32,), gas=100_000, fees=fees, block=100, at=NOW)
        return sent.model_copy(update=changes)

    def place(self, **changes: Any) -> Place:
        place = Place(transaction="0x" + "aa" * 32, block_number=101, block_hash="0x" + "bb" * 32)
        return place.model_copy(update=changes)

    def journal(
        self, *intents: Any, entries: tuple[Entry, ...] = (), pinned: int | None = NOW, **changes: Any
    ) -> Journal:
        """With `entries` that are all pinned since `pinned`; None: not pinned yet."""
        journal = Journal(**changes).with_entries(entries)
        if pinned is not None:
            journal = journal.with_pinned(list(journal.entries), pinned)
        for intent in intents:
            journal = journal.with_intent(intent)
        return journal

    def view(self, seen: dict[str, Seen], **changes: Any) -> ChainView:
        fields: dict[str, Any] = {
            "head": Block(103, "0x" + "cc" * 32, NOW, 10**9),
            "final": 100,
            "nonce": 5,
            "pending_nonce": 5,
            "reserved": frozenset(),
            "market": FeeMarket(10**9, 10**9, 0),
            "balance": 10**18,
        }
        return ChainView(**{**fields, **changes}, seen=seen)

    def policy(self, **changes: Any) -> Policy:
        fields = {"max_records": 4, "max_delay": 5, "max_fee": 50 * 10**9, "budget": 10**17}
        return Policy(**{**fields, **changes})


@pytest.fixture
def build() -> Build:
    return Build()
