"""What a chain may do to a transaction after it was sent, and how it ends as exactly one commit all the same."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.receipt import parse_receipt
from faceledger_contracts.verify import is_verified, verify_receipt
from faceledger_operator.api.conditions import BindingReason
from faceledger_operator.api.ledgerbinding import Finality
from faceledger_operator.ledger.batching import form_batches
from faceledger_operator.ledger.finalisation import build_receipts
from faceledger_operator.ledger.moves import Policy
from faceledger_operator.receipts.store import RECEIPT_KEY

pytestmark = pytest.mark.chain

Bench = Any
"""The fixture `bench` of conftest.py."""

EIGHT = Finality(mode="Confirmations", confirmations=8)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 6])
async def test_a_batch_whose_block_is_reorganised_away_is_sent_again(
    bench: Bench, ledger: Any, reader: ChainReader, depth: int
) -> None:
    bench = await bench.restarted(finality=EIGHT)
    await bench.ledger.submit(await bench.attempt("reorged"))
    await bench.until_included("reorged")
    before = (await bench.ledger.commitment("reorged")).block
    await bench.mine(depth - 1)
    ledger.reorganise(depth)
    assert (await bench.connection.view(bench.contract, "committedRoot", bench.batch_id("reorged")))[0] == bytes(32)
    await bench.committer.run_pass()
    assert (await bench.ledger.commitment("reorged")).state == "Reorged"
    await bench.committer.run_pass()
    assert (await bench.ledger.commitment("reorged")).state == "Submitted"
    await bench.commit_all()
    receipt = bench.receipt("reorged")
    assert receipt.transaction.block_number > before
    assert is_verified(verify_receipt(receipt, reader, finality=8))
    assert bench.journal.finalized == 1


async def test_a_receipt_that_was_kept_before_its_block_went_gets_a_second_file(
    bench: Bench, ledger: Any, reader: ChainReader
) -> None:
    """A process dies after it kept the receipt and before the journal says so; then the chain takes the block back."""
    await bench.ledger.submit(await bench.attempt("kept"))
    await bench.until_included("kept")
    (batch,) = bench.journal.batches
    ((entry, first),) = build_receipts(bench.journal, batch, bench.chain_id)
    await bench.receipts.keep(first, entry.owner)
    ledger.reorganise(1)
    await bench.commit_all()
    folder = bench.folder / "people/recognitionjob/kept"
    second = parse_receipt(
        base64.b64decode(bench.kube.objects["secrets", "people", "kept-receipt"]["data"][RECEIPT_KEY])
    )
    place = second.transaction.block_hash[2:10]
    assert {path.name for path in folder.iterdir()} == {"kept.json", f"kept.{place}.json"}
    assert parse_receipt((folder / "kept.json").read_bytes()) == first
    assert parse_receipt((folder / f"kept.{place}.json").read_bytes()) == second
    assert await bench.receipts.find(second.record.subject, "kept") == second
    assert is_verified(verify_receipt(second, reader))


async def test_a_run_key_whose_authorisation_is_reorganised_away_is_authorised_again(
    bench: Bench, ledger: Any, reader: ChainReader
) -> None:
    bench = await bench.restarted(finality=EIGHT)
    pending = await bench.attempt("orphan")
    ledger.reorganise(1)
    await bench.ledger.submit(pending)
    await bench.commit_all()
    assert is_verified(verify_receipt(bench.receipt("orphan"), reader, finality=8))


async def test_a_batch_that_is_committed_already_is_adopted(bench: Bench, ledger: Any, reader: ChainReader) -> None:
    await bench.ledger.submit(await bench.attempt("adopted"))
    entry = next(iter(bench.journal.entries.values()))
    (batch,) = form_batches([entry], {}, bench.chain_id)
    call = ledger.contract.functions.commitBatch(batch.id, batch.root, 1, batch.run_key, batch.signature)
    foreign = ledger.send(call)
    await bench.commit_all()
    receipt = bench.receipt("adopted")
    assert receipt.transaction.hash == "0x" + foreign["transactionHash"].hex()
    assert is_verified(verify_receipt(receipt, reader))


async def test_an_answer_that_is_lost_after_the_node_took_the_transaction_changes_nothing(bench: Bench) -> None:
    await bench.ledger.submit(await bench.attempt("lost"))
    send = bench.connection.send

    async def send_and_lose(raw: str) -> None:
        await send(raw)
        bench.connection.send = send
        raise ConnectionResetError

    bench.connection.send = send_and_lose
    with pytest.raises(ConnectionResetError):
        await bench.committer.run_pass()
    await bench.commit_all()
    assert bench.receipt("lost").transaction.hash
    assert bench.journal.finalized == 1


async def test_a_transaction_that_the_node_forgot_is_broadcast_again(bench: Bench) -> None:
    await bench.ledger.submit(await bench.attempt("forgotten"))
    await bench.rpc("evm_setAutomine", False)
    try:
        await bench.committer.run_pass()
        await bench.rpc("anvil_dropAllTransactions")
        bench.clock.ahead += 5
        await bench.commit_all()
    finally:
        await bench.rpc("evm_setAutomine", True)
    assert bench.receipt("forgotten") is not None


async def test_a_nonce_that_somebody_else_used_is_replaced_by_the_next_one(bench: Bench, ledger: Any) -> None:
    await bench.ledger.submit(await bench.attempt("taken"))
    await bench.rpc("evm_setAutomine", False)
    try:
        await bench.committer.run_pass()
        (batch,) = bench.journal.batches
        await bench.rpc("anvil_dropAllTransactions")
    finally:
        await bench.rpc("evm_setAutomine", True)
    await bench.foreign_transaction(batch.sent.nonce)
    bench.clock.ahead += 20
    await bench.commit_all()
    assert bench.receipt("taken") is not None


async def test_a_transaction_that_waits_too_long_is_replaced_with_a_higher_fee(bench: Bench) -> None:
    pending = await bench.attempt("slow")
    await bench.ledger.submit(pending)
    await bench.rpc("evm_setAutomine", False)
    try:
        await bench.committer.run_pass()
        (first,) = bench.journal.batches
        # Blocks go by that do not take it: it is dropped from the pool and the chain grows.
        await bench.rpc("anvil_dropAllTransactions")
        await bench.mine(3)
        bench.clock.ahead += 25
        await bench.committer.run_pass()
        (second,) = bench.journal.batches
    finally:
        await bench.rpc("evm_setAutomine", True)
    assert second.sent.nonce == first.sent.nonce
    assert second.sent.fees.tip >= first.sent.fees.tip * 5 // 4
    assert second.sent.hashes[0] == first.sent.hashes[0]
    await bench.mine()
    await bench.commit_all()
    assert bench.receipt("slow").transaction.hash in second.sent.hashes


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        pytest.param({"max_fee": 1}, BindingReason.FEE_ABOVE_CAP, id="the network asks more than the cap"),
        pytest.param({"budget": 1}, BindingReason.BUDGET_SPENT, id="the day's budget is spent"),
    ],
)
async def test_a_limit_holds_a_record_back_until_it_is_raised(bench: Bench, limits: Any, reason: Any) -> None:
    await bench.ledger.submit(await bench.attempt("held"))
    limited = await bench.restarted(policy=Policy(**{**bench.policy.__dict__, **limits}))
    outcome = await limited.committer.run_pass()
    assert outcome.trouble.reason is reason
    assert (await limited.ledger.commitment("held")).state == "Pinned"
    raised = await limited.restarted(policy=bench.policy)
    await raised.commit_all()
    assert raised.receipt("held") is not None


async def test_two_bindings_of_one_signer_never_use_a_nonce_twice(bench: Bench, tmp_path: Any) -> None:
    other = replace(bench, kube=type(bench.kube)(), folder=tmp_path / "other")
    first, second = await bench.attempt("one"), await other.attempt("two")
    await bench.ledger.submit(first)
    await other.ledger.submit(second)
    await bench.rpc("evm_setAutomine", False)
    try:
        await bench.committer.run_pass()
        await other.committer.run_pass()
    finally:
        await bench.rpc("evm_setAutomine", True)
    nonces = [one.journal.batches[0].sent.nonce for one in (bench, other)]
    assert len(set(nonces)) == 2
    await bench.mine()
    await bench.commit_all()
    await other.commit_all()
    await other.connection.close()
