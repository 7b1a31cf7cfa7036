"""The journal's place: a few Secrets beside the LedgerBinding, written before anything is sent.

    <binding>-ledger-journal      the head; it names the segments
    <binding>-ledger-journal-<n>  a segment: entries; owned by the head, and of no use without it

In: changes, pure functions from journal to journal. Out: the journal as it is stored. Invariant: every write tests the
resourceVersion that it was decided on; on a conflict the changes are applied to what is there now. Changes that come
while one is being written are written together. The head has no owner, so that a LedgerBinding that is deleted by
mistake and comes back loses no record. To accept a record takes one write, of a segment that never grows long.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..kube.api import Kube, Object
from ..kube.errors import ApiConflictError
from ..kube.kinds import SECRET
from .journal import Entry, Journal
from .journal_codec import (
    Head,
    decode_head,
    decode_segment,
    encode_head,
    encode_segment,
    head_of,
    journal_of,
)
from .ledger import JournalFullError, LedgerRefusedError, LedgerUnavailableError
from .ranges import numbers_in

__all__ = ["JOURNAL_KEY", "MAX_BYTES", "MAX_SEGMENTS", "SEGMENT_ENTRIES", "JournalStore", "journal_name"]

JOURNAL_KEY = "journal.json.gz"
"""Key inside each of the Secrets."""

MAX_BYTES = 256 * 1024
"""No Secret of the journal grows beyond this: etcd takes 1.5 MiB for a request and is slow long before."""

SEGMENT_ENTRIES = 256
"""Entries of one segment: about 100 KiB, and so many are written again at most when one more comes."""

MAX_SEGMENTS = 192
"""No record is accepted into a longer journal: 49,152 records, about 20 MiB of etcd's space."""

CONFLICTS = 5
"""Changes are tried so often against other writers, of which there should be none."""

Change = Callable[[Journal], Journal]


@dataclass
class _Asked:
    """A change, whether it brings an entry, and its answer: the journal with it."""

    change: Change
    accepts_entry: bool
    answer: asyncio.Future[Journal] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass
class _Segment:
    """A segment as it is stored."""

    secret: Object
    entries: tuple[Entry, ...]


