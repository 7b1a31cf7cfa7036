"""The journal's place: one Secret beside the LedgerBinding, written before anything is sent.

In: changes, pure functions from journal to journal. Out: the journal as it is stored. Invariant: every write tests the
resourceVersion that it was decided on; on a conflict the change is applied to what is there now. The Secret has no
owner, so that a LedgerBinding that is deleted by mistake and comes back loses no record.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from ..kube.api import Kube
from ..kube.errors import ApiConflictError
from ..kube.kinds import SECRET
from .journal import Journal
from .ledger import JournalFullError, LedgerRefusedError, LedgerUnavailableError

__all__ = ["JOURNAL_KEY", "JournalStore", "journal_name"]

JOURNAL_KEY = "journal.json.gz"
"""Key inside the Secret: gzip over the journal's JSON."""

MAX_BYTES = 256 * 1024
"""A journal never grows beyond this: etcd takes 1.5 MiB for a request and is slow long before."""

ENTRY_BYTES = 192 * 1024
"""No record is accepted into a longer journal: the rest is for the transactions of those that it holds."""

CONFLICTS = 5
"""A change is tried so often against other writers, of which there should be none."""

Change = Callable[[Journal], Journal]


class JournalStore:
    """One binding's journal, cached. Safe for many tasks of one event loop."""

    def __init__(self, kube: Kube, namespace: str, binding: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = journal_name(binding)
        self._lock = asyncio.Lock()
        self._stored: dict[str, Any] | None = None
        self._journal: Journal | None = None

    @property
    def current(self) -> Journal:
        """The journal as it was last read or written; an empty one before that."""
        return self._journal or Journal()

    async def load(self) -> Journal:
        """The journal, read from the API server the first time."""
        async with self._lock:
            return await self._load()

    async def update(self, change: Change, accepts_entry: bool = False) -> Journal:
        """Applies a change and stores it; no write where it changes nothing.

        Raises JournalFullError where `accepts_entry` and there is no room for one more.
        """
        async with self._lock:
            for _ in range(CONFLICTS):
                before = await self._load()
                after = change(before)
                if after == before:
                    return before
                try:
                    return await self._write(after, accepts_entry)
                except ApiConflictError:
                    self._journal = None
            raise LedgerUnavailableError(f"Secret {self._name}: somebody else keeps writing the journal")

    async def discard(self) -> None:
        """Deletes the Secret."""
        async with self._lock:
            await self._kube.delete(SECRET, self._namespace, self._name)
            self._journal = self._stored = None

    async def _load(self) -> Journal:
        if self._journal is None:
            self._stored = await self._kube.get(SECRET, self._namespace, self._name)
            self._journal = self._decode(self._stored) if self._stored else Journal()
        return self._journal

    async def _write(self, journal: Journal, accepts_entry: bool) -> Journal:
        data = gzip.compress(journal.model_dump_json(by_alias=True, exclude_defaults=True).encode(), 6, mtime=0)
        if len(data) > (ENTRY_BYTES if accepts_entry else MAX_BYTES):
            raise JournalFullError(
                f"Secret {self._name}: the journal holds {len(journal.entries) - accepts_entry} records that are not "
                f"final yet, and no room for more"
            )
        # From here until the answer is stored the cache may be behind: a cancelled write reads the Secret again.
        self._journal, stored = None, self._stored
        body = self._body(data, stored)
        self._stored = await (self._kube.replace(SECRET, body) if stored else self._kube.create(SECRET, body))
        self._journal = journal
        return journal

    def _body(self, data: bytes, stored: dict[str, Any] | None) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "namespace": self._namespace,
            "name": self._name,
            "labels": {"app.kubernetes.io/managed-by": "faceledger"},
        }
        if stored:
            metadata["resourceVersion"] = stored["metadata"]["resourceVersion"]
        content = {JOURNAL_KEY: base64.b64encode(data).decode()}
        return {"metadata": metadata, "type": "faceledger.dev/journal", "data": content}

    def _decode(self, secret: dict[str, Any]) -> Journal:
        try:
            return Journal.model_validate_json(gzip.decompress(base64.b64decode(secret["data"][JOURNAL_KEY])))
        except (KeyError, TypeError, OSError, EOFError, ValueError, ValidationError) as error:
            raise LedgerRefusedError(
                f"Secret {self._name}: key {JOURNAL_KEY} is no journal ({type(error).__name__}); restore it from a "
                f"backup, or delete the Secret to give up the records in it"
            ) from None


def journal_name(binding: str) -> str:
    """Name of the Secret that holds a binding's journal."""
    return f"{binding}-ledger-journal"
