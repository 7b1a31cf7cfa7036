"""How a resource stands, in the words that people and programs are told.

In: a resource as the API server shows it. Out: its state, and a JSON document of what its status says. Invariant: a
status that speaks of an earlier generation is never told as the present one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Standing", "standing_document", "standing_of"]

_CARRIED = ("progress", "attempt", "cost", "commitment", "conditions")
"""Parts of a status that a document repeats as they are."""


@dataclass(frozen=True)
class Standing:
    """`New`: the operator has not looked at this generation yet. `Paused`: a person stopped the operator."""

    state: Literal["New", "Ready", "Reconciling", "Stalled", "Paused"]
    reason: str
    message: str


def standing_of(body: dict[str, Any]) -> Standing:
    """What the conditions say; they follow kstatus."""
    status = body.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    ready = conditions.get("Ready")
    if ready is None or status.get("observedGeneration") != body["metadata"].get("generation"):
        return Standing("New", "", "the operator has not looked at it yet")
    state: Literal["Ready", "Reconciling", "Stalled", "Paused"] = "Paused"
    if ready["status"] == "True":
        state = "Ready"
    elif "Stalled" in conditions:
        state = "Stalled"
    elif "Reconciling" in conditions:
        state = "Reconciling"
    return Standing(state, ready["reason"], ready.get("message") or "")


def standing_document(body: dict[str, Any]) -> dict[str, Any]:
    """What a program reads: state, reason and message, then the parts of the status that say more."""
    metadata, status, standing = body["metadata"], body.get("status") or {}, standing_of(body)
    return {
        "kind": body["kind"],
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "state": standing.state,
        "reason": standing.reason,
        "message": standing.message,
        **{name: status[name] for name in _CARRIED if name in status},
    }
