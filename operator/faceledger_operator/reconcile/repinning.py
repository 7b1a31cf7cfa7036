"""Sees to it that what was committed stays on the content nodes: a node is given what another one has, and a Job adds
again what none has.

    look --due--> list results -> their turn (pin_audit) -> ask the nodes, mend --lost--> Job from the output volume

In: bindings and their nodes as they answer. Out: what is lost now, events on the resources whose artefacts it was.
Invariant: a look waits for nothing; one audit a binding goes on in the background, with one file in hand at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

import structlog
from faceledger_contracts.content import ContentError, ContentStoreUnreachable

from ..api.conditions import BindingReason
from ..api.ledgerbinding import LedgerBinding
from ..kube.api import Kube, Object
from ..kube.errors import ApiConflictError, ApiRefusedError, ApiUnavailableError
from ..kube.events import EventRecorder
from ..kube.kinds import FACE_DATASET, JOB, NETWORK_POLICY, RECOGNITION_JOB
from ..ledger.content import ContentNodes, mend
from ..ledger.moves import Trouble
from .adoption import NotOursError, adopt, create_or_adopt
from .binding_session import Wake
from .pin_audit import (
    LOST_SECONDS,
    PORTION_SECONDS,
    Audited,
    Identities,
    RepinStep,
    Result,
    decide_repin,
    is_due,
    next_portion,
    results_of,
)
from .repin_job import repin_job, repin_job_name, repin_policy

__all__ = ["Found", "Repinning"]

_log = structlog.get_logger(__name__)

Key = tuple[str, str]


@dataclass(frozen=True)
class Found:
    """What a look knows. `next_look`: seconds until the next one should come, None where any time will do."""

    trouble: Trouble | None = None
    next_look: float | None = None


@dataclass
class _Audit:
    """A binding's audits. `lost`: why each result that is lost is not back yet, by its attempt."""

    last: Audited | None = None
    lost: dict[str, str] = field(default_factory=dict)
    task: asyncio.Task[Audited] | None = None


