"""The journal's Secrets: tested versions, bounded size, nothing lost to a conflict or a write that was cut off."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from faceledger_operator.kube.errors import ApiConflictError
from faceledger_operator.ledger import journal_store
from faceledger_operator.ledger.journal import Journal
from faceledger_operator.ledger.journal_store import JOURNAL_KEY, MAX_BYTES, SEGMENT_ENTRIES, JournalStore
from faceledger_operator.ledger.ledger import JournalFullError, LedgerRefusedError, LedgerUnavailableError

HEAD = "consortium-ledger-journal"


class Dead(BaseException):
    """The process is gone."""


class Secrets:
    """The API server's part: Secrets with versions; a writer beside us, or the end of the process, where asked for."""

    def __init__(self) -> None:
        self.secrets: dict[str, Any] = {}
        self.writes: list[str] = []
        self.conflicts = 0
        self.dies_after: int | None = None

    async def get(self, _: Any, __: str, name: str) -> Any:
        return copy.deepcopy(self.secrets.get(name))

    async def create(self, _: Any, body: Any) -> Any:
        await asyncio.sleep(0)
        if body["metadata"]["name"] in self.secrets:
            raise ApiConflictError("exists")
        return self._store(body)

    async def replace(self, _: Any, body: Any) -> Any:
        await asyncio.sleep(0)
        stored = self.secrets[body["metadata"]["name"]]
        if self.conflicts:
            self.conflicts -= 1
            stored["metadata"]["resourceVersion"] += "'"
        if body["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"]:
            raise ApiConflictError("changed")
        return self._store(body)

    async def delete(self, _: Any, __: str, name: str) -> None:
        self._count(f"-{name}")
        self.secrets.pop(name, None)

    def _store(self, body: Any) -> Any:
        self._count(body["metadata"]["name"])
        stored = copy.deepcopy(body)
        stored["metadata"] |= {"resourceVersion": str(len(self.writes)), "uid": f"uid-{len(self.writes)}"}
        if known := self.secrets.get(body["metadata"]["name"]):
            stored["metadata"]["uid"] = known["metadata"]["uid"]
        self.secrets[body["metadata"]["name"]] = stored
        return copy.deepcopy(stored)

    def _count(self, what: str) -> None:
        if self.dies_after == len(self.writes):
            raise Dead
        self.writes.append(what)


def store_of(kube: Any) -> JournalStore:
    return JournalStore(kube, "people", "consortium")


def adding(entry: Any) -> Any:
    return lambda journal: journal.with_entry(entry)


async def test_what_was_stored_is_what_the_next_process_finds(build: Any) -> None:
    kube = Secrets()
    written = await store_of(kube).update(adding(build.entry()))
    assert await store_of(kube).load() == written
    assert list(kube.secrets) == [HEAD, f"{HEAD}-0"]


async def test_a_record_more_takes_one_write(build: Any) -> None:
    kube = Secrets()
    store = store_of(kube)
    await store.update(adding(build.entry("a")))
    before = len(kube.writes)
    await store.update(adding(build.entry("b")))
    assert kube.writes[before:] == [f"{HEAD}-0"]


async def test_records_that_come_while_one_is_written_are_written_together(build: Any) -> None:
    kube = Secrets()
    store = store_of(kube)
    await store.update(adding(build.entry("first")))
    before = len(kube.writes)
    journals = await asyncio.gather(*(store.update(adding(build.entry(f"{i}"))) for i in range(100)))
    assert len(kube.writes) - before <= 2
    assert [f"{i}" in journal.entries for i, journal in enumerate(journals)] == [True] * 100


async def test_a_change_that_changes_nothing_is_not_written(build: Any) -> None:
    kube = Secrets()
    store = store_of(kube)
    for _ in range(3):
        await store.update(adding(build.entry()))
    await store.update(lambda journal: journal.with_pinned(["front-door-1"], 1))
    assert kube.writes == [HEAD, f"{HEAD}-0"]


async def test_many_records_lie_in_segments_that_are_never_long(build: Any) -> None:
    kube = Secrets()
    entries = [build.entry(f"front-door-{i:06x}-1") for i in range(2 * SEGMENT_ENTRIES + 1)]
    journal = await store_of(kube).update(lambda journal: journal.with_entries(entries), accepts_entry=True)
    assert set(kube.secrets) == {HEAD, f"{HEAD}-0", f"{HEAD}-1", f"{HEAD}-2"}
    assert max(len(secret["data"][JOURNAL_KEY]) for secret in kube.secrets.values()) < MAX_BYTES
    assert await store_of(kube).load() == journal


async def test_records_that_are_final_leave_by_one_write_and_their_segment_goes(build: Any) -> None:
    kube = Secrets()
    store = store_of(kube)
    entries = [build.entry(f"{i}") for i in range(SEGMENT_ENTRIES + 1)]
    batch = build.batch(*entries[:-1]).with_sent(build.sent())
    await store.update(lambda journal: journal.with_entries(entries).with_intent(batch))
    before = len(kube.writes)
    journal = await store.update(lambda journal: journal.with_finalised(batch.key))
    assert kube.writes[before:] == [HEAD, f"-{HEAD}-0"]
    assert (list(journal.entries), journal.finalized) == ([entries[-1].attempt], SEGMENT_ENTRIES)
    assert (await store_of(kube).load()).entries == journal.entries


