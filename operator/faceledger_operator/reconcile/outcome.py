"""How a step went, and what the status says after it.

In: a decision and the outcome of its step. Out: the status to write. Pure. Invariant: a step that failed changes the
headline alone, so that the same failure seen twice is written once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..api.conditions import RunReason, merge_conditions
from ..ledger.ledger import Commitment
from .claims import Headline, claims_of, ready, reconciling, stalled
from .committing import commitment_status, committing_headline
from .decision import Decision, Start
from .observation import Observation
from .plan import serves
from .subject import Status

__all__ = ["Outcome", "Started", "Submitted", "Trouble", "conclude"]

TROUBLE_LOOK = 3.0
"""Seconds until a step that met trouble is taken again."""


@dataclass(frozen=True)
class Started:
    """The RayJob exists since `created`; `run_key` is the address of its key, `cluster` the shared one it runs on."""

    run_key: str
    created: datetime
    cluster: str | None = None


@dataclass(frozen=True)
class Submitted:
    """The ledger has the record."""

    commitment: Commitment


@dataclass(frozen=True)
class Trouble:
    """The step is tried again after `look_again` seconds; `stalled` where a person must act first."""

    reason: RunReason
    message: str
    stalled: bool = False
    look_again: float = TROUBLE_LOOK


Outcome = Started | Submitted | Trouble


def conclude(observation: Observation, decision: Decision, outcome: Outcome | None, now: datetime) -> Status:
    """The whole status after the step."""
    status, headline = decision.status, decision.headline
    match outcome:
        case Started():
            status = _with_start(decision, outcome)
        case Submitted():
            status, headline = _with_commitment(observation, status, outcome.commitment)
        case Trouble():
            headline = (stalled if outcome.stalled else reconciling)(outcome.reason, outcome.message)
        case None:
            pass
    return _with_conditions(observation, status, headline, now)


def _with_start(decision: Decision, started: Started) -> Status:
    assert isinstance(decision.step, Start)
    found = {"run_key": started.run_key, "start_time": started.created, "cluster": started.cluster}
    attempt = decision.step.attempt.model_copy(update=found)
    return decision.status.model_copy(update={"attempt": attempt})


def _with_commitment(observation: Observation, status: Status, found: Commitment) -> tuple[Status, Headline]:
    status = status.model_copy(update={"commitment": commitment_status(found)})
    if found.state == "Finalized":
        return status, ready(observation.subject.result_message(status))
    return status, committing_headline(observation, status, found.message or found.state)


def _with_conditions(observation: Observation, status: Status, headline: Headline | None, now: datetime) -> Status:
    if headline is None:
        return status
    attempt, metadata = status.attempt, observation.subject.metadata
    known = status.commitment is not None and attempt is not None and serves(attempt, metadata)
    claims = claims_of(headline, observation.subject.milestones, known, headline.state == "Ready")
    conditions = merge_conditions(status.conditions or observation.status.conditions, claims, metadata.generation, now)
    return status.model_copy(update={"observed_generation": metadata.generation, "conditions": conditions})
