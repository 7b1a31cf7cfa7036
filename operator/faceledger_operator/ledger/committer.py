"""Brings a journal's records onto the chain, one pass after the other: observe, decide, act.

In: the journal, a node, a signer. Out: the journal, further on. Invariant: what is broadcast is in the journal already,
and a record leaves it only once its receipt is kept; so a process may die between any two steps, and the next one goes
on from the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from faceledger_contracts.content import ContentError, ContentStoreUnreachable

from ..api.conditions import BindingReason
from ..api.ledgerbinding import Finality
from ..kube.errors import ApiRefusedError
from .apply import apply_moves
from .batching import decide_forming, form_batches, forming_due
from .connection import Connection
from .content import ensure_pinned
from .decide import decide_batches
from .finalisation import ReceiptKeeper, build_receipts
from .journal import Batch, Entry, Journal, commitment_in
from .journal_store import JournalStore
from .lane import SignerLane
from .moves import ChainView, Decision, Finalise, Policy, Repeat, Send, Trouble
from .node_errors import NodeRefusedError, Refusal
from .observe import observe_chain
from .pinning import Pinning
from .run_keys import RunKeys
from .signer import Signer, SignerInvalidError, SignerUnavailableError
from .transactions import sign_move

__all__ = ["Committer", "Outcome", "Terms"]

POLL_SECONDS = 0.5
"""Between two looks while a transaction is on its way: blocks come every second at the fastest."""

RETRY_SECONDS = 3.0
"""Until the next try while something stands in the way."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Terms:
    """What the LedgerBinding says about committing."""

    chain_id: int
    finality: Finality
    policy: Policy
    ipfs_api: str


@dataclass(frozen=True)
class Outcome:
    """After a pass: seconds until the next one is useful (None: nothing waits), and what stands in the way."""

    next_look: float | None
    trouble: Trouble | None = None


class Committer:
    """One binding's committer. `changed` is called with each entry whose commitment is another one than before."""

    def __init__(
        self,
        binding: str,
        terms: Terms,
        connection: Connection,
        signer: Signer,
        lane: SignerLane,
        store: JournalStore,
        run_keys: RunKeys,
        receipts: ReceiptKeeper,
        now: Callable[[], float],
        changed: Callable[[Entry], None],
    ) -> None:
        self._binding = binding
        self._terms = terms
        self._connection = connection
        self._signer = signer
        self._lane = lane
        self._store = store
        self._run_keys = run_keys
        self._receipts = receipts
        self._now = now
        self._changed = changed
        self._pinning = Pinning(partial(ensure_pinned, terms.ipfs_api))

    async def run_pass(self) -> Outcome:
        """Moves everything on by one step. Raises LedgerUnavailableError and the API server's errors: try again."""
        before = await self._store.load()
        try:
            content_trouble = await self._pin(before)
            await self._form()
            trouble = await self.advance() or content_trouble
        finally:
            self._tell_changes(before, self._store.current)
        return Outcome(self._next_look(trouble), trouble)

    async def advance(self) -> Trouble | None:
        """The part of a pass that talks to the chain: transactions, and nothing that would wait for content."""
        async with self._lane.lock:
            try:
                return await self._commit()
            except SignerUnavailableError as error:
                return Trouble(BindingReason.SIGNER_UNREACHABLE, f"signer: {error}")
            except SignerInvalidError as error:
                return Trouble(BindingReason.SIGNER_INVALID, f"signer: {error}")
            finally:
                self._lane.reserve(self._binding, self._store.current.nonces())

    async def _pin(self, journal: Journal) -> Trouble | None:
        """Pending -> Pinned, as far as the content store has the artefacts."""
        wanted = {
            entry.attempt: [artefact.cid for artefact in entry.record.artefacts]
            for entry in journal.entries
            if entry.pinned_at is None
        }
        pinned, problems = await self._pinning.look(wanted)
        if pinned:
            await self._store.update(lambda journal: journal.with_pinned(pinned, int(self._now())))
        return _content_trouble(problems)

    async def _form(self) -> None:
        """Groups that are due become batches, signed while the run keys are there."""
        for group in decide_forming(self._store.current, self._terms.policy, int(self._now())):
            run_keys = await self._run_keys.first_of(group)
            for batch in form_batches(group, run_keys, self._terms.chain_id):
                await self._store.update(partial(_with_new_batch, batch))

    async def _commit(self) -> Trouble | None:
        journal = await self._store.load()
        if not any(True for _ in journal.intents()):
            return None
        reserved = self._lane.reserved_beside(self._binding)
        view = await observe_chain(self._connection, journal, self._signer.address, self._terms.finality, reserved)
        decision = decide_batches(journal, view, self._terms.policy, int(self._now()))
        refused = await self._act(decision, view)
        return await self._finalise(decision) or decision.trouble or refused

    async def _act(self, decision: Decision, view: ChainView) -> Trouble | None:
        """Journals all that changes, then broadcasts."""
        now = int(self._now())
        sends = [move for move in decision.moves if isinstance(move, Send)]
        signed = {
            move.intent.key: await sign_move(move, self._signer, self._terms.chain_id, view.head.number, now)
            for move in sends
        }
        await self._store.update(lambda journal: apply_moves(journal, decision.moves, signed, now))
        keys = [move.intent.key if isinstance(move, Send) else move.key for move in _broadcasts(decision)]
        return await self._broadcast(keys)

    async def _broadcast(self, keys: Sequence[str]) -> Trouble | None:
        """Sends the journalled transactions in the order of their nonces."""
        intents = [intent for intent in self._store.current.intents() if intent.key in keys]
        trouble = None
        for sent in sorted((x.sent for x in intents if x.sent), key=lambda sent: sent.nonce):
            try:
                await self._connection.send(sent.raw)
            except NodeRefusedError as error:
                trouble = trouble or _refusal_trouble(error)
        return trouble

    async def _finalise(self, decision: Decision) -> Trouble | None:
        """A batch whose receipts cannot be kept stays as it is, and holds up no other."""
        trouble = None
        for move in decision.moves:
            batch = self._store.current.intent(move.key) if isinstance(move, Finalise) else None
            if not isinstance(batch, Batch):
                continue
            refused = await self._keep_receipts(batch)
            if refused is not None:
                trouble = trouble or refused
                continue
            await self._store.update(partial(_with_finalised, batch.key))
            _log.info("batch final", binding=self._binding, batch=batch.id, records=len(batch.attempts))
        return trouble

    async def _keep_receipts(self, batch: Batch) -> Trouble | None:
        try:
            for entry, receipt in build_receipts(self._store.current, batch, self._terms.chain_id):
                await self._receipts.keep(receipt, entry.owner)
        except FileExistsError as error:
            return Trouble(BindingReason.READY, f"a receipt cannot be kept: {error.strerror}", batch.attempts)
        except OSError as error:
            return Trouble(BindingReason.CONTENT_UNREACHABLE, f"the receipts volume: {error.strerror}")
        except ApiRefusedError as error:
            message = f"the API server refuses the Secret of a receipt: {error.message}"
            return Trouble(BindingReason.READY, message, batch.attempts)
        return None

    def _tell_changes(self, before: Journal, after: Journal) -> None:
        known = {entry.attempt: entry for entry in (*before.entries, *after.entries)}
        for attempt, entry in known.items():
            if commitment_in(before, attempt) != commitment_in(after, attempt):
                self._changed(entry)

    def _next_look(self, trouble: Trouble | None) -> float | None:
        journal = self._store.current
        due = forming_due(journal, self._terms.policy)
        waits = [] if due is None else [max(0.05, due - self._now())]
        if any(entry.pinned_at is None for entry in journal.entries):
            waits.append(RETRY_SECONDS if trouble else POLL_SECONDS)
        if any(True for _ in journal.intents()):
            waits.append(POLL_SECONDS)
        return min(waits, default=None)


