"""While an attempt runs: how far it is, what keeps it, and whether it is lost.

In: an observation whose attempt was started and has no final report. Out: a decision. Pure. Invariant: what clears by
itself (an image that appears, a node that comes) is said and waited for; what cannot come back ends the attempt.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..api.base import AttemptStatus
from ..api.conditions import RunReason
from ..ray.podfaults import HEAD, FaultKind, PodView, first_fault
from ..ray.status import JobView
from .claims import Headline, reconciling, stalled
from .decision import Decision
from .failing import fail, give_up, start_anew
from .observation import Observation
from .pace import in_words, progress_of
from .report import RefusedReport, SignedReport
from .subject import Status

__all__ = ["decide_running", "with_image"]

KUBERAY_PATIENCE = timedelta(seconds=60)
"""KubeRay looks at a new RayJob within seconds; after so long a person should know that it does not."""

_FAULT_REASONS = {
    FaultKind.IMAGE_PULL: RunReason.IMAGE_PULL_FAILED,
    FaultKind.UNSCHEDULABLE: RunReason.UNSCHEDULABLE,
    FaultKind.START: RunReason.POD_START_FAILED,
}


def decide_running(observation: Observation, attempt: AttemptStatus, now: datetime) -> Decision:
    """The attempt has no final report."""
    job = observation.job(attempt.name)
    if job is None or job.deleting:
        return start_anew(observation, attempt, f"RayJob {attempt.name} was deleted", now)
    if job.invalid:
        return give_up(observation, attempt, RunReason.ATTEMPT_INVALID, f"RayJob {job.name}: {job.cause}", now)
    if job.suspended:
        return Decision(_queued(observation, job), observation.status.model_copy(update={"attempt": attempt}))
    loss = _loss(observation, attempt, job)
    if loss:
        return fail(observation, attempt, loss, now)
    status = observation.status.model_copy(update={"attempt": attempt})
    if isinstance(observation.report, RefusedReport):
        return Decision(stalled(RunReason.REPORT_REFUSED, observation.report.message), status)
    return _going_on(observation, status, job, now)


def with_image(observation: Observation, attempt: AttemptStatus) -> AttemptStatus:
    """The attempt with the digest of what its head runs, once that is seen: a tag may stand for another one later."""
    heads = (pod for pod in observation.pods if pod.attempt == attempt.runs_on and pod.role == HEAD)
    found = attempt.image_digest or next((pod.image_digest for pod in heads if pod.image_digest), None)
    return attempt.model_copy(update={"image_digest": found})


def _loss(observation: Observation, attempt: AttemptStatus, job: JobView) -> str | None:
    """Why no final report will come any more."""
    heads = [pod for pod in observation.pods if pod.attempt == attempt.runs_on and pod.role == HEAD]
    # A head that ends before the driver was started ends again: KubeRay would replace it every two seconds, for ever.
    lost = next((pod for pod in heads if pod.ended or (job.submitted and pod.deleting)), None)
    if lost:
        return f"the head pod {lost.name} is lost" + (f": {lost.end}" if lost.end else "")
    if job.submitted and not heads:
        return "the head pod is gone"
    if job.ended and isinstance(observation.report, RefusedReport):
        return f"RayJob {job.name} ended with a report that is refused: {observation.report.message}"
    if job.ended:
        return f"RayJob {job.name} ended without a final report: {job.cause}"
    return None


def _going_on(observation: Observation, status: Status, job: JobView, now: datetime) -> Decision:
    report = observation.report
    if isinstance(report, SignedReport):
        progress = progress_of(status.progress, report.report.progress, now)
        status = status.model_copy(update={"progress": progress})
        return Decision(_fault(observation) or reconciling(RunReason.RUNNING, in_words(progress)), status)
    fault = _fault(observation)
    return Decision(fault, status) if fault else _starting(status, job, now)


def _queued(observation: Observation, job: JobView) -> Headline:
    queue = observation.subject.compute.queue
    where = f"waits for queue {queue}" if queue else "is suspended"
    return reconciling(RunReason.QUEUED, f"RayJob {job.name} {where}")


def _fault(observation: Observation) -> Headline | None:
    attempt = observation.attempt
    pods: list[PodView] = [pod for pod in observation.pods if attempt and pod.attempt == attempt.runs_on]
    fault = first_fault(pods)
    if fault:
        return reconciling(_FAULT_REASONS[fault.kind], fault.message)
    refused = next((c.replica_failure for c in observation.clusters if c.replica_failure), None)
    if refused is None:
        return None
    quota = "exceeded quota" in refused
    return reconciling(RunReason.QUOTA_EXCEEDED if quota else RunReason.POD_START_FAILED, refused)


def _starting(status: Status, job: JobView, now: datetime) -> Decision:
    """KubeRay says nothing where it does not look, so the time is looked at instead."""
    left = (job.created + KUBERAY_PATIENCE - now).total_seconds()
    if job.deployment or left > 0:
        headline = reconciling(RunReason.STARTING, f"RayJob {job.name} is starting")
        return Decision(headline, status, look_again=None if job.deployment else left)
    message = (
        f"RayJob {job.name} is there since {job.created:%H:%M:%S} UTC, and KubeRay has not looked at it: is it up?"
    )
    return Decision(reconciling(RunReason.STARTING, message), status)
