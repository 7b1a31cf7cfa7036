"""What is done next about a batch, an authorisation or a deployment, given what the chain shows of it."""

from __future__ import annotations

from typing import Any

import pytest
from faceledger_operator.api.conditions import BindingReason
from faceledger_operator.ledger.chain import FeeMarket
from faceledger_operator.ledger.contract import Revert
from faceledger_operator.ledger.decide import (
    OVERDUE_BLOCKS,
    OVERDUE_SECONDS,
    REPEAT_SECONDS,
    WINDOW_MARGIN,
    decide_batches,
)
from faceledger_operator.ledger.fees import Fees, Spent
from faceledger_operator.ledger.moves import Finalise, Forget, Include, Prolong, Reorg, Repeat, Seen, Send

CHEAP = Seen(gas=50_000)


def decide(build: Any, intent: Any, seen: Seen, waited: int = 0, journal: Any = None, **view: Any) -> Any:
    journal = journal or build.journal(intent)
    policy = view.pop("policy", build.policy())
    return decide_batches(journal, build.view({intent.key: seen}, **view), policy, build.now + waited)


def test_a_batch_that_was_never_sent_is_sent_with_the_next_nonce(build: Any) -> None:
    batch = build.batch()
    decision = decide(build, batch, CHEAP)
    assert decision.moves == (Send(batch, 5, 60_000, Fees(cap=3 * 10**9, tip=10**9)),)
    assert decision.trouble is None


def test_what_the_node_has_pending_is_left_its_nonces(build: Any) -> None:
    (send,) = decide(build, build.batch(), CHEAP, pending_nonce=8).moves
    assert send.nonce == 8


def test_nonces_of_other_bindings_and_of_the_journal_are_left_out(build: Any) -> None:
    waiting = build.authorisation(sent=build.sent(nonce=6))
    batch = build.batch()
    journal = build.journal(waiting, batch)
    (send,) = decide(build, batch, CHEAP, journal=journal, reserved=frozenset({5})).moves
    assert send.nonce == 7


def test_two_batches_of_one_pass_have_different_nonces(build: Any) -> None:
    batches = [build.batch(build.entry(name)) for name in ("a", "b")]
    view = build.view({batch.key: CHEAP for batch in batches})
    moves = decide_batches(build.journal(*batches), view, build.policy(), build.now).moves
    assert [move.nonce for move in moves] == [5, 6]


@pytest.mark.parametrize(
    ("changes", "seen", "view", "waited", "expected"),
    [
        pytest.param({}, Seen(), {}, 0, [], id="a transaction that was just sent is given time"),
        pytest.param({}, Seen(), {}, REPEAT_SECONDS, [Repeat], id="then it is broadcast once more"),
        pytest.param({}, Seen(failed=True, cost=9), {}, 0, [Forget], id="one that reverted is forgotten"),
        pytest.param({}, Seen(), {"nonce": 6}, 0, [], id="a used nonce without receipt is given time"),
        pytest.param({}, Seen(), {"nonce": 6}, 15, [Forget], id="then the nonce is taken for somebody else's"),
        pytest.param(
            {}, Seen(effective=True), {"nonce": 6}, 99, [], id="a committed root without log yet is waited for"
        ),
        pytest.param({"reorged": True}, Seen(), {}, 0, [Repeat], id="a reorganised one is broadcast at once"),
    ],
)
def test_a_batch_that_was_sent(
    build: Any, changes: Any, seen: Seen, view: Any, waited: int, expected: list[type]
) -> None:
    batch = build.batch(sent=build.sent(), **changes)
    assert [type(move) for move in decide(build, batch, seen, waited, **view).moves] == expected


def test_a_batch_in_a_block_is_included_and_its_cost_counted(build: Any) -> None:
    batch = build.batch(sent=build.sent())
    seen = Seen(effective=True, place=build.place(), cost=77)
    assert decide(build, batch, seen).moves == (Include(batch.key, build.place(), 77),)


def test_a_batch_in_a_final_block_is_finalised(build: Any) -> None:
    batch = build.batch(sent=build.sent(), place=build.place())
    assert decide(build, batch, Seen(effective=True, place=build.place()), final=101).moves == (Finalise(batch.key),)


def test_a_batch_that_turned_up_in_a_final_block_is_included_first(build: Any) -> None:
    batch = build.batch(sent=build.sent())
    moves = decide(build, batch, Seen(effective=True, place=build.place()), final=101).moves
    assert [type(move) for move in moves] == [Include, Finalise]


def test_a_batch_whose_block_is_gone_is_reorganised(build: Any) -> None:
    batch = build.batch(sent=build.sent(), place=build.place())
    assert decide(build, batch, Seen()).moves == (Reorg(batch.key),)


def test_a_batch_that_moved_to_another_block_is_included_anew(build: Any) -> None:
    batch = build.batch(sent=build.sent(), place=build.place())
    elsewhere = build.place(block_hash="0x" + "dd" * 32)
    assert decide(build, batch, Seen(effective=True, place=elsewhere)).moves == (Include(batch.key, elsewhere, 0),)


def test_a_batch_in_a_block_that_is_not_final_needs_nothing(build: Any) -> None:
    batch = build.batch(sent=build.sent(), place=build.place())
    assert decide(build, batch, Seen(effective=True, place=build.place())).moves == ()


def test_an_overdue_transaction_is_offered_again_for_a_quarter_more(build: Any) -> None:
    batch = build.batch(sent=build.sent(block=103 - OVERDUE_BLOCKS))
    (send,) = decide(build, batch, Seen(), OVERDUE_SECONDS).moves
    assert (send.nonce, send.fees) == (5, Fees(cap=3_750_000_000, tip=1_250_000_000))