class JournalStore:
    """One binding's journal, cached. Safe for many tasks of one event loop."""

    def __init__(self, kube: Kube, namespace: str, binding: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = journal_name(binding)
        self._lock = asyncio.Lock()
        self._asked: list[_Asked] = []
        self._journal: Journal | None = None
        self._last = Journal()
        self._secret: Object | None = None
        self._head = Head()
        self._segments: dict[int, _Segment] = {}
        self._finished: set[int] = set()

    @property
    def current(self) -> Journal:
        """The journal as it was last read or written, also while it is being written; an empty one before that."""
        return self._last

    async def load(self) -> Journal:
        """The journal, read from the API server the first time."""
        if self._journal is not None:
            return self._journal
        async with self._lock:
            return await self._load()

    async def update(self, change: Change, accepts_entry: bool = False) -> Journal:
        """Applies a change and stores it; no write where it changes nothing.

        Raises JournalFullError where `accepts_entry` and there is no room for one more.
        """
        asked = _Asked(change, accepts_entry)
        self._asked.append(asked)
        async with self._lock:
            if not asked.answer.done():
                await self._serve(asked)
        return await asked.answer

    async def discard(self) -> None:
        """Deletes the Secrets."""
        async with self._lock:
            head = await self._read()
            for number in head.segments:
                await self._kube.delete(SECRET, self._namespace, self._segment_name(number))
            await self._kube.delete(SECRET, self._namespace, self._name)
            self._forget()
            self._last = Journal()

    async def _serve(self, own: _Asked) -> None:
        """Writes all that was asked for until now. Where that fails, the others try for themselves."""
        group, self._asked = self._asked, []
        try:
            answers = await self._apply(group)
        except BaseException:
            self._asked = [asked for asked in group if asked is not own] + self._asked
            raise
        for asked, answer in zip(group, answers, strict=True):
            if isinstance(answer, Exception):
                asked.answer.set_exception(answer)
            else:
                asked.answer.set_result(answer)

    async def _apply(self, group: Sequence[_Asked]) -> list[Journal | JournalFullError]:
        for _ in range(CONFLICTS):
            before = await self._load()
            after, answers = before, list[Journal | JournalFullError]()
            for asked in group:
                changed = asked.change(after)
                full = asked.accepts_entry and self._has_no_room_for(changed)
                answers.append(self._full(after) if full else changed)
                after = after if full else changed
            if after == before:
                return answers
            try:
                await self._write(before, after)
                return answers
            except ApiConflictError:
                self._forget()
        raise LedgerUnavailableError(f"Secret {self._name}: somebody else keeps writing the journal")

    async def _write(self, before: Journal, after: Journal) -> None:
        """Segments first: what the head speaks of is there. From here until all is written the cache may be behind."""
        self._journal = None
        left = {batch.id: batch for batch in before.batches}
        for batch in after.batches:
            left.pop(batch.id, None)
        gone = (attempt for batch in left.values() for attempt in batch.attempts if attempt not in after.entries)
        finished = {before.entries[attempt].number for attempt in gone}
        added = _entries_from(after, before.next_number)
        if added:
            await self._append(before, added)
        self._finished |= finished
        await self._write_head(after, sorted(self._segments))
        self._journal = self._last = after
        if left:
            await self._drop_finished_segments()

    async def _append(self, before: Journal, added: list[Entry]) -> None:
        """Into the newest segment as far as there is room, the rest into new ones, which the head names beforehand."""
        newest = max(self._segments, default=-1)
        if newest >= 0:
            kept = self._alive_in(newest)
            room = SEGMENT_ENTRIES - len(kept)
            if room > 0:
                await self._write_segment(newest, (*kept, *added[:room]))
                added = added[room:]
        groups = [added[at : at + SEGMENT_ENTRIES] for at in range(0, len(added), SEGMENT_ENTRIES)]
        new = range(newest + 1, newest + 1 + len(groups))
        if groups:
            await self._write_head(before, [*sorted(self._segments), *new])
        # All of them end here, also where one fails: a write that came later would be read as another process's.
        written = await asyncio.gather(*map(self._write_segment, new, map(tuple, groups)), return_exceptions=True)
        for failure in filter(None, written):
            raise failure

    async def _write_segment(self, number: int, entries: tuple[Entry, ...]) -> None:
        assert self._secret is not None
        known, metadata = self._segments.get(number), self._secret["metadata"]
        owner = {"apiVersion": "v1", "kind": "Secret", "name": metadata["name"], "uid": metadata["uid"]}
        data = await asyncio.to_thread(encode_segment, entries)
        body = self._body(self._segment_name(number), data, known.secret if known else None, owner)
        stored = await (self._kube.replace(SECRET, body) if known else self._kube.create(SECRET, body))
        self._segments[number] = _Segment(_metadata_of(stored), entries)

    async def _write_head(self, journal: Journal, segments: Sequence[int]) -> None:
        head = head_of(journal, segments, self._finished)
        if head == self._head and self._secret is not None:
            return
        body = self._body(self._name, encode_head(head), self._secret)
        stored = await (self._kube.replace(SECRET, body) if self._secret else self._kube.create(SECRET, body))
        self._secret, self._head = _metadata_of(stored), head

    async def _drop_finished_segments(self) -> None:
        """All but the newest, which takes more entries. The head forgets them when it is written the next time."""
        for number in sorted(self._segments)[:-1]:
            numbers = {entry.number for entry in self._segments[number].entries}
            if numbers <= self._finished:
                await self._kube.delete(SECRET, self._namespace, self._segment_name(number))
                del self._segments[number]
                self._finished -= numbers

    async def _load(self) -> Journal:
        if self._journal is None:
            self._forget()
            self._head = await self._read()
            names = [self._segment_name(number) for number in self._head.segments]
            found = await asyncio.gather(*(self._kube.get(SECRET, self._namespace, name) for name in names))
            for number, secret in zip(self._head.segments, found, strict=True):
                if secret is not None and self._is_owned(secret):
                    entries = await asyncio.to_thread(self._decode, secret, decode_segment)
                    self._segments[number] = _Segment(_metadata_of(secret), entries)
            held = [entry for segment in self._segments.values() for entry in segment.entries]
            self._finished = set(numbers_in(self._head.finished)) & {entry.number for entry in held}
            try:
                self._journal = self._last = journal_of(self._head, held)
            except ValueError as error:
                raise self._unreadable(self._name, str(error)) from None
        return self._journal

    async def _read(self) -> Head:
        secret = await self._kube.get(SECRET, self._namespace, self._name)
        head: Head = self._decode(secret, decode_head) if secret else Head()
        self._secret = _metadata_of(secret) if secret else None
        return head

    def _is_owned(self, secret: Object) -> bool:
        """A segment of a head that was deleted waits for the garbage collector, and is nobody's."""
        owners = secret["metadata"].get("ownerReferences") or ()
        return self._secret is not None and any(x.get("uid") == self._secret["metadata"]["uid"] for x in owners)

    def _decode(self, secret: Object, decode: Callable[[bytes], Any]) -> Any:
        try:
            return decode(base64.b64decode(secret["data"][JOURNAL_KEY], validate=True))
        except (KeyError, TypeError, OSError, EOFError, ValueError) as error:
            raise self._unreadable(secret["metadata"].get("name", self._name), type(error).__name__) from None

    def _unreadable(self, name: str, why: str) -> LedgerRefusedError:
        return LedgerRefusedError(
            f"Secret {name}: key {JOURNAL_KEY} is no journal ({why}); restore it from a backup, or delete the Secret "
            f"{self._name} to give up the records in it"
        )

    def _has_no_room_for(self, journal: Journal) -> bool:
        new = len(journal.entries) - len(self.current.entries)
        room = SEGMENT_ENTRIES - len(self._alive_in(max(self._segments))) if self._segments else 0
        return len(self._segments) + max(0, -(-(new - room) // SEGMENT_ENTRIES)) > MAX_SEGMENTS

    def _alive_in(self, number: int) -> list[Entry]:
        return [entry for entry in self._segments[number].entries if entry.number not in self._finished]

    def _full(self, journal: Journal) -> JournalFullError:
        held = len(journal.entries)
        return JournalFullError(
            f"Secret {self._name}: the journal holds {held} records that are not final yet, and no room for more"
        )

    def _body(self, name: str, data: bytes, stored: Object | None, owner: Object | None = None) -> Object:
        if len(data) > MAX_BYTES:
            raise JournalFullError(f"Secret {name}: its journal would take {len(data)} bytes, of {MAX_BYTES}")
        metadata: Object = {
            "namespace": self._namespace,
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "faceledger"},
        }
        if owner:
            metadata["ownerReferences"] = [owner]
        if stored:
            metadata["resourceVersion"] = stored["metadata"]["resourceVersion"]
        content = {JOURNAL_KEY: base64.b64encode(data).decode()}
        return {"metadata": metadata, "type": "faceledger.dev/journal", "data": content}

    def _segment_name(self, number: int) -> str:
        return f"{self._name}-{number}"

    def _forget(self) -> None:
        self._journal, self._secret, self._head = None, None, Head()
        self._segments, self._finished = {}, set()


def journal_name(binding: str) -> str:
    """Name of the Secret that holds a binding's journal."""
    return f"{binding}-ledger-journal"


def _entries_from(journal: Journal, number: int) -> list[Entry]:
    """The entries of this number and above, which are the last ones."""
    found = []
    for entry in reversed(journal.entries.values()):
        if entry.number < number:
            break
        found.append(entry)
    return found[::-1]


def _metadata_of(secret: Object) -> Object:
    """All that is needed of a Secret once its content is known."""
    metadata = secret["metadata"]
    return {"metadata": {name: metadata[name] for name in ("name", "uid", "resourceVersion") if name in metadata}}
