"""Which records share a transaction, and under whose signature."""

from __future__ import annotations

from typing import Any

import pytest
from faceledger_contracts.canonical import from_hex
from faceledger_contracts.eip712 import Domain, recover_batch
from faceledger_operator.ledger.batching import MAX_BATCHES, decide_forming, form_batches, forming_due


def names(groups: Any) -> list[list[str]]:
    return [[entry.attempt for entry in group] for group in groups]


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        pytest.param([0, 1], [], id="young records wait for company"),
        pytest.param([5], [["0"]], id="an old record waits no longer"),
        pytest.param([0, 0, 5], [["0", "1", "2"]], id="an old record takes the young ones along"),
        pytest.param([0] * 4, [["0", "1", "2", "3"]], id="a full batch does not wait"),
        pytest.param([0] * 5, [["0", "1", "2", "3"]], id="what is too much for it waits"),
        pytest.param([None, 9], [["1"]], id="a record without its artefacts is left out"),
    ],
)
def test_groups_that_are_due(build: Any, ages: list[int | None], expected: list[list[str]]) -> None:
    journal = build.journal(entries=tuple(build.entry(str(i)) for i in range(len(ages))), pinned=None)
    for i, age in enumerate(ages):
        journal = journal if age is None else journal.with_pinned([str(i)], build.now - age)
    assert names(decide_forming(journal, build.policy(), build.now)) == expected


def test_records_of_two_contracts_never_share_a_batch(build: Any) -> None:
    entries = tuple(
        build.entry(name, contract=contract)
        for name, contract in (("a", build.contract), ("b", build.signer), ("c", build.contract))
    )
    journal = build.journal(entries=entries, pinned=0)
    assert names(decide_forming(journal, build.policy(), build.now)) == [["a", "c"], ["b"]]


def test_records_that_a_batch_holds_are_left_out(build: Any) -> None:
    entry = build.entry()
    journal = build.journal(build.batch(entry), entries=(entry,), pinned=0)
    assert decide_forming(journal, build.policy(), build.now) == []
    assert forming_due(journal, build.policy()) is None


def test_no_more_batches_are_formed_than_the_journal_has_room_for(build: Any) -> None:
    journal = build.journal(entries=tuple(build.entry(str(i)) for i in range(4)), pinned=0)
    crowd = tuple(build.batch(id=f"0x{i:064x}", attempts=()) for i in range(MAX_BATCHES))
    full = build.journal(*crowd, entries=tuple(journal.entries.values()), pinned=0)
    assert decide_forming(full, build.policy(), build.now) == []
    assert forming_due(full, build.policy()) is None


def test_the_next_group_is_due_when_its_oldest_record_has_waited(build: Any) -> None:
    journal = build.journal(entries=(build.entry("a"), build.entry("b")), pinned=None)
    journal = journal.with_pinned(["b"], build.now - 2).with_pinned(["a"], build.now)
    assert forming_due(journal, build.policy()) == build.now + 3


def test_the_first_run_key_that_is_there_signs_for_all(build: Any) -> None:
    group = [build.entry(name) for name in ("a", "b", "c")]
    (batch,) = form_batches(group, {"b": build.key}, 1337)
    assert batch.attempts == ("a", "b", "c")
    assert signer(batch, 3) == build.run_key


def test_without_any_run_key_each_record_goes_alone_under_its_own_signature(build: Any) -> None:
    batches = form_batches([build.entry(name) for name in ("a", "b")], {}, 1337)
    assert [batch.attempts for batch in batches] == [("a",), ("b",)]
    assert {signer(batch, 1) for batch in batches} == {build.run_key}


def signer(batch: Any, count: int) -> str:
    domain = Domain(1337, batch.contract)
    return recover_batch(from_hex(batch.id, 32), from_hex(batch.root, 32), count, batch.signature, domain)
