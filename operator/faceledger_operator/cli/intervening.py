"""What `faceledger retry`, `pause` and `resume` do: each sets or takes away one annotation, which the operator obeys.

In: a resource. Out: a sentence on what follows. Invariant: what would change nothing is said instead of done.
"""

from __future__ import annotations

from datetime import datetime

from ..kube.labels import DISABLED, RECONCILE, REQUESTED_AT, is_paused
from .cluster import Cluster
from .errors import CommandError
from .finding import Found
from .standing import standing_of

__all__ = ["pause", "resume", "retry"]


def retry(cluster: Cluster, found: Found, now: datetime) -> str:
    """Asks for another attempt; one that runs is left alone, and the request counts once it has failed."""
    standing = standing_of(found.body)
    if _is_paused(found):
        raise CommandError(f"{found.resource} is paused; resume it first")
    if standing.state == "Ready":
        raise CommandError(f"{found.resource} is Ready: {standing.message}; change its spec to have it run again")
    _annotate(cluster, found, REQUESTED_AT, now.isoformat(timespec="seconds"))
    if standing.state == "Reconciling":
        return f"asked for, should this attempt fail; it is {standing.reason} now"
    return "another try was asked for"


def pause(cluster: Cluster, found: Found) -> str:
    """The operator starts, changes and commits nothing of it any more; what runs, runs on."""
    if _is_paused(found):
        return "was paused already"
    _annotate(cluster, found, RECONCILE, DISABLED)
    return "paused; what runs already runs on, and nothing is started or committed until it is resumed"


def resume(cluster: Cluster, found: Found) -> str:
    if not _is_paused(found):
        return "was not paused"
    _annotate(cluster, found, RECONCILE, None)
    return "resumed"


def _is_paused(found: Found) -> bool:
    return is_paused(found.body["metadata"].get("annotations") or {})


def _annotate(cluster: Cluster, found: Found, name: str, value: str | None) -> None:
    cluster.annotate(found.resource.kind, found.namespace, found.resource.name, {name: value})
