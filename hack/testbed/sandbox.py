"""A namespace of its own with a LedgerBinding, claims and a few photographs: where one cluster test happens.

In: overrides of the manifests a user would write. Out: manifests and waits in that namespace. Invariant: whatever a
test makes is in its namespace, and goes with it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from eth_account import Account
from eth_typing import HexStr

from . import install, orl
from .cluster import Cluster, Manifest, condition

__all__ = ["CHAIN_ID", "DEVELOPMENT_KEY", "PASSWORD", "Sandbox", "merged"]

API_VERSION = "faceledger.dev/v1alpha1"

CHAIN_ID = 1337
"""The trial chain's."""

DEVELOPMENT_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""First account of the well-known development mnemonic: public, and funded on trial chains alone."""

PASSWORD = "development-only"

ATTEMPT = "faceledger.dev/attempt"
SUBJECT_UID = "faceledger.dev/subject-uid"

ATTEMPT_KINDS = (
    ("RayJob", "ray.io/v1"),
    ("ConfigMap", "v1"),
    ("Secret", "v1"),
    ("ServiceAccount", "v1"),
    ("Role", "rbac.authorization.k8s.io/v1"),
    ("RoleBinding", "rbac.authorization.k8s.io/v1"),
    ("NetworkPolicy", "networking.k8s.io/v1"),
)
"""What an attempt is made of, all labelled with its name."""


def merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `overrides` laid over it, mapping by mapping; None removes a key."""
    result = deepcopy(dict(base))
    for key, value in overrides.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = deepcopy(value)
    return result


class Sandbox:
    """One namespace. `people` and `photos` enrolled, the rest of those people's photos and two strangers as probes."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.namespace = f"fl-test-{secrets.token_hex(4)}"
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})

    def close(self) -> None:
        self.cluster.delete("Namespace", self.namespace, "")

    def apply(self, *manifests: Manifest) -> None:
        self.cluster.apply(*manifests, namespace=self.namespace)

    def get(self, kind: str, name: str) -> Manifest | None:
        return self.cluster.get(kind, name, self.namespace)

    def ready(self, kind: str, name: str, seconds: float = 180) -> Manifest:
        return self.cluster.ready(kind, name, self.namespace, seconds)

    def shows(self, kind: str, name: str, condition_type: str, reason: str, seconds: float = 60) -> Manifest:
        """The condition, once it is True (False for Ready) with `reason`."""
        status = "False" if condition_type == "Ready" else "True"

        def wanted(resource: Manifest) -> bool:
            found = condition(resource, condition_type)
            return bool(found["status"] == status and found["reason"] == reason)

        what = f"has {condition_type}={status} with reason {reason}"
        resource = self.cluster.wait_for(kind, name, self.namespace, wanted, seconds, what)
        return condition(resource, condition_type)

    def rayjobs(self) -> list[Manifest]:
        return list(self.cluster.list("RayJob", self.namespace, api_version="ray.io/v1"))

    def attempt_objects(self, uid: str) -> list[str]:
        """Kind and name of all that exists for the resource with `uid`, pods and Ray clusters included."""
        kinds = (*ATTEMPT_KINDS, ("RayCluster", "ray.io/v1"), ("Pod", "v1"))
        return [
            f"{kind}/{found['metadata']['name']}"
            for kind, version in kinds
            for found in self.cluster.list(kind, self.namespace, f"{SUBJECT_UID}={uid}", version)
        ]

    def with_photographs(self, people: int = 6, photos: int = 3, strangers: int = 2) -> None:
        """Claims `staff-photos`, `camera` and `faceledger`, the first two filled."""
        enrolled = range(1, people + 1)
        self.claims("staff-photos", "camera", "faceledger")
        probes = orl.probes(enrolled, range(36, 36 + strangers))
        self.fill({"staff-photos": orl.gallery(enrolled, photos), "camera": probes})

    def claims(self, *names: str) -> None:
        self.apply(*(_claim(name) for name in names))

    def fill(self, claims: Mapping[str, Mapping[str, bytes]]) -> None:
        """Puts files on claims: claim -> path -> content."""
        install.fill_claims(self.cluster, self.namespace, claims)

    def with_ledger(
        self,
        *,
        key: str = DEVELOPMENT_KEY,
        overrides: Mapping[str, Any] | None = None,
        chain_namespace: str = install.NAMESPACE,
    ) -> None:
        """Secrets of the trial chain of a namespace and the LedgerBinding `consortium`."""
        self.apply(
            secret("consortium-rpc", {"url": f"http://anvil.{chain_namespace}:8545"}),
            keystore_secret("consortium-key", key, PASSWORD),
            self.binding(overrides or {}),
        )

    def binding(self, overrides: Mapping[str, Any]) -> Manifest:
        spec = {
            "network": {"chainId": CHAIN_ID, "rpc": {"urlSecretRef": {"name": "consortium-rpc", "key": "url"}}},
            "contract": {"deploy": {}},
            "signer": {"keystoreSecretRef": {"name": "consortium-key", "key": "keystore.json"}},
            "content": {"ipfs": {"api": f"http://ipfs.{install.NAMESPACE}:5001"}},
            "batching": {"maxDelay": "1s"},
            "gas": {"budgetEthPerDay": "10"},
        }
        return _resource("LedgerBinding", "consortium", merged(spec, overrides))

    def dataset(self, name: str = "staff", **overrides: Any) -> Manifest:
        spec = {
            "source": {"persistentVolumeClaim": {"claimName": "staff-photos"}},
            "privacy": {"purpose": "AccessControl"},
            "compute": {"workers": {"cpu": "200m", "memory": "1500Mi"}},
            "output": {"persistentVolumeClaim": {"claimName": "faceledger"}},
            "ledgerRef": {"name": "consortium"},
        }
        return _resource("FaceDataset", name, merged(spec, overrides))

    def job(self, name: str = "front-door", **overrides: Any) -> Manifest:
        spec = {
            "galleryRef": {"name": "staff"},
            "probes": {"persistentVolumeClaim": {"claimName": "camera"}},
            "matching": {"threshold": "0.945"},
            "compute": {"workers": {"cpu": "200m", "memory": "1500Mi"}},
            "ledgerRef": {"name": "consortium"},
        }
        return _resource("RecognitionJob", name, merged(spec, overrides))


def secret(name: str, values: Mapping[str, str]) -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(values)}


def keystore_secret(name: str, key: str, password: str, stored_password: str | None = None) -> Manifest:
    """A keystore v3 encrypted with `password`, beside `stored_password` (the same one unless given)."""
    keystore = Account.encrypt(HexStr(key), password, kdf="pbkdf2", iterations=2)
    return secret(name, {"keystore.json": json.dumps(keystore), "password": stored_password or password})


def _claim(name: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def _resource(kind: str, name: str, spec: Mapping[str, Any]) -> Manifest:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}
