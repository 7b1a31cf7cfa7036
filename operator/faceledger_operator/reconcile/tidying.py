"""After an attempt has ended for good, with a result or without: what it needed goes, what people may read stays.

In: an observation whose attempt runs no more. Out: a decision that changes nothing but leftovers. Pure. Invariant:
what was computed and said stays as it is; that something of a finished attempt is missing is normal.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ..api.base import AttemptStatus
from ..kube.kinds import RAY_CLUSTER, RAY_JOB
from .decision import Decision, Removal, keep
from .observation import Observation

__all__ = ["SHUTDOWN_GRACE", "decide_tidying"]

TIDY_LOOK = 5.0
"""Seconds between two looks at what should be gone."""

SHUTDOWN_GRACE = timedelta(seconds=60)
"""How long KubeRay may take to shut the cluster of a finished run down before it is done for it."""


def decide_tidying(observation: Observation, attempt: AttemptStatus, now: datetime) -> Decision:
    """Keys and permissions go at once, the cluster when KubeRay had its time. The RayJob stays, with its log."""
    children = [Removal(child.kind, child.name) for child in observation.leftovers]
    overdue = attempt.end_time is not None and now - attempt.end_time > SHUTDOWN_GRACE
    job = observation.job(attempt.name)
    # KubeRay looks at a RayJob that it refused never again: there is nothing to wait for.
    removals = (*children, *(_holders(observation, attempt) if overdue or (job and job.invalid) else ()))
    untidy = bool(removals or observation.clusters or (job and not job.ended))
    return keep(observation, removals, TIDY_LOOK if untidy else None)


def _holders(observation: Observation, attempt: AttemptStatus) -> tuple[Removal, ...]:
    """What still holds pods, most of all a RayJob that would build its cluster again."""
    job = observation.job(attempt.name)
    if job and not job.ended:
        return () if job.deleting else (Removal(RAY_JOB, job.name, job.uid),)
    return tuple(
        Removal(RAY_CLUSTER, cluster.name, cluster.uid) for cluster in observation.clusters if not cluster.deleting
    )