class Repinning:
    """The audits of all bindings. `image` runs the Jobs; `wake` has a binding looked at when something was found."""

    def __init__(
        self,
        kube: Kube,
        events: EventRecorder,
        image: str,
        pull_secrets: Sequence[str],
        wake: Wake,
        now: Callable[[], datetime],
    ) -> None:
        self._kube = kube
        self._events = events
        self._image = image
        self._pull_secrets = tuple(pull_secrets)
        self._wake = wake
        self._now = now
        self._audits: dict[Key, _Audit] = {}

    def look(self, binding: LedgerBinding, nodes: ContentNodes, identities: Identities) -> Found:
        """What the last audit found; begins another one where it is due. No identities: too few nodes answer."""
        metadata = binding.metadata
        audit = self._audits.setdefault((metadata.namespace, metadata.name), _Audit())
        self._collect(audit, metadata.name)
        if not identities and audit.last is not None:
            audit.last = replace(audit.last, nodes=())  # whoever is back then is asked anew
        if identities and audit.task is None and is_due(audit.last, identities, self._now().timestamp()):
            answering = tuple(api for api, identity in zip(nodes.apis, identities, strict=True) if identity)
            work = self._audit(binding, replace(nodes, apis=answering), identities, audit)
            audit.task = asyncio.create_task(work, name=f"audit {metadata.namespace}/{metadata.name}")
        return Found(_trouble(audit.lost), _next_look(audit))

    def forget(self, namespace: str, name: str) -> None:
        """Ends what is under way for a binding that is gone."""
        audit = self._audits.pop((namespace, name), None)
        if audit is not None and audit.task is not None:
            audit.task.cancel()

    def close(self) -> None:
        """Ends all of it; the next process begins with a round."""
        for namespace, name in list(self._audits):
            self.forget(namespace, name)

    def _collect(self, audit: _Audit, name: str) -> None:
        """What the API server kept from its end is begun anew."""
        if audit.task is None or not audit.task.done():
            return
        task, audit.task = audit.task, None
        try:
            audit.last = task.result()
        except (ApiUnavailableError, ApiConflictError, ContentStoreUnreachable) as error:
            _log.info("audit of the content nodes broken off", binding=name, error=str(error))
        except ApiRefusedError as error:
            _log.warning("audit of the content nodes refused", binding=name, error=str(error))

    async def _audit(
        self, binding: LedgerBinding, nodes: ContentNodes, identities: Identities, audit: _Audit
    ) -> Audited:
        namespace, now = binding.metadata.namespace, self._now().timestamp()
        datasets, jobs = await asyncio.gather(
            self._kube.list(FACE_DATASET, namespace), self._kube.list(RECOGNITION_JOB, namespace)
        )
        results = results_of(binding.metadata.name, datasets, jobs)
        portion = next_portion(results, audit.last, identities, now)
        there = {result.attempt for result in results}
        audit.lost = {attempt: why for attempt, why in audit.lost.items() if attempt in there}
        lost = audit.lost.copy()
        for result in portion.results:
            await self._see_to(result, nodes, audit.lost, whole=result.attempt == portion.read)
        if audit.lost != lost or portion.after is not None:
            # Not before this task has ended: it is collected by that look.
            asyncio.get_running_loop().call_soon(self._wake, "LedgerBinding", namespace, binding.metadata.name)
        return Audited(
            at=self._now().timestamp(),
            began=portion.began,
            nodes=identities,
            after=portion.after,
            lost=tuple(audit.lost),
            read=portion.read or (audit.last.read if audit.last else ""),
        )

    async def _see_to(self, result: Result, nodes: ContentNodes, lost: dict[str, str], whole: bool) -> None:
        """Asks for one result, and has a node mended or a Job started."""
        try:
            mended = await mend(nodes, result.cids, whole)
        except ContentStoreUnreachable:
            raise
        except (ContentError, ValueError) as problem:
            lost[result.attempt] = await self._recover(result, nodes, str(problem))
            return
        for node, found in mended.items():
            note = f"{node} was given back what it had lost or damaged: {found}"
            await self._events.record(result.kind, result.resource, "ArtefactsMended", note)
        if lost.pop(result.attempt, None) is not None:
            note = f"the artefacts of {result.attempt} are pinned again on the IPFS nodes"
            await self._events.record(result.kind, result.resource, "ArtefactsRepinned", note)

    async def _recover(self, result: Result, nodes: ContentNodes, problem: str) -> str:
        """One step towards having it back; what is told of it. What fails for one result stops no other."""
        name = repin_job_name(result)
        try:
            told = f"{problem}; {await self._step(result, nodes, name)}"
        except (ApiRefusedError, ApiConflictError, NotOursError) as error:
            _log.warning("artefacts not added again", job=name, error=str(error))
            told = f"{problem}; Job {name}: {error}"
        await self._events.record(result.kind, result.resource, "ArtefactsLost", told, "Warning")
        return f"{result}: {told}"

    async def _step(self, result: Result, nodes: ContentNodes, name: str) -> str:
        namespace = result.resource["metadata"]["namespace"]
        job = await self._kube.get(JOB, namespace, name)
        step = decide_repin(result, job)
        match step:
            case RepinStep.NO_SOURCE:
                return "its FaceDataset is gone, so the claim with its copy is not known"
            case RepinStep.FAILED:
                return f"Job {name} could not add it again: see its log"
            case RepinStep.REMOVE:
                await self._kube.delete(JOB, namespace, name, uid=job["metadata"]["uid"] if job else None)
            case RepinStep.CREATE | RepinStep.WAIT:
                await self._complete(result, nodes, job)
            case _:
                assert_never(step)
        return f"Job {name} adds it again"

    async def _complete(self, result: Result, nodes: ContentNodes, job: Object | None) -> None:
        """What is there already is left as it is; the policy after the Job, because it goes with it."""
        body = repin_job(result, nodes, self._image, self._pull_secrets)
        job = adopt(JOB, body, job) if job else await create_or_adopt(self._kube, JOB, body)
        policy = repin_policy(result, nodes, job)
        place = policy["metadata"]["namespace"], policy["metadata"]["name"]
        if found := await self._kube.get(NETWORK_POLICY, *place):
            adopt(NETWORK_POLICY, policy, found)
        else:
            await create_or_adopt(self._kube, NETWORK_POLICY, policy)


def _next_look(audit: _Audit) -> float | None:
    if audit.lost:
        return LOST_SECONDS
    return PORTION_SECONDS if audit.last is not None and audit.last.after is not None else None


def _trouble(lost: Mapping[str, str]) -> Trouble | None:
    """It concerns single results, so the binding stays Ready and says so."""
    if not lost:
        return None
    first = min(lost)
    others = f"; {len(lost) - 1} more are lost" if len(lost) > 1 else ""
    return Trouble(BindingReason.READY, f"content.ipfs: {lost[first]}{others}", tuple(lost))
