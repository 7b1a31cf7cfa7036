"""The reconciler of FaceDataset and of RecognitionJob: observe, decide, act, and say in the status what holds.

In: namespace and name. Out: seconds until the next look, None to wait for an event. Invariant: one pass per resource
at a time (the engine sees to it), and every pass may be the first one after a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError

from .. import metrics
from ..api.base import Condition, ObjectMeta
from ..api.conditions import RunReason, merge_conditions
from ..kube.api import Kube, Object
from ..kube.events import EventRecorder
from ..kube.kinds import Kind
from ..kube.status import write_status
from ..logs import bind_attempt
from .accounting import FREE, Prices, charged, end_between
from .act import Actor
from .attempt import decide
from .claims import Headline, claims_of, headline_of, stalled
from .decision import Decision
from .observe import Observer
from .outcome import Outcome, Started, Trouble, conclude
from .subject import Status, Subject
from .watch_audit import WatchAudit

__all__ = ["SubjectReconciler"]

_log = structlog.get_logger(__name__)

_SILENT = frozenset(
    {RunReason.PENDING, RunReason.AUTHORISING, RunReason.STARTING, RunReason.RUNNING, RunReason.COMMITTING}
)
"""Reasons that come and go with every attempt: the events of its start and of its end tell of it."""


class SubjectReconciler:
    """One kind of subject."""

    def __init__(
        self,
        kind: Kind,
        parse: Callable[[Object], Subject],
        kube: Kube,
        observer: Observer,
        actor: Actor,
        events: EventRecorder,
        audit: WatchAudit,
        now: Callable[[], datetime],
        prices: Prices = FREE,
    ) -> None:
        self._kind = kind
        self._parse = parse
        self._kube = kube
        self._observer = observer
        self._actor = actor
        self._events = events
        self._audit = audit
        self._now = now
        self._prices = prices

    async def __call__(self, namespace: str, name: str) -> float | None:
        body = await self._kube.get(self._kind, namespace, name)
        if body is None or "deletionTimestamp" in body["metadata"]:
            metrics.forget_resource(self._kind.kind, namespace, name)
            return None  # what belongs to it goes with it, by owner references
        try:
            subject = self._parse(body)
        except ValidationError as error:
            metrics.set_resource(self._kind.kind, namespace, name, "Stalled")
            await self._say_unreadable(body, error)
            return None
        return await self._reconcile(body, subject)

    async def _reconcile(self, body: Object, subject: Subject) -> float | None:
        bind_attempt(subject.status.attempt.name if subject.status.attempt else None)
        observation = await self._observer.observe(subject)
        now = self._now()
        decision = decide(observation, now)
        outcome = await self._actor.perform(subject, decision.step) if decision.step else None
        status = conclude(observation, decision, outcome, now)
        status = charged(subject.status, status, subject.compute, self._prices, now)
        written = await write_status(self._kube, self._kind, body, status)
        if written is None:
            return None
        if written is not body:
            self._audit.wrote(self._kind, written)
        self._count(subject, status, outcome)
        await self._tell(body, subject, status, decision, outcome)
        await self._actor.remove(subject, decision.removals)
        return outcome.look_again if isinstance(outcome, Trouble) else decision.look_again

    def _count(self, subject: Subject, status: Status, outcome: Outcome | None) -> None:
        """Logs and metrics of what this pass did and of how the resource stands after it."""
        kind, metadata = self._kind.kind, subject.metadata
        log = _log.bind(kind=kind, namespace=metadata.namespace, name=metadata.name)
        if isinstance(outcome, Started) and status.attempt:
            metrics.note_attempt(kind, "Started")
            bind_attempt(status.attempt.name)
            log.info("attempt started", number=status.attempt.number)
        if end := end_between(subject.status.attempt, status):
            metrics.note_attempt(kind, end)
            log.info("attempt ended", outcome=end)
        headline = headline_of(status.conditions)
        metrics.set_resource(kind, metadata.namespace, metadata.name, headline.state if headline else "New")

    async def _tell(
        self, body: Object, subject: Subject, status: Status, decision: Decision, outcome: Outcome | None
    ) -> None:
        """An event for a new attempt, one for each new reason, and one for each new thing that a person must mend."""
        if isinstance(outcome, Started) and status.attempt:
            note = f"attempt {status.attempt.number}: RayJob {status.attempt.name}"
            await self._events.record(self._kind, body, "AttemptStarted", note)
        before, after = headline_of(subject.status.conditions), headline_of(status.conditions)
        if after is None or after.reason in _SILENT or not _is_news(before, after):
            return
        warning = after.state == "Stalled" or after.reason is RunReason.RETRYING
        await self._events.record(
            self._kind, body, after.reason, after.message, severity="Warning" if warning else "Normal"
        )

    async def _say_unreadable(self, body: Object, error: ValidationError) -> None:
        """An object that an earlier release stored: its other status fields stay as they are."""
        fields = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()[:5])
        headline = stalled(RunReason.ATTEMPT_INVALID, f"this release cannot read the resource: {fields}")
        metadata = ObjectMeta.model_validate(body["metadata"])
        stored = body.get("status") or {}
        conditions = merge_conditions(
            _readable(stored), claims_of(headline, (), False, False)[:2], metadata.generation, self._now()
        )
        said = {
            "observedGeneration": metadata.generation,
            "conditions": [c.model_dump(mode="json", by_alias=True) for c in conditions],
        }
        if {**stored, **said} != stored:
            await self._kube.patch_status(
                self._kind, metadata.namespace, metadata.name, {**stored, **said}, metadata.resource_version
            )
            await self._events.record(self._kind, body, headline.reason, headline.message, severity="Warning")


def _is_news(before: Headline | None, after: Headline) -> bool:
    if before is None or before.reason != after.reason:
        return True
    return after.state == "Stalled" and before.message != after.message


def _readable(stored: dict[str, Any]) -> tuple[Condition, ...]:
    found = []
    for condition in stored.get("conditions") or []:
        try:
            found.append(Condition.model_validate(condition))
        except ValidationError:
            continue
    return tuple(found)
