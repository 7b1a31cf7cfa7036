"""How an attempt ends without a result: retried after a pause, started anew at once, or given up.

In: an observation, the attempt, the cause. Out: a decision. Pure. Invariant: failures of the infrastructure alone are
counted against spec.compute.retries; counts and pause are in the status before anything of the attempt is removed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..api.base import AttemptStatus
from ..api.conditions import RunReason
from ..kube.kinds import RAY_JOB
from .accounting import used
from .claims import reconciling, stalled
from .decision import Decision, Removal
from .observation import Observation

__all__ = ["ended", "fail", "give_up", "pause_after", "start_anew"]

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)

FREE_DELETIONS = 3
"""Attempts in a row that may be deleted and come back at once; who deletes more of them is probably no person."""


def fail(observation: Observation, attempt: AttemptStatus, cause: str, now: datetime) -> Decision:
    """The infrastructure failed: another attempt after a pause, as often as spec.compute.retries says."""
    failures = attempt.failures + 1
    if failures > observation.subject.compute.retries:
        message = f"attempt {attempt.number} failed, {failures} failures in all: {cause}"
        failed = attempt.model_copy(update={"failures": failures})
        return give_up(observation, failed, RunReason.RETRIES_EXHAUSTED, message, now)
    retry_at = now + pause_after(failures)
    message = f"attempt {attempt.number} failed: {cause}; the next one starts at {retry_at:%H:%M:%S} UTC"
    failed = attempt.model_copy(update={"failures": failures, "deletions": 0, "retry_at": retry_at})
    return _another(observation, failed, message, now)


def start_anew(observation: Observation, attempt: AttemptStatus, cause: str, now: datetime) -> Decision:
    """Somebody removed what the attempt needs: another one, at once unless this goes on and on. It is no failure."""
    deletions = attempt.deletions + 1
    often = deletions > FREE_DELETIONS
    retry_at = now + pause_after(deletions - FREE_DELETIONS) if often else now
    when = f"the next one starts at {retry_at:%H:%M:%S} UTC" if often else "another one starts"
    deleted = attempt.model_copy(update={"deletions": deletions, "retry_at": retry_at})
    return _another(observation, deleted, f"attempt {attempt.number}: {cause}; {when}", now)


def give_up(
    observation: Observation, attempt: AttemptStatus, reason: RunReason, message: str, now: datetime
) -> Decision:
    """The same would happen again. The RayJob stays, so that its log may be read; what it holds goes soon."""
    status = observation.status.model_copy(update={"attempt": ended(observation, attempt, now)})
    return Decision(stalled(reason, message), status, None, (), 0.0)


def pause_after(failures: int) -> timedelta:
    """5, 10, 20 ... seconds after the first, second, third failure, five minutes at most."""
    doublings = min(failures - 1, 10)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def ended(observation: Observation, attempt: AttemptStatus, now: datetime) -> AttemptStatus:
    """The attempt with its end and what it used."""
    cpu, gpu = used(attempt, observation.subject.compute, now)
    return attempt.model_copy(update={"end_time": now, "cpu_seconds": cpu, "gpu_seconds": gpu})


def _another(observation: Observation, attempt: AttemptStatus, message: str, now: datetime) -> Decision:
    status = observation.status.model_copy(update={"attempt": ended(observation, attempt, now)})
    headline = reconciling(RunReason.RETRYING, message)
    job = observation.job(attempt.name)
    removals = (Removal(RAY_JOB, job.name, job.uid),) if job and not job.deleting else ()
    return Decision(headline, status, None, removals, 0.0)
