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
from .apply import apply_moves
from .batching import decide_forming, form_batches, forming_due
from .connection import Connection
from .content import ContentNodes, ensure_pinned
from .decide import decide_batches
from .finalisation import ReceiptKeeper
from .happenings import Happening, happenings_of
from .journal import Batch, Entry, Journal, changed_entries
from .journal_store import JournalStore
from .keeping import Keeping
from .lane import SignerLane
from .ledger import ChainReplacedError
from .moves import ChainView, Decision, Finalise, Policy, Repeat, Send, Trouble
from .node_errors import NodeRefusedError, Refusal
from .nodes import Nodes
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
    content: ContentNodes


@dataclass(frozen=True)
class Outcome:
    """After a pass: seconds until the next one is useful (None: nothing waits), and what stands in the way."""

    next_look: float | None
    trouble: Trouble | None = None
    happenings: tuple[Happening, ...] = ()


class Committer:
    """One binding's committer. `changed` is called with each entry whose commitment is another one than before."""

    def __init__(
        self,
        binding: str,
        terms: Terms,
        nodes: Nodes,
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
        self._nodes = nodes
        self._signer = signer
        self._lane = lane
        self._store = store
        self._run_keys = run_keys
        self._keeping = Keeping(receipts, nodes, terms.chain_id)
        self._now = now
        self._changed = changed
        self._happenings: list[Happening] = []
        self._pinning = Pinning(partial(ensure_pinned, terms.content))

    async def run_pass(self) -> Outcome:
        """Moves everything on by one step. Raises LedgerUnavailableError and the API server's errors: try again."""
        before = await self._store.load()
        try:
            content_trouble = await self._pin(before)
            await self._form()
            trouble, final = await self._advance()
            trouble = await self._finalise(final) or trouble or content_trouble
        finally:
            self._tell_changes(before, self._store.current)
        happenings, self._happenings = tuple(self._happenings), []
        return Outcome(self._next_look(trouble), trouble, happenings)

    async def advance(self) -> Trouble | None:
        """The part of a pass that talks to the chain: transactions, and nothing that would wait for any store."""
        trouble, _ = await self._advance()
        return trouble

    async def _advance(self) -> tuple[Trouble | None, Sequence[str]]:
        """Also the keys of what is final. Other bindings of the signer wait meanwhile: no receipt is kept in here."""
        async with self._lane.lock:
            try:
                return await self._nodes.ask(self._commit)
            except ChainReplacedError as error:
                return Trouble(BindingReason.CHAIN_REPLACED, str(error)), ()
            except SignerUnavailableError as error:
                return Trouble(BindingReason.SIGNER_UNREACHABLE, f"signer: {error}"), ()
            except SignerInvalidError as error:
                return Trouble(BindingReason.SIGNER_INVALID, f"signer: {error}"), ()
            finally:
                self._lane.reserve(self._binding, self._store.current.nonces())

    def close(self) -> None:
        """Stops what goes on beside the passes."""
        self._keeping.close()

    async def _pin(self, journal: Journal) -> Trouble | None:
        """Pending -> Pinned, as far as the content store has the artefacts."""
        unpinned = journal.unpinned()
        empty = [entry.attempt for entry in unpinned if not entry.record.artefacts]
        wanted = {x.attempt: [artefact.cid for artefact in x.record.artefacts] for x in unpinned if x.record.artefacts}
        pinned, problems = await self._pinning.look(wanted)
        if pinned := [*empty, *pinned]:
            await self._store.update(lambda journal: journal.with_pinned(pinned, int(self._now())))
        return _content_trouble(problems)

    async def _form(self) -> None:
        """Groups that are due become batches, signed while the run keys are there."""
        batches: list[Batch] = []
        for group in decide_forming(self._store.current, self._terms.policy, int(self._now())):
            batches += form_batches(group, await self._run_keys.first_of(group), self._terms.chain_id)
        if batches:
            await self._store.update(partial(_with_new_batches, batches))

    async def _commit(self, connection: Connection) -> tuple[Trouble | None, Sequence[str]]:
        """One look through one node, and what follows from it."""
        journal = await self._store.load()
        if not any(True for _ in journal.intents()):
            return None, ()
        reserved = self._lane.reserved_beside(self._binding)
        view = await observe_chain(connection, journal, self._signer.address, self._terms.finality, reserved)
        decision = decide_batches(journal, view, self._terms.policy, int(self._now()))
        refused = await self._act(connection, decision, view)
        return decision.trouble or refused, [move.key for move in decision.moves if isinstance(move, Finalise)]

    async def _act(self, connection: Connection, decision: Decision, view: ChainView) -> Trouble | None:
        """Journals all that changes, then broadcasts."""
        now = int(self._now())
        sends = [move for move in decision.moves if isinstance(move, Send)]
        signed = {
            move.intent.key: await sign_move(move, self._signer, self._terms.chain_id, view.head.number, now)
            for move in sends
        }
        happenings = happenings_of(decision.moves, self._store.current)
        await self._store.update(lambda journal: apply_moves(journal, decision.moves, signed, now))
        self._happenings += happenings
        keys = [move.intent.key if isinstance(move, Send) else move.key for move in _broadcasts(decision)]
        return await self._broadcast(connection, keys)

    async def _broadcast(self, connection: Connection, keys: Sequence[str]) -> Trouble | None:
        """Sends the journalled transactions in the order of their nonces."""
        intents = [intent for intent in self._store.current.intents() if intent.key in keys]
        trouble = None
        for sent in sorted((x.sent for x in intents if x.sent), key=lambda sent: sent.nonce):
            try:
                await connection.send(sent.raw)
            except NodeRefusedError as error:
                trouble = trouble or _refusal_trouble(error)
        return trouble

    async def _finalise(self, keys: Sequence[str]) -> Trouble | None:
        """A batch whose receipts cannot be kept stays as it is, and holds up no other."""
        journal = self._store.current
        intents = [journal.intent(key) for key in keys]
        kept, trouble = await self._keeping.look(journal, [x for x in intents if isinstance(x, Batch)])
        if kept:
            await self._store.update(partial(_with_finalised, [batch.key for batch in kept]))
        for batch in kept:
            _log.info("batch final", binding=self._binding, batch=batch.id, records=len(batch.attempts))
        return trouble

    def _tell_changes(self, before: Journal, after: Journal) -> None:
        for entry in changed_entries(before, after):
            self._changed(entry)

    def _next_look(self, trouble: Trouble | None) -> float | None:
        journal = self._store.current
        due = forming_due(journal, self._terms.policy)
        waits = [] if due is None else [max(0.05, due - self._now())]
        if len(journal.pinned) < len(journal.entries):
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
        return Trouble(BindingReason.CONTENT_UNREACHABLE, f"content.ipfs: {attempt}: {problems[attempt]}")
    (attempt, problem), more = next(iter(problems.items())), len(problems) - 1
    others = f"; {more} more wait for theirs" if more else ""
    return Trouble(BindingReason.READY, f"content.ipfs: {attempt}: {problem}{others}", tuple(problems))


def _with_new_batches(batches: Sequence[Batch], journal: Journal) -> Journal:
    for batch in batches:
        if not any(attempt in journal.batch_ids or attempt not in journal.entries for attempt in batch.attempts):
            journal = journal.with_intent(batch)
    return journal


def _with_finalised(keys: Sequence[str], journal: Journal) -> Journal:
    for key in keys:
        journal = journal.with_finalised(key)
    return journal


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
        case Refusal.UNKNOWN | Refusal.UNKNOWN_METHOD:
            return Trouble(BindingReason.RPC_UNREACHABLE, f"the node refuses a transaction: {error}")
