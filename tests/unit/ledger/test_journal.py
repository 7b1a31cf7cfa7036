"""How a journal changes, and what it says of a record."""

from __future__ import annotations

from typing import Any

import pytest
from faceledger_contracts.canonical import to_hex
from faceledger_contracts.record import leaf
from faceledger_contracts.verify import verify_receipt
from faceledger_operator.ledger.apply import apply_moves
from faceledger_operator.ledger.finalisation import build_receipts
from faceledger_operator.ledger.journal import Journal, commitment_in, salts_of
from faceledger_operator.ledger.journal_codec import (
    decode_head,
    decode_segment,
    encode_head,
    encode_segment,
    head_of,
    journal_of,
)
from faceledger_operator.ledger.moves import Finalise, Forget, Include, Prolong, Reorg, Repeat, Send
from web3 import Web3


def test_an_entry_is_added_once(build: Any) -> None:
    journal = Journal().with_entry(build.entry())
    assert journal.with_entry(build.entry(salt_seed="0x" + "07" * 32)) == journal


@pytest.mark.parametrize(
    ("pinned", "batch", "state"),
    [
        pytest.param(None, None, "Pending", id="before its artefacts were found"),
        pytest.param(1, None, "Pinned", id="while it waits for company"),
        pytest.param(1, {}, "Pinned", id="in a batch that was not sent"),
        pytest.param(1, {"sent": True}, "Submitted", id="in a batch that was sent"),
        pytest.param(1, {"sent": True, "place": True}, "Included", id="in a block"),
        pytest.param(1, {"sent": True, "reorged": True}, "Reorged", id="in a block that is gone"),
    ],
)
def test_a_record_is(build: Any, pinned: int | None, batch: Any, state: str) -> None:
    one = build.entry()
    parts = {"sent": build.sent(), "place": build.place(), "reorged": True}
    intents = [] if batch is None else [build.batch(one, **{name: parts[name] for name in batch})]
    commitment = commitment_in(build.journal(*intents, entries=(one,), pinned=pinned), one.attempt, "why")
    assert (commitment.state, commitment.leaf, commitment.message) == (state, one.leaf, "why")
    assert (commitment.block is not None) == (state == "Included")


def test_a_record_that_the_journal_does_not_hold_is_nowhere(build: Any) -> None:
    assert commitment_in(Journal(), "other") is None


def test_the_salts_of_an_entry_are_its_own_and_always_the_same(build: Any) -> None:
    one, other = build.entry("a"), build.entry("b")
    salts = list(salts_of(one).model_dump().values())
    assert len(set(salts)) == len(salts)
    assert salts_of(one) == salts_of(one)
    assert not set(salts) & set(salts_of(other).model_dump().values())
    assert one.leaf == to_hex(leaf(one.record, salts_of(one)))


def test_the_address_of_a_deployment_follows_from_signer_and_nonce(build: Any) -> None:
    assert build.deployment().address is None
    assert build.deployment(sent=build.sent(nonce=0)).address == build.contract
    assert Web3.is_checksum_address(build.deployment(sent=build.sent(nonce=300)).address)


def test_every_move_applied_twice_is_as_if_applied_once(build: Any) -> None:
    batch = build.batch()
    signed = {batch.key: build.sent()}
    journal = build.journal(batch, entries=(build.entry(),))
    for move in (
        Send(batch, 5, 1, build.sent().fees),
        Include(batch.key, build.place(), 7),
        Reorg(batch.key),
        Repeat(batch.key),
        Include(batch.key, build.place(block_number=102), 7),
        Prolong(build.authorisation()),
        Finalise(batch.key),
    ):
        journal = apply_moves(journal, [move], signed, build.now)
        assert apply_moves(journal, [move], signed, build.now) == journal, move
    assert sum(spent.wei for spent in journal.spending) == 14