def test_seconds_alone_make_no_transaction_overdue(build: Any) -> None:
    batch = build.batch(sent=build.sent(block=103))
    assert decide(build, batch, Seen(), 10 * OVERDUE_SECONDS).moves == (Repeat(batch.key),)


def test_an_overdue_transaction_at_the_cap_is_repeated_and_says_so(build: Any) -> None:
    batch = build.batch(sent=build.sent(block=100))
    decision = decide(build, batch, Seen(), OVERDUE_SECONDS, policy=build.policy(max_fee=3 * 10**9))
    assert decision.moves == (Repeat(batch.key),)
    assert decision.trouble.reason is BindingReason.FEE_ABOVE_CAP


def test_a_gap_before_the_oldest_transaction_is_closed_with_it(build: Any) -> None:
    batch = build.batch(sent=build.sent(nonce=7))
    (send,) = decide(build, batch, Seen(), 15).moves
    assert send.nonce == 5


@pytest.mark.parametrize(
    ("view", "policy", "spending", "reason", "says"),
    [
        pytest.param(
            {"market": FeeMarket(60 * 10**9, 0, 0)}, {}, (), BindingReason.FEE_ABOVE_CAP, "asks 60", id="fee above cap"
        ),
        pytest.param(
            {"balance": 10**12}, {}, (), BindingReason.SIGNER_UNFUNDED, "send it some", id="nothing to pay with"
        ),
        pytest.param({}, {"budget": 10}, (), BindingReason.BUDGET_SPENT, "budgetEthPerDay", id="budget too small"),
        pytest.param({}, {}, ((0, 10**17),), BindingReason.BUDGET_SPENT, "0.100000 ETH were spent", id="budget spent"),
        pytest.param({}, {}, ((25, 10**17),), None, "", id="what was spent yesterday does not count"),
    ],
)
def test_limits_hold_a_transaction_back(
    build: Any, view: Any, policy: Any, spending: Any, reason: Any, says: str
) -> None:
    hours = tuple(Spent(hour=(build.now // 3600 - ago) * 3600, wei=paid) for ago, paid in spending)
    batch = build.batch()
    journal = build.journal(batch, spending=hours)
    decision = decide(build, batch, CHEAP, journal=journal, policy=build.policy(**policy), **view)
    assert bool(decision.moves) == (reason is None)
    assert (decision.trouble.reason if decision.trouble else None) == reason
    assert says in (decision.trouble.message if decision.trouble else "")


def test_what_is_promised_already_counts_against_the_balance(build: Any) -> None:
    waiting, batch = build.authorisation(sent=build.sent()), build.batch()
    journal = build.journal(waiting, batch)
    enough_for_one = 100_000 * 3 * 10**9 + 1
    decision = decide(build, batch, CHEAP, journal=journal, balance=enough_for_one)
    assert decision.trouble.reason is BindingReason.SIGNER_UNFUNDED


@pytest.mark.parametrize(
    ("name", "reason", "says"),
    [
        pytest.param("EnforcedPause", BindingReason.NOT_COMMITTER, "unpause", id="a paused contract stops all"),
        pytest.param("NotCommitter", BindingReason.NOT_COMMITTER, "setCommitter", id="a lost role stops all"),
        pytest.param("NotRegistrar", BindingReason.NOT_COMMITTER, "setRegistrar", id="the other lost role too"),
        pytest.param("RunKeyNotAuthorised", BindingReason.READY, "window", id="one bad run key stops one batch"),
        pytest.param("", BindingReason.READY, "without a reason", id="an unknown refusal stops one batch"),
    ],
)
def test_a_refusal_of_the_contract_is_explained(build: Any, name: str, reason: Any, says: str) -> None:
    decision = decide(build, build.batch(), Seen(revert=Revert(name)))
    assert decision.moves == ()
    assert decision.trouble.reason is reason
    assert says in decision.trouble.message


@pytest.mark.parametrize(
    ("seen", "moves"),
    [
        pytest.param(Seen(effective=True), 1, id="that somebody else brought about is done"),
        pytest.param(Seen(revert=Revert("RunKeyWindowClosed")), 1, id="that can never succeed is given up"),
        pytest.param(Seen(revert=Revert("EnforcedPause")), 0, id="that a pause stops waits"),
    ],
)
def test_an_authorisation(build: Any, seen: Seen, moves: int) -> None:
    intent = build.authorisation()
    assert decide(build, intent, seen).moves == (Finalise(intent.key),) * moves


@pytest.mark.parametrize(
    ("left", "prolonged"),
    [
        pytest.param(WINDOW_MARGIN - 1, True, id="that closes soon is prolonged"),
        pytest.param(WINDOW_MARGIN, False, id="that stays open is left alone"),
        pytest.param(-1, False, id="that has closed cannot be prolonged"),
    ],
)
def test_the_window_of_a_run_key(build: Any, left: int, prolonged: bool) -> None:
    batch = build.batch(sent=build.sent())
    moves = decide(build, batch, Seen(closes=build.now + left)).moves
    assert any(isinstance(move, Prolong) for move in moves) == prolonged


def test_an_intent_that_the_view_does_not_know_yet_waits_for_the_next_pass(build: Any) -> None:
    batch = build.batch()
    assert decide_batches(build.journal(batch), build.view({}), build.policy(), build.now).moves == ()


def test_a_deployment_is_sent_and_final_like_anything_else(build: Any) -> None:
    fresh = build.deployment()
    assert [type(move) for move in decide(build, fresh, CHEAP).moves] == [Send]
    placed = build.deployment(sent=build.sent(), place=build.place())
    seen = Seen(effective=True, place=build.place())
    assert decide(build, placed, seen, final=101).moves == (Finalise("deployment"),)
