"""The conditions of a subject, as claims: exactly one sentence for Ready, and what kstatus needs beside it.

In: a reason and a message, and which milestones are reached. Out: claims for `merge_conditions`. Invariant: not Ready
means either Reconciling (it goes on by itself) or Stalled (a person must act), except while the resource is paused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..api.base import Condition
from ..api.conditions import Claim, ConditionType, RunReason

__all__ = ["Headline", "claims_of", "headline_of", "paused", "ready", "reconciling", "stalled"]


@dataclass(frozen=True)
class Headline:
    """What Ready says."""

    state: Literal["Ready", "Reconciling", "Stalled", "Paused"]
    reason: RunReason
    message: str


def ready(message: str) -> Headline:
    return Headline("Ready", RunReason.SUCCEEDED, message)


def reconciling(reason: RunReason, message: str) -> Headline:
    return Headline("Reconciling", reason, message)


def stalled(reason: RunReason, message: str) -> Headline:
    return Headline("Stalled", reason, message)


def paused() -> Headline:
    return Headline("Paused", RunReason.PAUSED, RunReason.PAUSED.what)


def claims_of(
    headline: Headline, milestones: tuple[ConditionType, ...], known: bool, committed: bool
) -> tuple[Claim, ...]:
    """`known`: the result is; `committed`: it is final on the chain."""
    status: Literal["True", "False"] = "True" if headline.state == "Ready" else "False"
    claims = [Claim(ConditionType.READY, status, headline.reason, headline.message)]
    if headline.state == "Reconciling":
        claims.append(Claim(ConditionType.RECONCILING, "True", headline.reason, headline.message))
    if headline.state == "Stalled":
        claims.append(Claim(ConditionType.STALLED, "True", headline.reason, headline.message))
    claims += [_milestone(milestone, known) for milestone in milestones]
    claims.append(_milestone(ConditionType.COMMITTED, committed))
    return tuple(claims)


def headline_of(conditions: tuple[Condition, ...]) -> Headline | None:
    """What the stored conditions say; None where they say nothing yet."""
    by_type = {condition.type: condition for condition in conditions}
    found = by_type.get(ConditionType.READY)
    if found is None or found.reason not in RunReason.__members__.values():
        return None
    if found.status == "True":
        state: Literal["Ready", "Reconciling", "Stalled", "Paused"] = "Ready"
    elif ConditionType.STALLED in by_type:
        state = "Stalled"
    else:
        state = "Reconciling" if ConditionType.RECONCILING in by_type else "Paused"
    return Headline(state, RunReason(found.reason), found.message)


def _milestone(milestone: ConditionType, reached: bool) -> Claim:
    if reached:
        return Claim(milestone, "True", RunReason.SUCCEEDED, "")
    return Claim(milestone, "False", RunReason.PENDING, "")
