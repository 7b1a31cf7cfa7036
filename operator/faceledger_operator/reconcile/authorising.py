"""Authorisations of run keys under way: a start waits for one briefly, and finds it again at its next look.

In: a ledger, a key, how long it may sign. Out: the contract knows the key, or an error that says why not (yet).
Invariants: one authorisation a key at a time; one that takes long goes on while nobody waits, so a slow chain holds no
place that another resource needs.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from ..ledger.ledger import Ledger, LedgerUnavailableError

__all__ = ["Authorisations", "AuthorisingError"]

PATIENCE = 2.0
"""Seconds that one look waits: the blocks of development chains come at once, those of others take longer than this."""

_Key = tuple[int, str, str]


class AuthorisingError(LedgerUnavailableError):
    """The transaction is under way: look again soon."""


class Authorisations:
    """Those of one process."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._under_way: dict[_Key, asyncio.Task[None]] = {}

    async def wait(self, ledger: Ledger, address: str, valid_until: datetime) -> None:
        """Returns once the contract knows the key. `AuthorisingError` where that takes longer; the ledger's errors."""
        key = (ledger.chain_id, ledger.contract, address)
        task = self._under_way.get(key) or self._begin(key, ledger, valid_until)
        done, _ = await asyncio.wait({task}, timeout=self._patience)
        if not done:
            raise AuthorisingError("the authorisation is in no block yet")
        await task

    def _begin(self, key: _Key, ledger: Ledger, valid_until: datetime) -> asyncio.Task[None]:
        async def authorise() -> None:
            await ledger.authorise_run_key(key[2], valid_until)

        task = self._under_way[key] = asyncio.create_task(authorise(), name=f"authorise {key[2]}")
        task.add_done_callback(lambda ended: self._end(key, ended))
        return task

    def _end(self, key: _Key, ended: asyncio.Task[None]) -> None:
        del self._under_way[key]
        # Looked at, for the case that nobody waits any more: the next look begins anew and meets the same.
        _ = ended.cancelled() or ended.exception()
