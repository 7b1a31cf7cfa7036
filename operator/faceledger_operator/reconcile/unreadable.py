"""What is said of a stored resource that this release cannot read, because an earlier one, or none, admitted it.

In: the resource as it is stored, and why it does not parse. Out: the fields that are wrong, and the resource's status
with other conditions. Invariant: all other fields of the status stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import ValidationError

from ..api.base import Condition, ObjectMeta
from ..api.conditions import Claim, merge_conditions
from ..kube.api import Object

__all__ = ["unreadable_message", "with_conditions"]

MOST_FIELDS = 5


def unreadable_message(error: ValidationError) -> str:
    """Names the first fields that are wrong, without their values."""
    wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:MOST_FIELDS])
    return f"this release cannot read the resource: {'; '.join(wrong)}"


def with_conditions(body: Object, claims: Iterable[Claim], now: datetime) -> Object:
    """The stored status, in which `claims` are the conditions."""
    stored, metadata = body.get("status") or {}, ObjectMeta.model_validate(body["metadata"])
    conditions = merge_conditions(_readable(stored), claims, metadata.generation, now)
    said = [condition.model_dump(mode="json", by_alias=True) for condition in conditions]
    return {**stored, "observedGeneration": metadata.generation, "conditions": said}


def _readable(stored: Object) -> list[Condition]:
    found = []
    for condition in stored.get("conditions") or []:
        try:
            found.append(Condition.model_validate(condition))
        except ValidationError:
            continue
    return found
