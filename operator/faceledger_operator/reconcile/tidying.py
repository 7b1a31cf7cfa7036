"""After an attempt has ended for good, with a result or without: what it needed goes, what people may read stays.

In: an observation whose attempt runs no more. Out: a decision that changes nothing but leftovers. Pure. Invariant:
what was computed and said stays as it is; that something of a finished attempt is missing is normal.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ..api.base import AttemptStatus
from ..kube.kinds import RAY_CLUSTER, RAY_JOB
from ..ray.status import JobView
from .decision import RESYNC, Decision, Removal, keep
from .observation import Observation
from .plan import parse_duration

__all__ = ["SHUTDOWN_GRACE", "decide_tidying", "release"]

TIDY_LOOK = 5.0
"""Seconds between two looks at what should be gone."""

SHUTDOWN_GRACE = timedelta(seconds=60)
"""How long KubeRay may take to shut the cluster of a finished run down before it is done for it."""


def decide_tidying(observation: Observation, attempt: AttemptStatus, now: datetime) -> Decision:
    """Keys and permissions go at once, the cluster when KubeRay had its time, the RayJob with its log after
    spec.compute.ttlAfterFinished. Looked at until all that holds a computer is gone, however long that takes."""
    children = tuple(Removal(child.kind, child.name) for child in observation.leftovers)
    age = now - attempt.end_time if attempt.end_time else timedelta()
    left = timedelta(seconds=parse_duration(observation.subject.compute.ttl_after_finished)) - age
    job = observation.job(attempt.name)
    if job and (left <= timedelta() or _holds_on(attempt, job)):
        holders = _job_removal(job)
    else:
        holders = _holders(observation, job) if age > SHUTDOWN_GRACE else ()
    held = any(not pod.finished for pod in observation.pods)
    if children or holders or held or observation.clusters or (job and (job.deleting or not job.ended)):
        return keep(observation, (*children, *holders), TIDY_LOOK)
    return keep(observation, look_again=left.total_seconds() if job and left <= RESYNC else None)


def release(observation: Observation, attempt: AttemptStatus, decision: Decision, now: datetime) -> Decision:
    """The decision, and the removal of what holds computers after the run: a chain that is down may take days."""
    overdue = attempt.end_time is not None and now - attempt.end_time > SHUTDOWN_GRACE
    if decision.removals or not overdue:
        return decision
    return replace(decision, removals=_holders(observation, observation.job(attempt.name)))


def _holds_on(attempt: AttemptStatus, job: JobView) -> bool:
    """KubeRay will not end it by itself: it never looks again at a RayJob that it refused, and on a standing cluster it
    leaves the driver of one that took too long alone."""
    return job.invalid or (attempt.cluster is not None and job.driver_left)


def _holders(observation: Observation, job: JobView | None) -> tuple[Removal, ...]:
    """What still holds pods, most of all a RayJob that would build its cluster again."""
    if job and not job.ended:
        return _job_removal(job)
    return tuple(
        Removal(RAY_CLUSTER, cluster.name, cluster.uid) for cluster in observation.clusters if not cluster.deleting
    )


def _job_removal(job: JobView) -> tuple[Removal, ...]:
    return () if job.deleting else (Removal(RAY_JOB, job.name, job.uid),)
