"""The journal's Secret: tested versions, bounded size, nothing lost to a conflict or a cancelled write."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from faceledger_operator.kube.errors import ApiConflictError
from faceledger_operator.ledger.journal import Journal
from faceledger_operator.ledger.journal_store import ENTRY_BYTES, JournalStore
from faceledger_operator.ledger.ledger import JournalFullError, LedgerRefusedError, LedgerUnavailableError


class OneSecret:
    """The API server's part: one Secret with a version, and a writer beside us where a test asks for it."""

    def __init__(self) -> None:
        self.secret: Any = None
        self.writes = 0
        self.conflicts = 0

    async def get(self, *_: str) -> Any:
        return copy.deepcopy(self.secret)

    async def create(self, _: Any, body: Any) -> Any:
        if self.secret is not None:
            raise ApiConflictError("exists")
        return self._store(body)

    async def replace(self, _: Any, body: Any) -> Any:
        if self.conflicts:
            self.conflicts -= 1
            self.secret["metadata"]["resourceVersion"] += "'"
        if body["metadata"]["resourceVersion"] != self.secret["metadata"]["resourceVersion"]:
            raise ApiConflictError("changed")
        return self._store(body)

    async def delete(self, *_: str) -> None:
        self.secret = None

    def _store(self, body: Any) -> Any:
        self.writes += 1
        self.secret = copy.deepcopy(body)
        self.secret["metadata"]["resourceVersion"] = str(self.writes)
        return copy.deepcopy(self.secret)


def store_of(kube: Any) -> JournalStore:
    return JournalStore(kube, "people", "consortium")


async def test_what_was_stored_is_what_the_next_process_finds(build: Any) -> None:
    kube = OneSecret()
    written = await store_of(kube).update(lambda journal: journal.with_entry(build.entry()))
    assert await store_of(kube).load() == written
    assert kube.secret["metadata"]["name"] == "consortium-ledger-journal"


async def test_a_change_that_changes_nothing_is_not_written(build: Any) -> None:
    kube = OneSecret()
    store = store_of(kube)
    for _ in range(3):
        await store.update(lambda journal: journal.with_entry(build.entry()))
    assert kube.writes == 1


async def test_a_conflict_applies_the_change_to_what_is_there_now(build: Any) -> None:
    kube = OneSecret()
    first, second = store_of(kube), store_of(kube)
    await first.update(lambda journal: journal.with_entry(build.entry("a")))
    await second.update(lambda journal: journal.with_entry(build.entry("b")))
    journal = await first.update(lambda journal: journal.with_entry(build.entry("c")))
    assert [entry.attempt for entry in journal.entries] == ["a", "b", "c"]


async def test_two_stores_that_create_the_secret_at_once_lose_nothing(build: Any) -> None:
    kube = OneSecret()
    first, second = store_of(kube), store_of(kube)
    await asyncio.gather(first.load(), second.load())
    await first.update(lambda journal: journal.with_entry(build.entry("a")))
    journal = await second.update(lambda journal: journal.with_entry(build.entry("b")))
    assert [entry.attempt for entry in journal.entries] == ["a", "b"]


async def test_a_writer_who_never_stops_is_named(build: Any) -> None:
    kube = OneSecret()
    store = store_of(kube)
    await store.update(lambda journal: journal.with_entry(build.entry("a")))
    kube.conflicts = 100
    with pytest.raises(LedgerUnavailableError, match="consortium-ledger-journal"):
        await store.update(lambda journal: journal.with_entry(build.entry("b")))


async def test_a_write_whose_answer_never_came_is_read_again(build: Any) -> None:
    kube = OneSecret()
    store = store_of(kube)
    create = kube.create

    async def create_and_die(*arguments: Any) -> Any:
        await create(*arguments)
        raise asyncio.CancelledError

    kube.create = create_and_die  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await store.update(lambda journal: journal.with_entry(build.entry("a")))
    journal = await store.update(lambda journal: journal.with_entry(build.entry("b")))
    assert [entry.attempt for entry in journal.entries] == ["a", "b"]


async def test_a_full_journal_takes_no_record_but_every_transaction(build: Any) -> None:
    kube = OneSecret()
    store = store_of(kube)
    noise = "".join(f"{i * 2654435761 % 2**32:08x}" for i in range(ENTRY_BYTES // 4))
    padded = build.batch(signature=noise)
    await store.update(lambda journal: journal.with_intent(padded))
    with pytest.raises(JournalFullError, match="holds 0 records"):
        await store.update(lambda journal: journal.with_entry(build.entry()), accepts_entry=True)
    await store.update(lambda journal: journal.with_intent(padded.with_sent(build.sent())))
    assert (await store.load()).entries == ()


async def test_a_journal_holds_more_records_than_the_largest_default_batch(build: Any) -> None:
    store = store_of(OneSecret())
    entries = tuple(build.entry(f"front-door-{i:06x}-1") for i in range(300))
    journal = await store.update(lambda journal: journal.model_copy(update={"entries": entries}), accepts_entry=True)
    assert len(journal.entries) == 300


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="without its key"),
        pytest.param({"journal.json.gz": "AAAA"}, id="with something else in it"),
        pytest.param({"journal.json.gz": "!"}, id="with no base64 in it"),
    ],
)
async def test_a_secret_that_is_no_journal_is_refused_and_never_overwritten(data: Any) -> None:
    kube = OneSecret()
    kube.secret = {"metadata": {"resourceVersion": "1"}, "data": data}
    with pytest.raises(LedgerRefusedError, match="consortium-ledger-journal"):
        await store_of(kube).update(lambda journal: Journal(finalized=1))
    assert kube.writes == 0


async def test_a_discarded_journal_begins_anew(build: Any) -> None:
    kube = OneSecret()
    store = store_of(kube)
    await store.update(lambda journal: journal.with_entry(build.entry()))
    await store.discard()
    assert await store.load() == Journal()
