"""LedgerBinding: makes its ledger usable, or says exactly what keeps it from being so; then runs its committer.

    observe (Secrets, node, contract, Kubo, journal) -> decide (the first check that fails is the reason) -> act

In: the LedgerBinding as it is. Out: its status, its `Ledger` in `Ledgers`, commits. Invariant: nothing is signed while
chain id, contract code or signer are not what the spec says; every reason clears by itself once its cause is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog
from eth_utils.address import to_checksum_address
from faceledger_contracts.randomness import RandomSource
from pydantic import ValidationError

from .. import metrics
from ..api.conditions import BindingReason, ConditionType, merge_conditions
from ..api.ledgerbinding import LedgerBinding, LedgerBindingStatus
from ..kube.api import Kube, Object
from ..kube.credentials import WantedSecret
from ..kube.errors import ApiConflictError
from ..kube.events import EventRecorder
from ..kube.kinds import LEDGER_BINDING, SECRET
from ..kube.labels import is_paused
from ..kube.status import write_status
from ..ledger.committer import Outcome, Terms
from ..ledger.content import ContentNodes
from ..ledger.fees import gwei, left_today, wei
from ..ledger.health import Health, observe_chain_health, observe_content
from ..ledger.journal import Deployment, Journal, count_states
from ..ledger.lane import SignerLanes
from ..ledger.ledger import JournalFullError, LedgerRefusedError, Ledgers, LedgerUnavailableError
from ..ledger.moves import Policy, Trouble
from ..ledger.signer import SignerInvalidError, SignerUnavailableError
from ..ledger.signers import Signers, wanted_secret
from ..receipts.store import ReceiptStore
from .act import Images
from .binding_nodes import read_nodes
from .binding_receipts import BindingReceipts
from .binding_session import Session, Surroundings, Wake
from .binding_verdict import Verdict, decide_binding, decide_unreadable
from .plan import parse_duration
from .repinning import Found, Repinning
from .unreadable import unreadable_message, with_conditions

__all__ = ["BindingReconciler"]

IDLE_SECONDS = 30.0
"""Between two looks at a binding that is Ready and has nothing to commit."""

FAILING_SECONDS = 3.0
"""Between two looks at a binding that is not Ready."""

DEPLOYING_SECONDS = 0.3
"""Between two looks at a deployment on its way."""

HEALTH_SECONDS = 10.0
"""While records are on their way, all else is looked at no more often than this."""

Key = tuple[str, str]

_log = structlog.get_logger(__name__)


class BindingReconciler:
    """Reconciles LedgerBindings.

    `wake` has another resource looked at, `receipts` is where those bindings keep receipts that name no place for
    them, `images` run its Jobs, `instance` signs the events.
    """

    def __init__(
        self,
        kube: Kube,
        ledgers: Ledgers,
        wake: Wake,
        now: Callable[[], datetime],
        random: RandomSource,
        receipts: ReceiptStore,
        images: Images,
        instance: str = "faceledger",
    ) -> None:
        self._kube = kube
        self._ledgers = ledgers
        self._now = now
        self._events = EventRecorder(kube, instance, now)
        self._signers = Signers()
        self._sessions: dict[Key, Session] = {}
        self._receipts = BindingReceipts(kube, receipts)
        self._repinning = Repinning(kube, self._events, images.operator, images.pull_secrets, wake, now)
        self._around = Surroundings(kube, SignerLanes(), self._receipts.own, wake, lambda: now().timestamp(), random)

    async def __call__(self, namespace: str, name: str) -> float | None:
        """Seconds until the next look; None where only a change of the resource calls for one."""
        body = await self._kube.get(LEDGER_BINDING, namespace, name)
        if body is None or body["metadata"].get("deletionTimestamp"):
            await self._forget(namespace, name)
            return None
        try:
            binding = LedgerBinding.parse(body)
        except ValidationError as error:
            return await self._refuse(body, error)
        session = self._sessions.setdefault((namespace, name), Session(self._around, binding.metadata))
        health = await self._health(session, binding)
        health, outcome = await self._commit(session, binding, health)
        found = self._repinning.look(binding, _content_nodes(binding), health.content_nodes)
        health = replace(health, trouble=health.trouble or found.trouble)
        verdict = decide_binding(health, binding.spec)
        self._publish(session, binding, verdict, health)
        try:
            await write_status(self._kube, LEDGER_BINDING, body, self._status(binding, session, verdict, health))
        except ApiConflictError:
            return 0.0
        await self._announce(body, binding, verdict, outcome)
        self._measure(session, binding, verdict, health, outcome)
        return _next_look(verdict, outcome, found)

    async def _refuse(self, body: Object, error: ValidationError) -> float | None:
        """This release cannot read what is stored: nothing goes on under what it said before."""
        metadata, verdict = body["metadata"], decide_unreadable(unreadable_message(error))
        namespace, name = metadata["namespace"], metadata["name"]
        self._ledgers.remove(namespace, name)
        self._repinning.forget(namespace, name)
        session = self._sessions.pop((namespace, name), None)
        status = with_conditions(body, verdict.claims(), self._now().replace(microsecond=0))
        if status != body.get("status"):
            version = metadata.get("resourceVersion")
            try:
                await self._kube.patch_status(LEDGER_BINDING, namespace, name, status, version)
            except ApiConflictError:
                return 0.0
            await self._events.record(LEDGER_BINDING, body, verdict.reason, verdict.message, verdict.severity)
        if session is not None:
            session.wake_subjects()
            await session.close()
        return None

    async def close(self) -> None:
        """Lets go of all nodes."""
        self._repinning.close()
        for session in self._sessions.values():
            await session.close()

    async def _health(self, session: Session, binding: LedgerBinding) -> Health:
        """What was found a moment ago, where all was well and records wait; else a new look at everything."""
        generation, moment = binding.metadata.generation, self._around.now()
        if (
            session.health is not None
            and session.health[0] == generation
            and not is_paused(binding.metadata.annotations)
        ):
            _, since, health = session.health
            if moment - since < HEALTH_SECONDS:
                return health
        health = await self._observe(session, binding)
        well = decide_binding(health, binding.spec).reason is BindingReason.READY
        session.health = (generation, moment, health) if well else None
        return health

    async def _observe(self, session: Session, binding: LedgerBinding) -> Health:
        health = Health(paused=is_paused(binding.metadata.annotations))
        if health.paused:
            return health
        key = wanted_secret(binding.spec.signer)
        nodes, key_secret, receipts, journal = await asyncio.gather(
            read_nodes(self._kube, binding.metadata.namespace, binding.spec.network.rpc),
            self._secret(binding, key),
            self._receipts.of(binding),
            session.store.load(),
        )
        problem = nodes.secret_problem or (key.lacks(key_secret) if key else None) or receipts.secret_problem
        if problem or receipts.keeper is None:
            return replace(health, secret_problem=problem)
        session.receipts = receipts.keeper
        health = replace(
            health,
            contract=_contract(binding, journal),
            deployment=None if binding.spec.contract.address else journal.deployment,
            has_records=journal.has_records,
            receipts_problem=receipts.problem,
        )
        health = await self._open_signer(session, health, binding, key_secret)
        if nodes.value_problem:
            return replace(health, rpc_problem=nodes.value_problem)
        health = await observe_chain_health(health, await session.connect(nodes.endpoints), binding, journal.anchor)
        return await observe_content(health, _content_nodes(binding))

    async def _secret(self, binding: LedgerBinding, wanted: WantedSecret | None) -> Object | None:
        return await self._kube.get(SECRET, binding.metadata.namespace, wanted.name) if wanted else None

    async def _open_signer(
        self, session: Session, health: Health, binding: LedgerBinding, secret: Object | None
    ) -> Health:
        try:
            session.signer = await self._signers.open(binding.metadata.namespace, binding.spec.signer, secret)
        except (SignerInvalidError, SignerUnavailableError) as error:
            session.signer = None
            if isinstance(error, SignerUnavailableError):
                return replace(health, signer_away=str(error))
            return replace(health, signer_problem=str(error))
        return replace(health, signer=session.signer.address)

    async def _commit(self, session: Session, binding: LedgerBinding, health: Health) -> tuple[Health, Outcome]:
        """Runs one pass where nothing speaks against it; what goes wrong becomes part of the health."""
        verdict = decide_binding(health, binding.spec)
        if not verdict.commits or session.signer is None:
            return health, Outcome(None)
        if verdict.deploys:
            intent = Deployment(signer=session.signer.address)
            await session.store.update(lambda journal: journal.with_new_deployment(intent))
        committer = session.commit_as(session.signer, _terms(binding))
        try:
            outcome = await committer.run_pass()
        except LedgerUnavailableError as error:
            session.health = None
            return replace(health, rpc_problem=str(error)), Outcome(None)
        except (LedgerRefusedError, JournalFullError) as error:
            return replace(health, trouble=Trouble(BindingReason.READY, str(error))), Outcome(FAILING_SECONDS)
        return replace(health, trouble=outcome.trouble), outcome

    def _publish(self, session: Session, binding: LedgerBinding, verdict: Verdict, health: Health) -> None:
        """Enters the ledger for datasets and jobs, or takes it away; has those looked at that wait for it."""
        metadata = binding.metadata
        if not verdict.usable or health.contract is None or session.signer is None or session.nodes is None:
            self._ledgers.remove(metadata.namespace, metadata.name)
            return
        session.commit_as(session.signer, _terms(binding))
        ledger = session.ledger_at(health.contract)
        trouble = health.trouble if verdict.reason is BindingReason.READY else Trouble(verdict.reason, verdict.message)
        if ledger.trouble != trouble:
            ledger.trouble = trouble
            session.wake_subjects()
        self._ledgers.put(metadata.namespace, metadata.name, ledger)

    def _status(
        self, binding: LedgerBinding, session: Session, verdict: Verdict, health: Health
    ) -> LedgerBindingStatus:
        old, journal, generation = binding.status, session.store.current, binding.metadata.generation
        moment = self._now().replace(microsecond=0)
        left = left_today(journal.spending, wei(binding.spec.gas.budget_eth_per_day), int(moment.timestamp()))
        return LedgerBindingStatus(
            observed_generation=generation,
            conditions=merge_conditions(old.conditions, verdict.claims(), generation, moment),
            chain_id=health.chain_id or old.chain_id,
            contract=health.contract or (old.contract if health.paused else None),
            code_hash=verdict.code_hash(health) or (old.code_hash if health.code is None else None),
            deploy_transaction=_deploy_transaction(journal) or old.deploy_transaction,
            signer=health.signer or (old.signer if health.paused else None),
            balance=old.balance if health.balance is None else f"{health.balance / 10**18:.2f}",
            pending=len(journal.entries),
            finalized=journal.finalized,
            committed_batches=journal.committed_batches,
            budget_left=f"{left / 10**18:.4f}",
        )

    async def _announce(self, body: Object, binding: LedgerBinding, verdict: Verdict, outcome: Outcome) -> None:
        """An event for every change of what the condition says, and for what happened to transactions."""
        for happening in outcome.happenings:
            await self._events.record(LEDGER_BINDING, body, happening.kind, happening.message, "Warning")
        told = next((x for x in binding.status.conditions if x.type == ConditionType.READY), None)
        if told is None or (told.reason, told.message) != (verdict.reason, verdict.message):
            await self._events.record(LEDGER_BINDING, body, verdict.reason, verdict.message, verdict.severity)

    def _measure(
        self, session: Session, binding: LedgerBinding, verdict: Verdict, health: Health, outcome: Outcome
    ) -> None:
        journal, place = session.store.current, (binding.metadata.namespace, binding.metadata.name)
        left = left_today(journal.spending, wei(binding.spec.gas.budget_eth_per_day), int(self._around.now()))
        metrics.set_binding(
            *place,
            states={str(state): count for state, count in count_states(journal).items()},
            finalized=journal.finalized,
            batches=journal.committed_batches,
            budget_left=left / 10**18,
            ready=verdict.reason is BindingReason.READY,
            balance=None if health.balance is None else health.balance / 10**18,
            final_block=health.final.number if health.final else None,
        )
        for happening in outcome.happenings:
            metrics.note_happening(*place, happening.kind)

    async def _forget(self, namespace: str, name: str) -> None:
        """The binding is gone. Its journal stays where records wait in it: a binding of that name goes on with it."""
        self._ledgers.remove(namespace, name)
        metrics.forget_binding(namespace, name)
        self._signers.forget(namespace)
        self._receipts.forget(namespace)
        self._repinning.forget(namespace, name)
        session = self._sessions.pop((namespace, name), None)
        if session is None:
            return
        await session.close()
        journal = await session.store.load()
        if journal.entries:
            _log.warning("binding deleted before its records were final", binding=name, records=len(journal.entries))
        elif not journal.is_blank:
            await session.store.discard()


def _next_look(verdict: Verdict, outcome: Outcome, found: Found) -> float | None:
    if verdict.reason is BindingReason.PAUSED:
        return None
    if verdict.reason is BindingReason.DEPLOYING:
        return DEPLOYING_SECONDS
    calm = IDLE_SECONDS if verdict.reason is BindingReason.READY else FAILING_SECONDS
    return min(look for look in (outcome.next_look, found.next_look, calm) if look is not None)


def _contract(binding: LedgerBinding, journal: Journal) -> str | None:
    """The contract to use: the spec's, or the one that was deployed, once it is in a block."""
    if binding.spec.contract.address:
        return to_checksum_address(binding.spec.contract.address)
    deployment = journal.deployment
    if deployment is not None:
        return deployment.address if deployment.place or deployment.final else None
    # A journal that was deleted by hand does not make the operator deploy a second contract.
    return binding.status.contract if binding.status.deploy_transaction else None


def _deploy_transaction(journal: Journal) -> str | None:
    deployment = journal.deployment
    if deployment is None or deployment.sent is None:
        return None
    return deployment.place.transaction if deployment.place else deployment.sent.hashes[-1]


def _content_nodes(binding: LedgerBinding) -> ContentNodes:
    return ContentNodes(binding.spec.content.ipfs.all_apis, binding.spec.content.ipfs.needed)


def _terms(binding: LedgerBinding) -> Terms:
    spec = binding.spec
    policy = Policy(
        max_records=spec.batching.max_records,
        max_delay=parse_duration(spec.batching.max_delay),
        max_fee=gwei(spec.gas.max_fee_per_gas_gwei),
        budget=wei(spec.gas.budget_eth_per_day),
    )
    return Terms(spec.network.chain_id, spec.network.finality, policy, _content_nodes(binding))
