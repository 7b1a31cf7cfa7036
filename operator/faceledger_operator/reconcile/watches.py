"""Turns what happens in the cluster into wake-ups, through kopf.

In: watch events of our three kinds, and of RayJobs, RayClusters, pods and run reports that carry an attempt's labels.
Out: keys for the engine. Invariant: an event's content decides nothing: it only says who should look. Handlers are
`on.event` alone, so kopf writes nothing and holds up no deletion.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from ..api.conditions import ConditionType
from ..kube.kinds import (
    CONFIG_MAP,
    FACE_DATASET,
    LEDGER_BINDING,
    POD,
    RAY_CLUSTER,
    RAY_JOB,
    RECOGNITION_JOB,
    Kind,
)
from ..kube.labels import ATTEMPT, CLUSTER, SUBJECT, SUBJECT_KIND
from .watch_audit import WatchAudit

__all__ = ["OWN_KINDS", "Dependents", "Watches", "watch_settings"]

OWN_KINDS = (LEDGER_BINDING, FACE_DATASET, RECOGNITION_JOB)
CHILD_KINDS = (RAY_JOB, RAY_CLUSTER, POD, CONFIG_MAP)

Wake = Callable[[Kind, str, str], None]


class Dependents:
    """Who waits for whom: the subjects that refer to a gallery or a ledger."""

    def __init__(self) -> None:
        self._referrers: defaultdict[tuple[Kind, str, str], set[tuple[Kind, str]]] = defaultdict(set)
        self._referred: dict[tuple[Kind, str, str], set[tuple[Kind, str, str]]] = {}

    def note(self, kind: Kind, namespace: str, name: str, spec: Mapping[str, Any] | None) -> None:
        """What the resource refers to now; `spec` is None once it is deleted."""
        targets = {(target, namespace, wanted) for target, wanted in _references(spec or {})}
        for old in self._referred.pop((kind, namespace, name), set()) - targets:
            self._referrers[old].discard((kind, name))
        for target in targets:
            self._referrers[target].add((kind, name))
        if targets:
            self._referred[kind, namespace, name] = targets

    def of(self, kind: Kind, namespace: str, name: str) -> set[tuple[Kind, str]]:
        return set(self._referrers.get((kind, namespace, name), ()))


class Watches:
    """The handlers, in a registry for `kopf.operator`."""

    def __init__(self, wake: Wake, audit: WatchAudit) -> None:
        self._wake = wake
        self._audit = audit
        self._dependents = Dependents()
        self._sharers: defaultdict[tuple[str, str], set[tuple[Kind, str]]] = defaultdict(set)
        self._standing: dict[tuple[Kind, str, str], object] = {}
        self.registry = kopf.OperatorRegistry()
        kopf.on.login(registry=self.registry)(_login)
        for kind in OWN_KINDS:
            self._on_event(kind, self._own_handler(kind))
        for kind in CHILD_KINDS:
            self._on_event(kind, self._child_handler)

    def _on_event(self, kind: Kind, handler: Callable[..., Any]) -> None:
        kopf.on.event(kind.group, kind.version, kind.plural, id=kind.plural, registry=self.registry)(handler)

    def _own_handler(self, kind: Kind) -> Callable[..., Any]:
        async def handle(
            namespace: str,
            name: str,
            type: str | None,  # noqa: A002 - kopf passes arguments by name
            spec: Mapping[str, Any],
            status: Mapping[str, Any],
            meta: Mapping[str, Any],
            **_: Any,
        ) -> None:
            deleted = type == "DELETED"
            self._audit.saw(kind, namespace, name, meta["resourceVersion"], deleted)
            self._dependents.note(kind, namespace, name, None if deleted else spec)
            self._wake(kind, namespace, name)
            if self._stands_anew((kind, namespace, name), None if deleted else _standing(status)):
                for dependent, dependent_name in self._dependents.of(kind, namespace, name):
                    self._wake(dependent, namespace, dependent_name)

        return handle

    def _stands_anew(self, key: tuple[Kind, str, str], standing: object | None) -> bool:
        """Whether those who wait for the resource find something else than before: a count that moves is nothing."""
        before = self._standing.pop(key, None)
        if standing is not None:
            self._standing[key] = standing
        return before != standing

    async def _child_handler(
        self,
        namespace: str,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        type: str | None = None,  # noqa: A002 - kopf passes arguments by name
        **_: Any,
    ) -> None:
        kind = next((kind for kind in (*OWN_KINDS, RAY_CLUSTER) if kind.kind == labels.get(SUBJECT_KIND)), None)
        name = annotations.get(SUBJECT)
        if kind is None or not name:
            return
        self._wake(kind, namespace, name)
        if kind == RAY_CLUSTER:
            for sharer, sharer_name in tuple(self._sharers.get((namespace, name), ())):
                self._wake(sharer, namespace, sharer_name)
        elif cluster := labels.get(CLUSTER):
            self._share((namespace, cluster), (kind, name), type == "DELETED")
            self._wake(RAY_CLUSTER, namespace, cluster)

    def _share(self, cluster: tuple[str, str], sharer: tuple[Kind, str], ended: bool) -> None:
        """Whom the events of a standing cluster concern: the subjects with a RayJob on it."""
        (self._sharers[cluster].discard if ended else self._sharers[cluster].add)(sharer)
        if not self._sharers[cluster]:
            del self._sharers[cluster]


def watch_settings() -> kopf.OperatorSettings:
    """kopf as a source of events and nothing else."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    # Seconds: events are wake-ups alone, so nothing is lost with them when the process is to stop.
    settings.queueing.idle_timeout = 0.5
    settings.queueing.exit_timeout = 0.1
    for kind in CHILD_KINDS:
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = ATTEMPT
    return settings


def _standing(status: Mapping[str, Any]) -> object:
    """What others read of a resource's status."""
    return tuple(
        (found["type"], found["status"], found.get("observedGeneration"), found.get("reason"))
        for found in status.get("conditions") or []
        if found["type"] in {ConditionType.READY, ConditionType.SYNTHESIZED}
    )


def _login(**arguments: Any) -> Any:
    return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)


def _references(spec: Mapping[str, Any]) -> list[tuple[Kind, str]]:
    """Read from the raw spec: an object that the models refuse may still be waited for."""
    fields = ((LEDGER_BINDING, "ledgerRef"), (FACE_DATASET, "galleryRef"))
    found = ((kind, (spec.get(field) or {}).get("name")) for kind, field in fields)
    return [(kind, name) for kind, name in found if name]
