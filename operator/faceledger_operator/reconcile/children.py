"""The objects that an attempt consists of besides its RayJob, and who they belong to.

In: a subject, its inputs, an attempt, a run key. Out: objects for the API server. Invariants: all are labelled with
the attempt; the driver may write its one run report and nothing else, but on a standing cluster, where all drivers
share the cluster's account, it may read and write what every attempt that runs there may. One deletion removes an
attempt, and nothing of it outlives its resource, because of who owns whom:

    resource --owns--> ConfigMap of the run (the anchor) --owns--> run key, rights, report, network policies
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from faceledger_contracts.canonical import canonical_json
from faceledger_contracts.eip712 import address_of

from ..kube.api import Object
from ..kube.kinds import CONFIG_MAP, NETWORK_POLICY, ROLE, SERVICE_ACCOUNT, Kind
from ..kube.labels import ATTEMPT, RUN_KEY_ADDRESS, SUBJECT, SUBJECT_KIND, SUBJECT_UID
from ..ledger.run_keys import RUN_KEY
from ..ray.network import driver_policy, ray_policy
from ..ray.pods import SecretItem
from .adoption import NotOursError
from .observation import Child
from .subject import Run, Subject

__all__ = [
    "RUN_SPEC_KEY",
    "Children",
    "anchor_of",
    "annotations_of",
    "data_key_secret",
    "labels_of",
    "owner_reference",
    "run_config_map",
    "run_key_of",
]

RUN_SPEC_KEY = "run.json"


def owner_reference(subject: Subject) -> Object:
    return subject.kind.owner(subject.metadata.name, subject.metadata.uid)


def labels_of(subject: Subject, attempt: str) -> dict[str, str]:
    return {
        ATTEMPT: attempt,
        SUBJECT_UID: subject.metadata.uid,
        SUBJECT_KIND: subject.kind.kind,
    }


def annotations_of(subject: Subject) -> dict[str, str]:
    return {SUBJECT: subject.metadata.name}


def anchor_of(attempt: str) -> Child:
    """What is removed when the attempt needs its objects no more: the others go with it."""
    return Child(CONFIG_MAP, f"{attempt}-run", attempt)


def run_config_map(subject: Subject, run: Run) -> Object:
    """The anchor: what the driver is asked to do; immutable, and free of secrets."""
    text = canonical_json(run.model_dump(mode="json", by_alias=True)).decode()
    metadata = _metadata(subject, run.attempt, f"{run.attempt}-run", owner_reference(subject))
    return {"metadata": metadata, "data": {RUN_SPEC_KEY: text}, "immutable": True}


@dataclass(frozen=True)
class Children:
    """What belongs to an attempt whose anchor is there. `cluster`: the standing cluster that it runs on."""

    subject: Subject
    attempt: str
    anchor: Object
    cluster: str | None = None

    def run_key(self, private_key: str) -> Object:
        """The Secret of the key that signs the attempt's reports (0x hex), with its address for those who look."""
        body = self._child(f"{self.attempt}-run-key")
        body["metadata"]["annotations"][RUN_KEY_ADDRESS] = address_of(private_key)
        return {**body, "type": "Opaque", "data": {RUN_KEY: _base64(private_key.encode())}}

    def role(self) -> Object:
        """What the driver may do: read and patch the one ConfigMap of its report. On a standing cluster nothing of the
        attempt is mounted, so there it may read its run spec and run key, as long as the attempt lasts."""
        rules = [_rule("configmaps", f"{self.attempt}-report", "get", "patch")]
        if self.cluster:
            rules.append(_rule("configmaps", f"{self.attempt}-run", "get"))
            rules.append(_rule("secrets", f"{self.attempt}-run-key", "get"))
        return {**self._child(self.attempt), "rules": rules}

    def role_binding(self) -> Object:
        role = {"apiGroup": ROLE.group, "kind": ROLE.kind, "name": self.attempt}
        name, namespace = self.cluster or self.attempt, self.subject.metadata.namespace
        account = {"kind": SERVICE_ACCOUNT.kind, "name": name, "namespace": namespace}
        return {**self._child(self.attempt), "roleRef": role, "subjects": [account]}

    def others(self, ipfs_apis: Sequence[str]) -> tuple[tuple[Kind, Object], ...]:
        """What can be created in any order: the report, empty until the driver writes it; who the driver is; whom the
        pods may talk to. A standing cluster has the last two of its own."""
        report = (CONFIG_MAP, self._child(f"{self.attempt}-report"))
        if self.cluster:
            return (report,)
        pods = {ATTEMPT: self.attempt}
        return (
            report,
            (SERVICE_ACCOUNT, self._child(self.attempt)),
            (NETWORK_POLICY, {**self._child(self.attempt), "spec": ray_policy(pods)}),
            (NETWORK_POLICY, {**self._child(f"{self.attempt}-driver"), "spec": driver_policy(pods, ipfs_apis)}),
        )

    def _child(self, name: str) -> Object:
        anchor = self.anchor["metadata"]
        owner = CONFIG_MAP.owner(anchor["name"], anchor["uid"])
        return {"metadata": _metadata(self.subject, self.attempt, name, owner)}


def run_key_of(secret: Object) -> str:
    """The address of the key in a run key Secret, from the key itself: an annotation could be anybody's."""
    try:
        return address_of(base64.b64decode(secret["data"][RUN_KEY]).decode())
    except (KeyError, TypeError, ValueError):
        raise NotOursError(f"Secret {secret['metadata']['name']}: {RUN_KEY} holds no run key; remove it") from None


def data_key_secret(subject: Subject, item: SecretItem, key: bytes) -> Object:
    """The key that encrypts a data set. It is no attempt's: it must outlive them all."""
    metadata = {
        "name": item.name,
        "namespace": subject.metadata.namespace,
        "annotations": annotations_of(subject),
        "ownerReferences": [owner_reference(subject)],
    }
    return {"metadata": metadata, "type": "Opaque", "data": {item.key: _base64(key)}}


def _rule(resource: str, name: str, *verbs: str) -> Object:
    return {"apiGroups": [""], "resources": [resource], "resourceNames": [name], "verbs": list(verbs)}


def _metadata(subject: Subject, attempt: str, name: str, owner: Object) -> Object:
    return {
        "name": name,
        "namespace": subject.metadata.namespace,
        "labels": labels_of(subject, attempt),
        "annotations": annotations_of(subject),
        "ownerReferences": [owner],
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
