"""Records become final commitments: what is on the chain, in the receipts and in the journal afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.eip712 import new_run_key
from faceledger_contracts.verify import is_verified, verify_receipt
from faceledger_operator.api.conditions import BindingReason
from faceledger_operator.kube.kinds import RECOGNITION_JOB, SECRET
from faceledger_operator.ledger.ledger import LedgerRefusedError

pytestmark = pytest.mark.chain

Bench = Any
"""The fixture `bench` of conftest.py."""


async def test_a_record_ends_as_a_receipt_that_a_stranger_verifies(bench: Bench, reader: ChainReader) -> None:
    pending = await bench.attempt("front-door-1")
    await bench.ledger.submit(pending)
    await bench.commit_all()
    receipt = bench.receipt("front-door-1")
    steps = verify_receipt(receipt, reader)
    assert is_verified(steps), [step for step in steps if not step.ok]
    assert receipt.record == pending.record
    assert bench.journal.finalized == 1


async def test_records_that_come_together_share_one_transaction(bench: Bench, reader: ChainReader) -> None:
    names = [f"job-{i}" for i in range(5)]
    for pending in [await bench.attempt(name) for name in names]:
        await bench.ledger.submit(pending)
    await bench.commit_all()
    receipts = [bench.receipt(name) for name in names]
    assert len({receipt.transaction.hash for receipt in receipts}) == 1
    assert all(receipt.count == 5 and is_verified(verify_receipt(receipt, reader)) for receipt in receipts)
    assert bench.journal.committed_batches == 1


async def test_a_full_batch_does_not_wait_and_the_rest_waits_for_company(bench: Bench) -> None:
    patient = await bench.restarted(policy=replace(bench.policy, max_records=2, max_delay=60))
    for pending in [await patient.attempt(name) for name in ("a", "b", "c")]:
        await patient.ledger.submit(pending)
    await patient.passes_until(lambda bench: bench.journal.finalized == 2)
    assert list(patient.journal.entries) == ["c"]
    patient.clock.ahead += 60
    await patient.commit_all()
    assert patient.receipt("c").count == 1


async def test_a_record_submitted_twice_is_committed_once(bench: Bench) -> None:
    pending = await bench.attempt("twice")
    first = await bench.ledger.submit(pending)
    assert await bench.ledger.submit(pending) == first
    await bench.commit_all()
    again = await bench.ledger.submit(pending)
    assert (again.state, again.receipt, again.leaf) == ("Finalized", "twice-receipt", first.leaf)
    assert bench.journal.finalized == 1
    assert not bench.journal.entries


async def test_a_receipt_whose_secret_was_deleted_is_written_again_and_nothing_is_committed_again(bench: Bench) -> None:
    pending = await bench.attempt("deleted")
    await bench.ledger.submit(pending)
    await bench.commit_all()
    before = bench.receipt("deleted")
    await bench.kube.delete(SECRET, "people", "deleted-receipt")
    assert (await bench.ledger.submit(pending)).state == "Finalized"
    assert bench.receipt("deleted") == before


async def test_a_record_whose_resource_and_run_key_are_gone_is_committed_all_the_same(bench: Bench) -> None:
    pending = [await bench.attempt(name) for name in ("gone-1", "gone-2")]
    for one in pending:
        await bench.ledger.submit(one)
    for name in ("gone-1", "gone-2"):
        await bench.kube.delete(SECRET, "people", f"{name}-run-key")
        await bench.kube.delete(RECOGNITION_JOB, "people", name)
    await bench.commit_all()
    assert bench.journal.finalized == 2
    assert bench.receipt("gone-1") is None
    assert (bench.folder / "people" / "recognitionjob" / "gone-1" / "gone-1.json").exists()


async def test_the_subject_hears_of_every_state(bench: Bench) -> None:
    pending = await bench.attempt("heard")
    states = [(await bench.ledger.submit(pending)).state]
    while (commitment := await bench.ledger.commitment("heard")) is not None:
        states += [commitment.state] if commitment.state != states[-1] else []
        await bench.committer.run_pass()
        await bench.mine()
    assert states == ["Pending", "Submitted", "Included"]
    assert len(bench.changes) == 3  # the last one: it has left the journal


async def test_a_run_key_that_is_authorised_already_needs_no_transaction(bench: Bench) -> None:
    address, _ = new_run_key()
    await bench.authorise(address, hours=2)
    nonce = await bench.connection.nonce(bench.account.address)
    await bench.authorise(address, hours=1)
    assert await bench.connection.nonce(bench.account.address) == nonce


async def test_a_revoked_run_key_is_refused_by_name_and_holds_up_nobody(bench: Bench, ledger: Any) -> None:
    address, _ = new_run_key()
    await bench.authorise(address, hours=1)
    ledger.send(ledger.contract.functions.revokeRunKey(address))
    with pytest.raises(LedgerRefusedError, match="RunKeyWindowClosed"):
        await bench.authorise(address, hours=2)
    await bench.ledger.submit(await bench.attempt("other"))
    await bench.commit_all()


async def test_a_window_that_closes_soon_is_prolonged_until_its_batch_is_committed(bench: Bench, ledger: Any) -> None:
    pending = await bench.attempt("soon", authorised=False)
    await bench.authorise(pending.record.run_key, hours=0.1)
    await bench.ledger.submit(pending)
    ledger.send(ledger.contract.functions.pause(), "owner")
    outcome = await bench.committer.run_pass()
    assert outcome.trouble.reason is BindingReason.NOT_COMMITTER
    ledger.send(ledger.contract.functions.unpause(), "owner")
    await bench.commit_all()
    _, until = await bench.connection.view(bench.contract, "runKeyWindow", pending.record.run_key)
    assert until > bench.clock() + 3600


async def test_an_idle_committer_writes_nothing(bench: Bench) -> None:
    await bench.ledger.submit(await bench.attempt("idle"))
    await bench.commit_all()
    writes = bench.kube.writes
    for _ in range(3):
        assert (await bench.committer.run_pass()).next_look is None
    assert bench.kube.writes == writes
