"""Gathers everything that a decision about a subject looks at.

In: a subject. Out: an `Observation`. Invariant: the run report is read after the RayJobs and pods, so that one who
finds the RayJob ended also finds the report that its driver wrote before.
"""

from __future__ import annotations

import asyncio
import base64

from faceledger_contracts.receipt import ReceiptError, parse_receipt
from faceledger_workloads.runspec import parse_run_spec
from pydantic import ValidationError

from ..api.base import AttemptStatus
from ..api.conditions import RunReason
from ..kube.api import Kube, Object
from ..kube.kinds import CONFIG_MAP, LEDGER_BINDING, POD, RAY_CLUSTER, RAY_JOB, SECRET
from ..kube.labels import ATTEMPT, SUBJECT_UID, is_paused
from ..ledger.ledger import Commitment, Ledgers, LedgerUnavailableError
from ..ray.podfaults import PodView, read_pod
from ..ray.status import ClusterView, JobView, read_cluster, read_job
from ..receipts.store import RECEIPT_KEY
from .children import RUN_SPEC_KEY, anchor_of
from .observation import Child, LedgerTrouble, Observation
from .report import RefusedReport, SignedReport, read_report
from .resolve import Resolver, binding_message
from .subject import Inputs, Missing, Run, Subject

__all__ = ["Observer"]


