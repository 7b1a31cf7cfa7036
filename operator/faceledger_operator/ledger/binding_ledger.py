"""A LedgerBinding as the reconcilers of datasets and jobs use it: the port `Ledger` over one binding's journal.

In: run keys and records. Out: commitments. Invariant: a record that was accepted once is never accepted again, whether
the journal still holds it or its receipt is kept already; accepting needs no chain, only the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

from faceledger_contracts.canonical import to_hex
from faceledger_contracts.eip712 import Domain
from faceledger_contracts.randomness import RandomSource
from faceledger_contracts.receipt import Receipt
from faceledger_contracts.record import leaf

from ..api.conditions import BindingReason
from .batching import sign_alone
from .committer import Committer
from .content import ContentNodes
from .finalisation import ReceiptKeeper
from .journal import Authorisation, Entry, Journal, commitment_in, salts_of
from .journal_store import JournalStore
from .ledger import Commitment, LedgerRefusedError, LedgerUnavailableError, PendingRecord
from .moves import Trouble
from .nodes import Nodes
from .run_keys import RunKeys

__all__ = ["BindingLedger"]

AUTHORISE_SECONDS = 30.0
"""So long an authorisation is waited for; the caller comes back, and finds it done."""

FIRST_PAUSE, LONGEST_PAUSE = 0.04, 0.5
"""Seconds between two looks for its block: development chains have one at once, others within seconds."""


class BindingLedger:
    """The `Ledger` of one LedgerBinding. `trouble` is what its reconciler last found wrong, for the messages."""

    def __init__(
        self,
        *,
        chain_id: int,
        contract: str,
        content: ContentNodes,
        nodes: Nodes,
        committer: Committer,
        store: JournalStore,
        run_keys: RunKeys,
        receipts: ReceiptKeeper,
        random: RandomSource,
        now: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self.chain_id = chain_id
        self.contract = contract
        self.content = content
        self.trouble: Trouble | None = None
        self._nodes = nodes
        self._committer = committer
        self._store = store
        self._run_keys = run_keys
        self._receipts = receipts
        self._random = random
        self._now = now
        self._wake = wake

    async def authorise_run_key(self, address: str, valid_until: datetime) -> None:
        """See `Ledger`. LedgerRefusedError where the contract refuses, e.g. because the key was revoked."""
        wanted = Authorisation(contract=self.contract, run_key=address, valid_until=int(valid_until.timestamp()))
        if await self._is_authorised(wanted):
            return
        await self._store.update(lambda journal: journal if journal.intent(wanted.key) else journal.with_intent(wanted))
        deadline, pause = self._now() + AUTHORISE_SECONDS, FIRST_PAUSE
        while not await self._pursue(wanted):
            if self._now() >= deadline:
                raise LedgerUnavailableError("the authorisation of the run key is in no block yet")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def submit(self, pending: PendingRecord) -> Commitment:
        """See `Ledger`. LedgerRefusedError where the attempt's run key is gone or is not the record's."""
        journal = await self._store.load()
        known = self._commitment(journal, pending.attempt)
        if known is not None:
            return known
        receipt = await self._receipt(pending)
        if receipt is not None:
            await self._receipts.keep(receipt, pending.owner)
            return _final(receipt, self._receipts.name_of(pending.attempt))
        entry = await self._entry(pending)
        journal = await self._store.update(lambda journal: journal.with_entry(entry), accepts_entry=True)
        self._wake()
        commitment = self._commitment(journal, pending.attempt)
        assert commitment is not None
        return commitment

    async def commitment(self, attempt: str) -> Commitment | None:
        """See `Ledger`."""
        return self._commitment(await self._store.load(), attempt)

    def _commitment(self, journal: Journal, attempt: str) -> Commitment | None:
        # What concerns single records alone is told by the LedgerBinding and by them, not by every record.
        told = self.trouble
        waits = told is not None and (told.reason is not BindingReason.READY or attempt in told.attempts)
        return commitment_in(journal, attempt, f"waiting: {told.message}" if told and waits else "")

    async def _receipt(self, pending: PendingRecord) -> Receipt | None:
        try:
            return await self._receipts.find(pending.record.subject, pending.attempt)
        except FileExistsError as error:
            raise LedgerRefusedError(str(error.strerror)) from None
        except OSError as error:
            raise LedgerUnavailableError(f"receipts: {error.strerror or type(error).__name__}") from None

    async def _entry(self, pending: PendingRecord) -> Entry:
        record = pending.record
        private_key = await self._run_keys.read(pending.run_key_secret, record.run_key)
        if private_key is None:
            raise LedgerRefusedError(
                f"Secret {pending.run_key_secret}: the run key {record.run_key} is not (any more) in it, so nothing "
                f"can sign for the result"
            )
        unsalted = Entry(
            attempt=pending.attempt,
            record=record,
            salt_seed=to_hex(self._random(32)),
            leaf="",
            report_signature=pending.report_signature,
            solo_signature="",
            run_key_secret=pending.run_key_secret,
            owner=pending.owner,
            contract=self.contract,
        )
        own_leaf = to_hex(leaf(record, salts_of(unsalted)))
        solo = sign_alone(private_key, own_leaf, Domain(self.chain_id, self.contract))
        return unsalted.model_copy(update={"leaf": own_leaf, "solo_signature": solo})

    async def _is_authorised(self, wanted: Authorisation) -> bool:
        window = await self._nodes.ask(lambda node: node.view(self.contract, "runKeyWindow", wanted.run_key))
        return int(window[1]) >= wanted.valid_until

    async def _pursue(self, wanted: Authorisation) -> bool:
        """One more pass; whether the authorisation is in a block now."""
        trouble = await self._committer.advance()
        intent = self._store.current.intent(wanted.key)
        if intent is not None and (intent.sent or trouble is None):
            return intent.place is not None
        if intent is not None or not await self._is_authorised(wanted):
            await self._give_up(wanted, trouble)
        return True

    async def _give_up(self, wanted: Authorisation, trouble: Trouble | None) -> NoReturn:
        if trouble is not None and trouble.reason not in (BindingReason.NOT_COMMITTER, BindingReason.READY):
            raise LedgerUnavailableError(trouble.message)
        await self._store.update(lambda journal: journal.without_intent(wanted.key))
        raise LedgerRefusedError(trouble.message if trouble else f"run key {wanted.run_key} was not authorised")


def _final(receipt: Receipt, secret: str) -> Commitment:
    place = receipt.transaction
    return Commitment("Finalized", receipt.leaf, receipt.batch_id, place.hash, place.block_number, secret)
