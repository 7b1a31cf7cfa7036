"""What keeps a pod of an attempt from working, in words that a person can act on.

In: pods as the API server returned them. Out: at most one fault a pod, and whether what ran in it has ended.
Invariant: a fault that is reported clears by itself when its cause is gone: it is observed, never stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..kube.labels import ATTEMPT
from .pods import HEAD_CONTAINER

__all__ = ["FaultKind", "PodFault", "PodView", "first_fault", "read_pod"]

Object = dict[str, Any]

HEAD = "head"
WORKER = "worker"
SUBMITTER = "submitter"

_NODE_TYPE = "ray.io/node-type"

_PULL_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_START_REASONS = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"}
)


class FaultKind(StrEnum):
    IMAGE_PULL = "image"
    UNSCHEDULABLE = "scheduling"
    START = "start"


@dataclass(frozen=True)
class PodFault:
    """`message` names the pod, the container with its image, and the cause."""

    kind: FaultKind
    message: str


@dataclass(frozen=True)
class PodView:
    """A pod of an attempt. `end` says how its main container ended, empty while it did not; `image_digest` is what the
    node runs, whatever the image's tag stands for by now, empty before it runs."""

    name: str
    attempt: str
    role: str
    phase: str
    deleting: bool = False
    restarts: int = 0
    end: str = ""
    fault: PodFault | None = None
    image_digest: str = ""

    @property
    def finished(self) -> bool:
        """It holds no resources any more."""
        return self.phase in {"Succeeded", "Failed"}

    @property
    def ended(self) -> bool:
        """What ran in it has ended, or was started anew."""
        return self.finished or self.restarts > 0 or bool(self.end)


def read_pod(body: Object) -> PodView:
    metadata, status = body["metadata"], body.get("status") or {}
    labels = metadata.get("labels", {})
    containers = status.get("containerStatuses") or []
    name = metadata["name"]
    return PodView(
        name=name,
        attempt=labels.get(ATTEMPT, ""),
        role=labels.get(_NODE_TYPE, SUBMITTER),
        phase=status.get("phase", "Pending"),
        deleting="deletionTimestamp" in metadata,
        restarts=max((container.get("restartCount", 0) for container in containers), default=0),
        end=next((_end(container) for container in containers if "terminated" in container.get("state", {})), ""),
        fault=_scheduling_fault(name, status) or _container_fault(name, status),
        image_digest=next((_digest(c) for c in containers if c["name"] == HEAD_CONTAINER), ""),
    )


def first_fault(pods: Iterable[PodView]) -> PodFault | None:
    """The fault to report: the head's before a worker's, else by name, so that the message does not flap."""
    order = {HEAD: 0, WORKER: 1, SUBMITTER: 2}
    faulty = [pod for pod in pods if pod.fault and not pod.deleting]
    chosen = min(faulty, key=lambda pod: (order.get(pod.role, 3), pod.name), default=None)
    return chosen.fault if chosen else None


def _scheduling_fault(name: str, status: Object) -> PodFault | None:
    for condition in status.get("conditions") or []:
        refused = condition["type"] == "PodScheduled" and condition["status"] == "False"
        if refused and condition.get("reason") == "Unschedulable":
            return PodFault(FaultKind.UNSCHEDULABLE, f"pod {name}: {condition.get('message', 'finds no node')}")
    return None


def _container_fault(name: str, status: Object) -> PodFault | None:
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for container in containers:
        waiting = container.get("state", {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        kind = _fault_kind(reason)
        if kind:
            where = f"pod {name}, container {container['name']} ({container.get('image', '')})"
            return PodFault(kind, f"{where}: {_cause(reason, waiting.get('message', ''))}")
    return None


def _fault_kind(reason: str) -> FaultKind | None:
    if reason in _PULL_REASONS:
        return FaultKind.IMAGE_PULL
    return FaultKind.START if reason in _START_REASONS else None


def _cause(reason: str, message: str) -> str:
    """A pull alternates between an error and a pause; both read the same, so that the message does not flap."""
    if reason in {"ErrImagePull", "ImagePullBackOff"}:
        return "the image cannot be pulled"
    return f"{reason}: {message}" if message else reason


def _digest(container: Object) -> str:
    """Nodes write `repository@sha256:...`, or the digest alone for an image that was loaded."""
    found = re.search(r"sha256:[0-9a-f]{64}$", container.get("imageID", ""))
    return found[0] if found else ""


def _end(container: Object) -> str:
    terminated = container["state"]["terminated"]
    return f"container {container['name']} ended: {terminated.get('reason', '')} (exit {terminated.get('exitCode')})"