def _content_trouble(problems: Mapping[str, ContentError | ValueError]) -> Trouble | None:
    """The store's own absence concerns all records; what it lacks concerns those that name it."""
    if not problems:
        return None
    absent = (attempt for attempt, problem in problems.items() if isinstance(problem, ContentStoreUnreachable))
    attempt = next(absent, None)
    if attempt is not None:
        return Trouble(BindingReason.CONTENT_UNREACHABLE, f"content.ipfs.api: {attempt}: {problems[attempt]}")
    (attempt, problem), more = next(iter(problems.items())), len(problems) - 1
    others = f"; {more} more wait for theirs" if more else ""
    return Trouble(BindingReason.READY, f"content.ipfs.api: {attempt}: {problem}{others}", tuple(problems))


def _with_new_batch(batch: Batch, journal: Journal) -> Journal:
    taken = any(journal.batch_of(attempt) for attempt in batch.attempts)
    return journal if taken else journal.with_intent(batch)


def _with_finalised(key: str, journal: Journal) -> Journal:
    return journal.with_finalised(key)


def _broadcasts(decision: Decision) -> list[Send | Repeat]:
    return [move for move in decision.moves if isinstance(move, Send | Repeat)]


def _refusal_trouble(error: NodeRefusedError) -> Trouble | None:
    """None where the next pass sees by itself what to do."""
    match error.refusal:
        case Refusal.ALREADY_KNOWN | Refusal.NONCE_TOO_LOW:
            return None
        case Refusal.INSUFFICIENT_FUNDS:
            return Trouble(BindingReason.SIGNER_UNFUNDED, f"the node refuses a transaction: {error}")
        case Refusal.UNDERPRICED:
            return Trouble(BindingReason.FEE_ABOVE_CAP, f"the node refuses a transaction for its fee: {error}")
        case Refusal.UNKNOWN:
            return Trouble(BindingReason.RPC_UNREACHABLE, f"the node refuses a transaction: {error}")
