"""Between attempts: what must be there before one starts, what must be gone, and when a pause is over.

In: an observation without a running attempt. Out: a decision. Pure. Invariant: the next attempt's number is one more
than the last one's, so no name is used twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from ..api.base import AttemptStatus
from ..api.conditions import RunReason
from ..kube.kinds import RAY_CLUSTER, RAY_JOB
from .accounting import asked_for
from .claims import reconciling, stalled
from .decision import Decision, Removal, Start, keep
from .observation import Observation
from .plan import SpecHash, attempt_name, request_hash, spec_hash
from .subject import Inputs, Missing
from .tidying import decide_tidying

__all__ = ["decide_given_up", "decide_pausing", "decide_start"]

MISSING_LOOK = 3.0
"""Seconds between two looks for something that is missing: nothing tells when it appears."""

CLEARING_LOOK = 1.0
"""Seconds between two looks at what has to go first."""


def decide_start(observation: Observation, number: int, failures: int, request: str | None = None) -> Decision:
    """Starts the attempt of that number, once its inputs are there and everything of other attempts is gone."""
    inputs = observation.inputs
    if isinstance(inputs, Missing):
        headline = (stalled if inputs.stalled else reconciling)(inputs.reason, inputs.message)
        return Decision(headline, observation.status, None, _removals_of_last(observation), MISSING_LOOK)
    if inputs is None:
        return keep(observation, look_again=0.0)
    attempt = _plan(observation, inputs, number, failures, request)
    others = _others(observation, attempt.name)
    if others:
        message = f"waiting until {others[0]} of an earlier attempt is gone"
        removals = _removals(observation, lambda name: name != attempt.name)
        return Decision(reconciling(RunReason.PENDING, message), observation.status, None, removals, CLEARING_LOOK)
    status = observation.subject.fresh_status.model_copy(update={"attempt": attempt})
    headline = reconciling(RunReason.STARTING, f"RayJob {attempt.name} is starting")
    return Decision(headline, status, Start(attempt, inputs))


def decide_pausing(observation: Observation, attempt: AttemptStatus, retry_at: datetime, now: datetime) -> Decision:
    """After a failure of the infrastructure: the next attempt, when the pause is over or the user asks for it."""
    request = _new_request(observation, attempt)
    if request is None and now < retry_at:
        seconds = math.ceil((retry_at - now).total_seconds())
        return keep(observation, _removals_of_last(observation), min(float(seconds), CLEARING_LOOK * 5))
    return decide_start(observation, attempt.number + 1, attempt.failures if request is None else 0, request)


def decide_given_up(observation: Observation, attempt: AttemptStatus, now: datetime) -> Decision:
    """Until the spec changes or the user asks to try again, nothing but tidying."""
    request = _new_request(observation, attempt)
    if request is not None:
        return decide_start(observation, attempt.number + 1, 0, request)
    return decide_tidying(observation, attempt, now)


def _removals(observation: Observation, unwanted: Callable[[str], bool]) -> tuple[Removal, ...]:
    """Everything of unwanted attempts whose deletion has not been asked for yet."""
    names = {job.name for job in observation.jobs}
    jobs = [job for job in observation.jobs if unwanted(job.name) and not job.deleting]
    orphans = [
        cluster
        for cluster in observation.clusters
        if unwanted(cluster.attempt) and cluster.attempt not in names and not cluster.deleting
    ]
    return (
        *(Removal(child.kind, child.name) for child in observation.leftovers if unwanted(child.attempt)),
        *(Removal(RAY_JOB, job.name, job.uid) for job in jobs),
        *(Removal(RAY_CLUSTER, cluster.name, cluster.uid) for cluster in orphans),
    )


def _removals_of_last(observation: Observation) -> tuple[Removal, ...]:
    """Of the last attempt that the status knows, if it is over. One that it does not know yet may be the next one,
    whose start was broken off: which one that is, is known with the inputs."""
    last = observation.status.attempt
    over = last is not None and (observation.attempt is None or last.end_time is not None)
    return _removals(observation, lambda name: over and last is not None and name == last.name)


def _plan(observation: Observation, inputs: Inputs, number: int, failures: int, request: str | None) -> AttemptStatus:
    subject, before = observation.subject, observation.attempt
    deletions = before.deletions if before and request is None else 0
    if request is None:
        request = SpecHash.parse(before.spec_hash).request if before else request_hash(subject.metadata)
    hashed = spec_hash(subject, inputs, request)
    return AttemptStatus(
        name=attempt_name(subject.metadata.name, hashed, number),
        number=number,
        spec_hash=str(hashed),
        failures=failures,
        deletions=deletions,
        asked=asked_for(subject.compute),
    )


def _others(observation: Observation, name: str) -> list[str]:
    """What is left of other attempts, in words: their keys and permissions too, so that no old driver can report."""
    return [
        *(f"RayJob {job.name}" for job in observation.jobs if job.name != name),
        *(f"RayCluster {cluster.name}" for cluster in observation.clusters if cluster.attempt != name),
        *(f"pod {pod.name}" for pod in observation.pods if pod.attempt != name and not pod.finished),
        *(f"{child.kind.kind} {child.name}" for child in observation.leftovers if child.attempt != name),
    ]


def _new_request(observation: Observation, attempt: AttemptStatus) -> str | None:
    """The user's request to try again, where the attempt does not answer it already."""
    request = request_hash(observation.subject.metadata)
    answered = SpecHash.parse(attempt.spec_hash).request
    return None if request in {answered, "0" * len(request)} else request
