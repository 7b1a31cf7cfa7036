"""The kinds of objects that the operator reads or writes, and where each lives in the API server's path space.

Invariant: everything in here is namespaced; the operator touches no cluster-scoped object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..api.base import GROUP, VERSION

__all__ = [
    "CONFIG_MAP",
    "EVENT",
    "FACE_DATASET",
    "JOB",
    "LEASE",
    "LEDGER_BINDING",
    "NETWORK_POLICY",
    "PERSISTENT_VOLUME_CLAIM",
    "POD",
    "RAY_CLUSTER",
    "RAY_JOB",
    "RECOGNITION_JOB",
    "ROLE",
    "ROLE_BINDING",
    "SECRET",
    "SERVICE_ACCOUNT",
    "Kind",
]


@dataclass(frozen=True)
class Kind:
    """`group` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def owner(self, name: str, uid: str) -> dict[str, Any]:
        """A reference to an object of this kind as the controller of another one, which goes with it."""
        return {"apiVersion": self.api_version, "kind": self.kind, "name": name, "uid": uid, "controller": True}

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path of one object, or of the collection in a namespace (None: in all of them)."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = ["namespaces", namespace] if namespace is not None else []
        parts += [part for part in (self.plural, name, subresource) if part is not None]
        return "/".join([root, *(quote(part, safe="") for part in parts)])


FACE_DATASET = Kind(GROUP, VERSION, "facedatasets", "FaceDataset")
RECOGNITION_JOB = Kind(GROUP, VERSION, "recognitionjobs", "RecognitionJob")
LEDGER_BINDING = Kind(GROUP, VERSION, "ledgerbindings", "LedgerBinding")

RAY_JOB = Kind("ray.io", "v1", "rayjobs", "RayJob")
RAY_CLUSTER = Kind("ray.io", "v1", "rayclusters", "RayCluster")

JOB = Kind("batch", "v1", "jobs", "Job")
CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap")
PERSISTENT_VOLUME_CLAIM = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
NETWORK_POLICY = Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
POD = Kind("", "v1", "pods", "Pod")
SECRET = Kind("", "v1", "secrets", "Secret")
SERVICE_ACCOUNT = Kind("", "v1", "serviceaccounts", "ServiceAccount")
ROLE = Kind("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
EVENT = Kind("", "v1", "events", "Event")
LEASE = Kind("coordination.k8s.io", "v1", "leases", "Lease")