class Observer:
    """Reads from the API server and the ledger, and writes nothing."""

    def __init__(self, kube: Kube, ledgers: Ledgers, resolver: Resolver) -> None:
        self._kube = kube
        self._ledgers = ledgers
        self._resolver = resolver

    async def observe(self, subject: Subject) -> Observation:
        first = Observation(subject, paused=is_paused(subject.metadata.annotations))
        jobs, clusters, pods, inputs, commitment, leftovers = await asyncio.gather(
            self._jobs(subject),
            self._clusters(first),
            self._pods(first),
            self._inputs(first),
            self._commitment(first),
            self._leftovers(first),
        )
        run, report = await self._report(first)
        return Observation(
            subject=subject,
            paused=first.paused,
            inputs=inputs,
            jobs=jobs,
            clusters=clusters,
            pods=pods,
            run=run,
            report=report,
            commitment=commitment,
            leftovers=leftovers,
        )

    async def _jobs(self, subject: Subject) -> tuple[JobView, ...]:
        found = await self._kube.list(RAY_JOB, subject.metadata.namespace, {SUBJECT_UID: subject.metadata.uid})
        return tuple(read_job(body) for body in found)

    async def _clusters(self, first: Observation) -> tuple[ClusterView, ...]:
        """Those of the subject's attempts, and the standing one that its attempt runs on."""
        metadata, standing = first.subject.metadata, _standing_cluster(first)
        found = await self._kube.list(RAY_CLUSTER, metadata.namespace, {SUBJECT_UID: metadata.uid})
        shared = await self._kube.get(RAY_CLUSTER, metadata.namespace, standing) if standing else None
        return tuple(read_cluster(body) for body in (*found, *([shared] if shared else ())))

    async def _pods(self, first: Observation) -> tuple[PodView, ...]:
        """Ray's pods of all attempts; of the current one the submitter too, which stays for its log, and those of the
        standing cluster that it runs on."""
        metadata, attempt = first.subject.metadata, first.attempt
        standing = _standing_cluster(first)
        named = [name for name in (attempt.name if attempt and not first.final else None, standing) if name]
        selectors = [{SUBJECT_UID: metadata.uid}, *({ATTEMPT: name} for name in named)]
        found = await asyncio.gather(*(self._kube.list(POD, metadata.namespace, labels) for labels in selectors))
        by_name = {body["metadata"]["name"]: read_pod(body) for bodies in found for body in bodies}
        return tuple(by_name[name] for name in sorted(by_name))

    async def _inputs(self, first: Observation) -> Inputs | Missing | None:
        if first.paused or first.running or first.result_known:
            return None
        return await self._resolver.resolve(first.subject)

    async def _leftovers(self, first: Observation) -> tuple[Child, ...]:
        """Anchors that are still there of attempts that need them no more; what is not the subject's is left alone."""
        if first.running or (first.result_known and not first.final):
            return ()
        namespace = first.subject.metadata.namespace
        anchors = [anchor_of(name) for name in await self._attempts(first)]
        found = await asyncio.gather(*(self._kube.get(anchor.kind, namespace, anchor.name) for anchor in anchors))
        uid = first.subject.metadata.uid
        return tuple(anchor for anchor, body in zip(anchors, found, strict=True) if body and _is_owned(body, uid))

    async def _attempts(self, first: Observation) -> list[str]:
        """The attempt in the status, and those whose start was broken off before the status could tell of them."""
        metadata, attempt = first.subject.metadata, first.status.attempt
        labels = {SUBJECT_UID: metadata.uid}
        found = await asyncio.gather(*(self._kube.list(k, metadata.namespace, labels) for k in (CONFIG_MAP, RAY_JOB)))
        named = {body["metadata"]["labels"].get(ATTEMPT) for bodies in found for body in bodies}
        return sorted({name for name in named if name} | ({attempt.name} if attempt else set()))

    async def _report(self, first: Observation) -> tuple[Run | None, SignedReport | RefusedReport | None]:
        attempt, namespace = first.attempt, first.subject.metadata.namespace
        needed = first.running or (first.result_known and not first.final)
        if attempt is None or attempt.run_key is None or not needed:
            return None, None
        asked, said = await asyncio.gather(
            self._kube.get(CONFIG_MAP, namespace, f"{attempt.name}-run"),
            self._kube.get(CONFIG_MAP, namespace, f"{attempt.name}-report"),
        )
        if asked is None:
            return None, None
        try:
            run = parse_run_spec(asked["data"][RUN_SPEC_KEY])
        except (ValidationError, KeyError):
            return None, RefusedReport(f"ConfigMap {attempt.name}-run: not a run spec of this release")
        return run, read_report((said or {}).get("data") or {}, run, attempt.run_key)

    async def _commitment(self, first: Observation) -> Commitment | LedgerTrouble | None:
        attempt = first.attempt
        if attempt is None or not first.result_known or first.final:
            return None
        return await self._journalled(first, attempt)

    async def _journalled(self, first: Observation, attempt: AttemptStatus) -> Commitment | LedgerTrouble | None:
        """From the journal, or from the receipt once the journal holds it no more."""
        namespace, name = first.subject.metadata.namespace, first.subject.references.ledger
        ledger = self._ledgers.get(namespace, name)
        trouble: LedgerTrouble | None = None
        found: Commitment | LedgerTrouble | None = None
        try:
            found = await ledger.commitment(attempt.name) if ledger else None
        except LedgerUnavailableError as error:
            trouble = LedgerTrouble(RunReason.COMMITTING, str(error))
        if found is None:
            found = await self._receipt(namespace, attempt.name)
        if found is None and ledger is None:
            binding = await self._kube.get(LEDGER_BINDING, namespace, name)
            said = binding_message(binding)[1] if binding else "it does not exist"
            return LedgerTrouble(RunReason.LEDGER_NOT_READY, f"LedgerBinding {name}: {said}", stalled=binding is None)
        return found or trouble

    async def _receipt(self, namespace: str, attempt: str) -> Commitment | LedgerTrouble | None:
        name = f"{attempt}-receipt"
        secret = await self._kube.get(SECRET, namespace, name)
        if secret is None:
            return None
        try:
            receipt = parse_receipt(base64.b64decode(secret["data"][RECEIPT_KEY]))
        except (ReceiptError, KeyError, ValueError) as error:
            return LedgerTrouble(RunReason.COMMITTING, f"Secret {name} holds no receipt: {error}", stalled=True)
        return Commitment(
            state="Finalized",
            leaf=receipt.leaf,
            batch=receipt.batch_id,
            transaction=receipt.transaction.hash,
            block=receipt.transaction.block_number,
            receipt=name,
        )


def _standing_cluster(first: Observation) -> str | None:
    """The shared cluster that an attempt under way runs on."""
    attempt = first.attempt
    return attempt.cluster if attempt and first.running else None


def _is_owned(body: Object, uid: str) -> bool:
    return uid in {owner["uid"] for owner in body["metadata"].get("ownerReferences") or []}
