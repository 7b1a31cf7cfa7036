"""Tells people what happened to a resource, in `kubectl describe` and `kubectl events`.

Written by the core API: `kubectl describe` sorts by `lastTimestamp`, which events.k8s.io/v1 lets nobody set, so that a
story written there is told in any order.

In: the resource, a stable reason and a message. Out: one Event object. Invariant: the same reason and message of one
object are written once, by this process or by the one before it: the event's name is derived from them. An event
repeats what a condition says, so one that cannot be written loses nothing.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import structlog

from .api import Kube, Object
from .errors import ApiConflictError, ApiRefusedError, ApiUnavailableError
from .kinds import EVENT, Kind

__all__ = ["EventRecorder", "build_event"]

REMEMBERED = 4096
"""Events that a recorder remembers to have written; the API server keeps them for an hour."""

CONTROLLER = "faceledger.dev/operator"

_log = structlog.get_logger(__name__)


class EventRecorder:
    """Writes events; `instance` is the name of this process' pod."""

    def __init__(self, kube: Kube, instance: str, now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._instance = instance
        self._now = now
        self._written: OrderedDict[str, None] = OrderedDict()

    async def record(
        self,
        kind: Kind,
        body: Object,
        reason: str,
        message: str,
        severity: Literal["Normal", "Warning"] = "Normal",
        action: str = "Reconcile",
    ) -> None:
        event = build_event(kind, body, reason, message, severity, action, self._instance, self._now())
        name = event["metadata"]["name"]
        if name in self._written:
            return
        try:
            await self._kube.create(EVENT, event)
        except ApiConflictError:
            pass  # a process before this one wrote it
        except (ApiUnavailableError, ApiRefusedError) as error:
            _log.warning("event not written", reason=reason, object=body["metadata"]["name"], error=str(error))
            return
        self._remember(name)

    def _remember(self, name: str) -> None:
        self._written[name] = None
        while len(self._written) > REMEMBERED:
            self._written.popitem(last=False)


def build_event(
    kind: Kind,
    body: Object,
    reason: str,
    message: str,
    severity: Literal["Normal", "Warning"],
    action: str,
    instance: str,
    now: datetime,
) -> Object:
    """The Event; its message is cut to the 1,024 bytes that the API allows."""
    metadata = body["metadata"]
    identity = "\0".join((metadata["uid"], reason, message))
    return {
        "metadata": {
            "name": f"{metadata['name']}.{hashlib.sha256(identity.encode()).hexdigest()[:16]}",
            "namespace": metadata["namespace"],
        },
        "eventTime": _timestamp(now, "microseconds"),
        "firstTimestamp": _timestamp(now, "seconds"),
        "lastTimestamp": _timestamp(now, "seconds"),
        "count": 1,
        "source": {"component": CONTROLLER},
        "reportingComponent": CONTROLLER,
        "reportingInstance": instance[:128],
        "action": action,
        "reason": reason,
        "type": severity,
        "message": message.encode()[:1024].decode(errors="ignore"),
        "involvedObject": {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        },
    }


def _timestamp(moment: datetime, precision: str) -> str:
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