async def test_while_the_journal_is_being_written_it_reads_as_it_was(build: Any) -> None:
    kube = Secrets()
    store = store_of(kube)
    journal = await store.update(adding(build.entry("first")))
    writing = asyncio.create_task(store.update(adding(build.entry("second"))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not writing.done()
    assert store.current == journal
    assert store.current != await writing


async def _life(kube: Secrets, build: Any) -> None:
    """Accepts, commits, finalises and accepts again, as one process after the other does."""
    store = store_of(kube)
    entries = [build.entry(f"{i}") for i in range(SEGMENT_ENTRIES + 2)]
    await store.update(lambda journal: journal if journal.finalized else journal.with_entries(entries))
    batch = build.batch(*entries[:-1]).with_sent(build.sent())
    await store.update(lambda journal: journal if journal.finalized else journal.with_intent(batch))
    await store.update(lambda journal: journal.with_finalised(batch.key))
    await store.update(adding(build.entry("late")))


async def test_a_process_that_dies_at_any_write_loses_nothing_and_brings_nothing_back(build: Any) -> None:
    whole = Secrets()
    await _life(whole, build)
    for writes in range(len(whole.writes)):
        kube = Secrets()
        kube.dies_after = writes
        with pytest.raises(Dead):
            await _life(kube, build)
        kube.dies_after = None
        await _life(kube, build)
        journal = await store_of(kube).load()
        assert list(journal.entries) == [f"{SEGMENT_ENTRIES + 1}", "late"], writes
        assert journal.finalized == SEGMENT_ENTRIES + 1
        assert not journal.batches


async def test_a_conflict_applies_the_change_to_what_is_there_now(build: Any) -> None:
    kube = Secrets()
    first, second = store_of(kube), store_of(kube)
    await first.update(adding(build.entry("a")))
    await second.update(adding(build.entry("b")))
    journal = await first.update(adding(build.entry("c")))
    assert list(journal.entries) == ["a", "b", "c"]


async def test_two_stores_that_create_the_secret_at_once_lose_nothing(build: Any) -> None:
    kube = Secrets()
    first, second = store_of(kube), store_of(kube)
    await asyncio.gather(first.load(), second.load())
    await first.update(adding(build.entry("a")))
    journal = await second.update(adding(build.entry("b")))
    assert list(journal.entries) == ["a", "b"]


async def test_a_writer_who_never_stops_is_named(build: Any) -> None:
    kube = Secrets()
    store = store_of(kube)
    await store.update(adding(build.entry("a")))
    kube.conflicts = 100
    with pytest.raises(LedgerUnavailableError, match=HEAD):
        await store.update(adding(build.entry("b")))


async def test_a_write_whose_answer_never_came_is_read_again(build: Any) -> None:
    kube = Secrets()
    store = store_of(kube)
    create = kube.create

    async def create_and_die(*arguments: Any) -> Any:
        await create(*arguments)
        raise asyncio.CancelledError

    kube.create = create_and_die  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await store.update(adding(build.entry("a")))
    kube.create = create  # type: ignore[method-assign]
    journal = await store.update(adding(build.entry("b")))
    assert list(journal.entries) == ["b"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_store, "MAX_SEGMENTS", 1)


@pytest.mark.usefixtures("small")
async def test_a_full_journal_takes_no_record_but_every_transaction(build: Any) -> None:
    store = store_of(Secrets())
    entries = [build.entry(f"{i}") for i in range(SEGMENT_ENTRIES)]
    await store.update(lambda journal: journal.with_entries(entries), accepts_entry=True)
    with pytest.raises(JournalFullError, match=f"holds {SEGMENT_ENTRIES} records"):
        await store.update(adding(build.entry("more")), accepts_entry=True)
    batch = build.batch(*entries).with_sent(build.sent())
    journal = await store.update(lambda journal: journal.with_intent(batch))
    assert len(journal.entries) == SEGMENT_ENTRIES
    await store.update(lambda journal: journal.with_finalised(batch.key))
    assert "more" in (await store.update(adding(build.entry("more")), accepts_entry=True)).entries


async def test_a_head_that_would_grow_too_long_is_not_written(build: Any) -> None:
    kube = Secrets()
    noise = "".join(f"{i * 2654435761 % 2**32:08x}" for i in range(MAX_BYTES // 4))
    padded = build.authorisation(contract=noise)
    with pytest.raises(JournalFullError, match=HEAD):
        await store_of(kube).update(lambda journal: journal.with_intent(padded))
    assert not kube.writes


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({}, id="without its key"),
        pytest.param({"journal.json.gz": "AAAA"}, id="with something else in it"),
        pytest.param({"journal.json.gz": "!"}, id="with no base64 in it"),
    ],
)
@pytest.mark.parametrize("name", [HEAD, f"{HEAD}-0"])
async def test_a_secret_that_is_no_journal_is_refused_and_never_overwritten(build: Any, data: Any, name: str) -> None:
    kube = Secrets()
    await store_of(kube).update(adding(build.entry()))
    kube.secrets[name]["data"] = data
    writes = len(kube.writes)
    with pytest.raises(LedgerRefusedError, match=f"Secret {name}:"):
        await store_of(kube).update(lambda journal: Journal(finalized=1))
    assert len(kube.writes) == writes


async def test_a_segment_of_a_head_that_was_deleted_is_nobodys(build: Any) -> None:
    kube = Secrets()
    await store_of(kube).update(adding(build.entry("a")))
    del kube.secrets[HEAD]
    assert (await store_of(kube).load()).entries == {}
    with pytest.raises(LedgerUnavailableError):
        await store_of(kube).update(adding(build.entry("b")))
    await kube.delete(None, "people", f"{HEAD}-0")  # as the garbage collector does
    assert list((await store_of(kube).update(adding(build.entry("b")))).entries) == ["b"]


async def test_a_discarded_journal_begins_anew(build: Any) -> None:
    kube = Secrets()
    store = store_of(kube)
    await store.update(adding(build.entry()))
    await store.discard()
    assert await store.load() == Journal()
    assert not kube.secrets
