"""All that an operator needs around it on a bare control plane: CRDs, rights, a real chain, a real Kubo, a gallery.

In: a bare control plane. Out: a namespace in which RecognitionJobs start at once, and operator processes. Invariant:
the rights are the chart's, and the processes are the operator as its image starts it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml
from eth_account import Account
from web3 import HTTPProvider, Web3

from . import tools
from .bare import OPERATOR, BareControlPlane
from .cluster import Cluster, condition, until
from .install import IMAGES, NAMESPACE, REPOSITORY
from .nodes import running_anvil, running_kubo
from .processes import Process, free_port
from .sandbox import CHAIN_ID, DEVELOPMENT_KEY, PASSWORD, keystore_secret, secret

__all__ = ["PEOPLE", "Operator", "Stage", "stage"]

PEOPLE = "people"
"""The namespace with the resources."""

_RIGHTS = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")


class Operator(Process):
    """A replica of the operator."""

    def __init__(self, plane: BareControlPlane, name: str, settings: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.port = free_port()
        kubeconfig = str(plane.kubeconfig(OPERATOR))
        environment = {
            "FACELEDGER_KUBECONFIG": kubeconfig,
            "KUBECONFIG": kubeconfig,
            "FACELEDGER_OPERATOR_IMAGE": IMAGES["operator"],
            "FACELEDGER_WORKLOADS_IMAGE": IMAGES["workloads"],
            "FACELEDGER_RECEIPTS_DIR": str(plane.folder / "receipts"),
            "FACELEDGER_HEALTH_PORT": str(self.port),
            "POD_NAMESPACE": NAMESPACE,
            "POD_NAME": name,
            **(settings or {}),
        }
        command = [sys.executable, "-m", "faceledger_operator.main"]
        super().__init__(command, plane.folder / f"{name}.log", environment)

    def asked(self, path: str) -> str:
        """What a probe answers; empty before it answers at all."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            return ""


class Stage:
    """The namespace `people` on a bare control plane, whose chain is at `chain` and whose Kubo is at `ipfs`."""

    def __init__(self, plane: BareControlPlane, chain: str, ipfs: str) -> None:
        self.plane = plane
        self.chain = chain
        self.ipfs = ipfs
        self.cluster = Cluster(str(plane.kubeconfig()))

    def operator(self, name: str, **settings: str) -> Operator:
        return Operator(self.plane, name, settings)

    def leader(self) -> str:
        """Who holds the lease now; empty where nobody does."""
        lease = self.cluster.get("Lease", "faceledger-operator", NAMESPACE)
        return str((lease or {}).get("spec", {}).get("holderIdentity") or "")

    def transactions(self) -> int:
        """How many the signer has on the chain, those in no block yet included."""
        address = Account.from_key(DEVELOPMENT_KEY).address
        return int(Web3(HTTPProvider(self.chain)).eth.get_transaction_count(address, "pending"))

    def job(self, name: str, **spec: Any) -> dict[str, Any]:
        """A RecognitionJob that nothing is missing for."""
        usual = {
            "galleryRef": {"name": "staff"},
            "probes": {"persistentVolumeClaim": {"claimName": "camera"}},
            "ledgerRef": {"name": "consortium"},
        }
        return _resource("RecognitionJob", name, {**usual, **spec})

    def prepare(self) -> None:
        """CRDs, rights, namespaces, what the resources refer to, a LedgerBinding and the FaceDataset `staff`."""
        for kind in ("rayjobs", "rayclusters"):
            self._apply_text(_kuberay_definition(kind))
        self.plane.kubectl("apply", "--server-side", "-f", REPOSITORY / "crds")
        until("the kinds are known", self._knows_kinds, 30)
        for name in (NAMESPACE, PEOPLE):
            self._apply_text(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
        self._apply_text(_rights())
        manifests = [
            *map(_claim, ("staff-photos", "camera", "faceledger")),
            secret("consortium-rpc", {"url": self.chain}),
            keystore_secret("consortium-key", DEVELOPMENT_KEY, PASSWORD),
            self._binding(),
            self.gallery("staff"),
        ]
        self._apply_text("\n---\n".join(json.dumps(manifest) for manifest in manifests), "-n", PEOPLE)

    def _knows_kinds(self) -> bool:
        found = self.cluster.list("CustomResourceDefinition", "")
        return all(condition(definition, "Established")["status"] == "True" for definition in found)

    def _apply_text(self, text: str, *words: str) -> None:
        self.plane.kubectl("apply", "--server-side", *words, "-f", "-", stdin=text)

    def _binding(self) -> dict[str, Any]:
        spec = {
            "network": {"chainId": CHAIN_ID, "rpc": {"urlSecretRef": {"name": "consortium-rpc", "key": "url"}}},
            "contract": {"deploy": {}},
            "signer": {"keystoreSecretRef": {"name": "consortium-key", "key": "keystore.json"}},
            "content": {"ipfs": {"api": self.ipfs}},
            "batching": {"maxDelay": "1s"},
            "gas": {"budgetEthPerDay": "1000"},
        }
        return _resource("LedgerBinding", "consortium", spec)

    def gallery(self, name: str) -> dict[str, Any]:
        """A FaceDataset that nothing is missing for but the ledger."""
        spec = {
            "source": {"persistentVolumeClaim": {"claimName": "staff-photos"}},
            "privacy": {"purpose": "AccessControl"},
            "output": {"persistentVolumeClaim": {"claimName": "faceledger"}},
            "ledgerRef": {"name": "consortium"},
        }
        return _resource("FaceDataset", name, spec)


@contextmanager
def stage(plane: BareControlPlane) -> Iterator[Stage]:
    """A chain and a Kubo run, and the namespace is ready, while inside."""
    # A block each second, also for nothing, so that blocks become final.
    anvil = running_anvil(plane.folder, "--block-time", "1", chain_id=CHAIN_ID)
    with anvil as chain, running_kubo(plane.folder) as ipfs:
        made = Stage(plane, chain, ipfs.url)
        made.prepare()
        yield made


def _kuberay_definition(plural: str) -> str:
    folder = tools.binary("kuberay-*/operator.yaml")
    assert folder, "KubeRay's manifests are among the local cluster's binaries"
    texts = (path.read_text() for path in sorted(folder.parent.glob("crd-*.yaml")))
    return next(text for text in texts if f"name: {plural}.ray.io" in text)


def _rights() -> str:
    chart = str(REPOSITORY / "charts" / "faceledger")
    images = [part for name, image in IMAGES.items() for part in ("--set", f"images.{name}={image}")]
    command = [str(tools.helm()), "template", "faceledger", chart, "--namespace", NAMESPACE, *images]
    rendered = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wanted = [found for found in yaml.safe_load_all(rendered) if found and found["kind"] in _RIGHTS]
    return "\n---\n".join(json.dumps(found) for found in wanted)


def _claim(name: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def _resource(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "faceledger.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": PEOPLE},
        "spec": dict(spec),
    }
