"""The objects that an attempt consists of besides its RayJob, and who they belong to.

In: a subject, its inputs, an attempt, a run key. Out: objects for the API server. Invariants: all are labelled with
the attempt and owned by the resource, so that they go with it; the driver may write its one run report and nothing
else.
"""

from __future__ import annotations

import base64

from faceledger_contracts.canonical import canonical_json
from faceledger_contracts.eip712 import address_of

from ..kube.api import Object
from ..kube.kinds import CONFIG_MAP, ROLE, ROLE_BINDING, SECRET, SERVICE_ACCOUNT
from ..kube.labels import ATTEMPT, RUN_KEY_ADDRESS, SUBJECT, SUBJECT_KIND, SUBJECT_UID
from ..ledger.run_keys import RUN_KEY
from ..ray.pods import SecretItem
from .adoption import NotOursError
from .observation import Child
from .subject import Run, Subject

__all__ = [
    "RUN_SPEC_KEY",
    "annotations_of",
    "children_of",
    "data_key_secret",
    "labels_of",
    "owner_reference",
    "report_config_map",
    "report_role",
    "report_role_binding",
    "run_config_map",
    "run_key_of",
    "run_key_secret",
    "service_account",
]

RUN_SPEC_KEY = "run.json"


def owner_reference(subject: Subject) -> Object:
    return {
        "apiVersion": subject.kind.api_version,
        "kind": subject.kind.kind,
        "name": subject.metadata.name,
        "uid": subject.metadata.uid,
        "controller": True,
    }


def labels_of(subject: Subject, attempt: str) -> dict[str, str]:
    return {
        ATTEMPT: attempt,
        SUBJECT_UID: subject.metadata.uid,
        SUBJECT_KIND: subject.kind.kind,
    }


def annotations_of(subject: Subject) -> dict[str, str]:
    return {SUBJECT: subject.metadata.name}


def children_of(attempt: str) -> tuple[Child, ...]:
    """What is removed when the attempt needs it no more."""
    return (
        Child(SECRET, f"{attempt}-run-key", attempt),
        Child(ROLE_BINDING, attempt, attempt),
        Child(ROLE, attempt, attempt),
        Child(SERVICE_ACCOUNT, attempt, attempt),
        Child(CONFIG_MAP, f"{attempt}-report", attempt),
        Child(CONFIG_MAP, f"{attempt}-run", attempt),
    )


def run_config_map(subject: Subject, run: Run) -> Object:
    """What the driver is asked to do; immutable, and free of secrets."""
    text = canonical_json(run.model_dump(mode="json", by_alias=True)).decode()
    body = _child(subject, run.attempt, f"{run.attempt}-run")
    return {**body, "data": {RUN_SPEC_KEY: text}, "immutable": True}


def report_config_map(subject: Subject, attempt: str) -> Object:
    """Where the driver reports; empty until it does."""
    return _child(subject, attempt, f"{attempt}-report")


def run_key_secret(subject: Subject, attempt: str, private_key: str) -> Object:
    """The key that signs the attempt's reports (0x hex), with its address for those who look."""
    body = _child(subject, attempt, f"{attempt}-run-key")
    body["metadata"]["annotations"][RUN_KEY_ADDRESS] = address_of(private_key)
    return {**body, "type": "Opaque", "data": {RUN_KEY: _base64(private_key.encode())}}


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


def service_account(subject: Subject, attempt: str) -> Object:
    """Who the driver is."""
    return _child(subject, attempt, attempt)


def report_role(subject: Subject, attempt: str) -> Object:
    """What the driver may do: read and patch the one ConfigMap of its report."""
    rule = {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "resourceNames": [f"{attempt}-report"],
        "verbs": ["get", "patch"],
    }
    return {**_child(subject, attempt, attempt), "rules": [rule]}


def report_role_binding(subject: Subject, attempt: str) -> Object:
    role = {"apiGroup": ROLE.group, "kind": ROLE.kind, "name": attempt}
    account = {"kind": SERVICE_ACCOUNT.kind, "name": attempt, "namespace": subject.metadata.namespace}
    return {**_child(subject, attempt, attempt), "roleRef": role, "subjects": [account]}


def _child(subject: Subject, attempt: str, name: str) -> Object:
    return {
        "metadata": {
            "name": name,
            "namespace": subject.metadata.namespace,
            "labels": labels_of(subject, attempt),
            "annotations": annotations_of(subject),
            "ownerReferences": [owner_reference(subject)],
        }
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
