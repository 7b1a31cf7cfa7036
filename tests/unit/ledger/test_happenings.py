"""What people and a Prometheus hear of a binding's transactions."""

from __future__ import annotations

from typing import Any

import pytest
from faceledger_operator import metrics
from faceledger_operator.ledger.fees import left_today
from faceledger_operator.ledger.happenings import happenings_of
from faceledger_operator.ledger.journal import count_states
from faceledger_operator.ledger.moves import Forget, Include, Reorg, Repeat, Send


@pytest.mark.parametrize(
    ("move", "kind"),
    [
        pytest.param(lambda b, i: Reorg(i.key), "BlockReorganised", id="a block that is gone"),
        pytest.param(lambda b, i: Send(i, 5, 1, i.sent.fees), "TransactionReplaced", id="a replacement"),
        pytest.param(lambda b, i: Send(i, 6, 1, i.sent.fees), None, id="another nonce"),
        pytest.param(lambda b, i: Forget(i.key, 9), "TransactionFailed", id="a reverted transaction"),
        pytest.param(lambda b, i: Forget(i.key), "ForeignTransaction", id="a nonce that somebody else used"),
        pytest.param(lambda b, i: Repeat(i.key), None, id="a broadcast"),
        pytest.param(lambda b, i: Include(i.key, b.place(), 1), None, id="a block"),
    ],
)
def test_what_is_told_of(build: Any, move: Any, kind: str | None) -> None:
    batch = build.batch(sent=build.sent())
    told = happenings_of([move(build, batch)], build.journal(batch))
    assert [happening.kind for happening in told] == ([kind] if kind else [])
    assert all(batch.id in happening.message for happening in told)


def test_records_are_counted_by_state(build: Any) -> None:
    entries = tuple(build.entry(name) for name in ("a", "b", "c", "d"))
    sent = build.batch(entries[0], sent=build.sent())
    placed = build.batch(entries[1], sent=build.sent(), place=build.place())
    journal = build.journal(sent, placed, entries=entries, pinned=None).with_pinned(["c"], 1)
    assert count_states(journal) == {"Pending": 1, "Pinned": 1, "Submitted": 1, "Included": 1, "Reorged": 0}


def test_what_is_left_of_the_budget(build: Any) -> None:
    journal = build.journal().with_spending(30, build.now)
    assert left_today(journal.spending, 100, build.now) == 70
    assert left_today(journal.spending, 20, build.now) == 0
    assert left_today(journal.spending, 100, build.now + 2 * 86_400) == 100


def test_a_binding_is_measured_until_it_is_gone() -> None:
    states = {"Pending": 2, "Submitted": 1}
    metrics.set_binding("people", "bound", states=states, finalized=7, batches=3, budget_left=0.5, ready=True)
    metrics.note_happening("people", "bound", "BlockReorganised")
    text = metrics.render().decode()
    assert 'faceledger_commitments{binding="bound",namespace="people",state="Pending"} 2.0' in text
    assert 'faceledger_transactions_total{binding="bound",namespace="people",what="BlockReorganised"} 1.0' in text
    metrics.forget_binding("people", "bound")
    assert "bound" not in metrics.render().decode()
