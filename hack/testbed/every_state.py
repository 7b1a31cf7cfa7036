"""Every state that a resource of the three kinds can be in, as the API server would show it.

In: the reasons and the rules that make conditions of them. Out: resources with their states. Invariant: states come
from the code that writes them, so a reason that is added later is among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from faceledger_operator.api.conditions import BindingReason, Claim, ConditionType, RunReason, merge_conditions
from faceledger_operator.kube.kinds import FACE_DATASET, LEDGER_BINDING, RECOGNITION_JOB, Kind
from faceledger_operator.reconcile.binding_verdict import Verdict
from faceledger_operator.reconcile.claims import claims_of, paused, ready, reconciling, stalled

__all__ = ["StateCase", "every_state"]

State = Literal["New", "Ready", "Reconciling", "Stalled", "Paused", "Edited", "Deleting"]

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

GENERATION = 3

_MILESTONES = {
    FACE_DATASET: (ConditionType.SYNTHESIZED,),
    RECOGNITION_JOB: (ConditionType.ENCODED, ConditionType.MATCHED),
}


@dataclass(frozen=True)
class StateCase:
    """`body`: the resource. `state`: what a person would call it."""

    name: str
    state: State
    body: dict[str, Any]


def every_state() -> list[StateCase]:
    """All of them, each with a name of its own."""
    return [
        *(case for kind in _MILESTONES for case in _of_subject(kind)),
        *_of_binding(),
        *(case for kind in (*_MILESTONES, LEDGER_BINDING) for case in _of_any(kind)),
    ]


def _of_subject(kind: Kind) -> Iterator[StateCase]:
    headlines = [ready("done"), paused()]
    for reason in RunReason:
        if reason not in {RunReason.SUCCEEDED, RunReason.PAUSED}:
            headlines += [reconciling(reason, reason.what), stalled(reason, reason.what)]
    for headline in headlines:
        done = headline.state == "Ready"
        claims = claims_of(headline, _MILESTONES[kind], known=done, committed=done)
        yield _case(kind, f"{headline.state} {headline.reason}", headline.state, claims)


def _of_binding() -> Iterator[StateCase]:
    for reason in BindingReason:
        claims = tuple(Verdict(reason, reason.what, usable=False, commits=False).claims())
        types = {claim.type for claim in claims}
        state: State = "Paused"
        if claims[0].status == "True":
            state = "Ready"
        elif ConditionType.STALLED in types:
            state = "Stalled"
        elif ConditionType.RECONCILING in types:
            state = "Reconciling"
        yield _case(LEDGER_BINDING, str(reason), state, claims)


def _of_any(kind: Kind) -> Iterator[StateCase]:
    """States that do not depend on reasons."""
    done = (Claim(ConditionType.READY, "True", RunReason.SUCCEEDED, "done"),)
    yield StateCase(f"{kind.kind} new", "New", _body(kind, {"observedGeneration": -1}))
    edited = _case(kind, "edited", "Edited", done)
    edited.body["metadata"]["generation"] = GENERATION + 1
    yield edited
    deleting = _case(kind, "deleting", "Deleting", done)
    deleting.body["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    yield deleting


def _case(kind: Kind, name: str, state: State, claims: tuple[Claim, ...]) -> StateCase:
    conditions = merge_conditions((), claims, GENERATION, NOW)
    status = {
        "observedGeneration": GENERATION,
        "conditions": [condition.model_dump(mode="json", by_alias=True) for condition in conditions],
    }
    return StateCase(f"{kind.kind} {name}", state, _body(kind, status))


def _body(kind: Kind, status: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": "x", "namespace": "people", "generation": GENERATION},
        "spec": {},
        "status": status,
    }
