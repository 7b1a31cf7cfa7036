"""Writes a resource's status, and only when it says something new: an idle resource causes no write at all.

In: the resource as it was read and the status that it should have. Out: the resource as it now is.
"""

from __future__ import annotations

from pydantic import BaseModel

from .api import Kube, Object
from .kinds import Kind

__all__ = ["as_status", "write_status"]


def as_status(model: BaseModel) -> Object:
    """The model as it is stored: YAML field names, no empty fields."""
    stored: Object = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return stored


async def write_status(kube: Kube, kind: Kind, body: Object, status: BaseModel) -> Object | None:
    """Replaces the status where it differs; None where the resource is gone.

    `ApiConflictError` where the resource changed since `body` was read: look again and decide anew.
    """
    metadata = body["metadata"]
    wanted = as_status(status)
    if body.get("status") == wanted:
        return body
    return await kube.patch_status(
        kind, metadata["namespace"], metadata["name"], wanted, metadata.get("resourceVersion")
    )
