"""Which resource of a cluster a user means: KIND/NAME, or NAME alone where one resource bears it.

In: the argument and a namespace. Out: the resource and what the API server says of it. Invariant: a name that two
kinds share is never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..kube.kinds import Kind
from .cluster import Cluster
from .errors import CommandError
from .targets import OWN_KINDS, Resource, parse_resource

__all__ = ["Found", "find_resource"]


@dataclass(frozen=True)
class Found:
    """A resource as it is now."""

    resource: Resource
    namespace: str
    body: dict[str, Any]


def find_resource(cluster: Cluster, target: str, namespace: str | None, kinds: tuple[Kind, ...] = OWN_KINDS) -> Found:
    """CommandError where there is none of these kinds, or where the name alone does not say which."""
    home = namespace or cluster.namespace
    if "/" in target:
        resource = parse_resource(target, kinds)
        return Found(resource, home, cluster.get(resource.kind, home, resource.name))
    looked = [(Resource(kind, target), cluster.find(kind, home, target)) for kind in kinds]
    found = [Found(resource, home, body) for resource, body in looked if body is not None]
    if not found:
        looked_for = ", ".join(kind.kind for kind in kinds)
        raise CommandError(f"there is no {target} in namespace {home}: neither a file nor one of {looked_for}")
    if len(found) > 1:
        raise CommandError(f"{target} is the name of several: say {' or '.join(str(one.resource) for one in found)}")
    return found[0]
