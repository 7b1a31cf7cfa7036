"""Creates an object of an attempt, or adopts the one that an earlier look created.

In: the object as it should be, owned by its resource. Out: the object as it is. Invariant: what others put under a name
of ours is never taken for ours: a run key that somebody else knows would sign reports that count.
"""

from __future__ import annotations

from ..kube.api import Kube, Object
from ..kube.errors import ApiConflictError
from ..kube.kinds import Kind

__all__ = ["NotOursError", "adopt", "create_or_adopt"]


class NotOursError(Exception):
    """An object under a name of ours is not ours, or not what it should be: a person must remove it."""


async def create_or_adopt(kube: Kube, kind: Kind, body: Object, ownerless_too: bool = False) -> Object:
    """`ownerless_too`: one without an owner, which a person made, is used as it is.

    `ApiConflictError` while an object of that name is going away; `NotOursError` where it stays and is not ours.
    """
    metadata = body["metadata"]
    try:
        return await kube.create(kind, body)
    except ApiConflictError:
        found = await kube.get(kind, metadata["namespace"], metadata["name"])
    return adopt(kind, body, found, ownerless_too)


def adopt(kind: Kind, body: Object, found: Object | None, ownerless_too: bool = False) -> Object:
    """What was found under the name of `body`, where it is ours; errors as of `create_or_adopt`."""
    metadata = body["metadata"]
    if found is None or "deletionTimestamp" in found["metadata"]:
        raise ApiConflictError(f"{kind.kind} {metadata['name']} is being deleted")
    owners = found["metadata"].get("ownerReferences") or []
    if not (ownerless_too and not owners):
        _check_owner(f"{kind.kind} {metadata['name']}", owners, metadata["ownerReferences"][0])
    return found


def _check_owner(what: str, owners: list[Object], owner: Object) -> None:
    if owner["uid"] in {found["uid"] for found in owners}:
        return
    named = {(found.get("kind"), found.get("name")) for found in owners}
    if (owner["kind"], owner["name"]) in named:
        raise ApiConflictError(f"{what} is of an earlier {owner['kind']} {owner['name']} and goes with it")
    raise NotOursError(f"{what} is in the way: it does not belong to {owner['kind']} {owner['name']}; remove it")