def test_a_move_of_an_intent_that_is_gone_changes_nothing(build: Any) -> None:
    for move in (Include("batch:0x", build.place(), 7), Forget("batch:0x", 7), Finalise("batch:0x")):
        assert apply_moves(Journal(), [move], {}, build.now) == Journal()


def test_a_forgotten_transaction_costs_what_it_cost(build: Any) -> None:
    batch = build.batch(sent=build.sent())
    journal = apply_moves(build.journal(batch), [Forget(batch.key, 7)], {}, build.now)
    assert journal.batches[0].sent is None
    assert [spent.wei for spent in journal.spending] == [7]


def test_a_final_batch_takes_its_entries_along_and_no_others(build: Any) -> None:
    entries = [build.entry(name) for name in ("a", "b", "c")]
    batch = build.batch(*entries[:2])
    journal = build.journal(batch, entries=tuple(entries)).with_finalised(batch.key)
    assert list(journal.entries) == ["c"]
    assert (journal.batches, journal.finalized, journal.committed_batches) == ((), 2, 1)
    assert journal.with_finalised(batch.key) == journal


def test_a_final_deployment_stays_known(build: Any) -> None:
    journal = build.journal(build.deployment(sent=build.sent(nonce=0), place=build.place())).with_finalised(
        "deployment"
    )
    assert journal.deployment.address == build.contract
    assert list(journal.intents()) == []


def test_a_journal_reads_as_it_was_written(build: Any) -> None:
    entries = tuple(build.entry(name) for name in ("a", "b", "c"))
    batch = build.batch(*entries[:2]).with_sent(build.sent())
    journal = build.journal(batch, build.authorisation(), entries=entries, pinned=None, anchor=build.place())
    held = tuple(journal.entries.values())
    head = decode_head(encode_head(head_of(journal, [0], [])))
    assert journal_of(head, decode_segment(encode_segment(held))) == journal


def test_a_batch_that_was_never_launched_is_formed_anew(build: Any) -> None:
    journal = build.journal(build.batch(), entries=(build.entry(),), pinned=None)
    again = journal_of(head_of(journal, [0], []), journal.entries.values())
    assert (again.batches, len(again.unbatched())) == ((), 1)


def test_a_batch_whose_nonce_was_taken_stays_together(build: Any) -> None:
    batch = build.batch().with_sent(build.sent()).with_sent(None)
    journal = build.journal(batch, entries=(build.entry(),), pinned=None)
    assert journal_of(head_of(journal, [0], []), journal.entries.values()) == journal


def test_what_is_finished_comes_back_from_no_segment(build: Any) -> None:
    journal = build.journal(entries=(build.entry("a"), build.entry("b")), pinned=None)
    again = journal_of(head_of(journal, [0], [0]), journal.entries.values())
    assert list(again.entries) == ["b"]
    assert again.next_number == 2


def test_a_batch_whose_records_are_gone_is_no_journal(build: Any) -> None:
    journal = build.journal(build.batch().with_sent(build.sent()), entries=(build.entry(),))
    with pytest.raises(ValueError, match="record 0"):
        journal_of(head_of(journal, [0], []), [])


def test_the_receipts_of_a_batch_hold_against_everything_but_the_chain(build: Any) -> None:
    entries = tuple(build.entry(name) for name in ("a", "b", "c"))
    batch = build.batch(*entries, sent=build.sent(), place=build.place())
    receipts = list(build_receipts(build.journal(batch, entries=entries), batch, 1337))
    assert {entry.attempt for entry, _ in receipts} == {"a", "b", "c"}
    for _, receipt in receipts:
        steps = {step.name: step.ok for step in verify_receipt(receipt, NoChain())}
        assert all(steps[name] for name in ("receipt", "leaf", "proof", "batch id", "batch signature"))


class NoChain:
    """A chain that knows nothing: what remains are the checks that need none."""

    def __getattr__(self, name: str) -> Any:
        raise ValueError(f"{name}: there is no chain")
