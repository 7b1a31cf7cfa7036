"""What runs on top of the control plane before the product does: storage class, cluster DNS, the KubeRay operator."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import binaries
import identities
from console import run, wait_until
from places import HERE

__all__ = ["apply_base", "apply_kuberay", "install_kueue", "kubectl", "node_is_ready", "wait_for_kuberay"]

_MANIFESTS: Final = HERE / "manifests"


def kubectl(*words: str | Path, timeout: float = 60) -> str:
    """Run kubectl as the administrator and return what it printed."""
    admin = identities.kubeconfig("admin")
    return run([binaries.tools() / "kubectl", "--kubeconfig", admin, *words], timeout=timeout)


def apply_base() -> None:
    """Storage class, cluster DNS and the rights of the node's daemons."""
    _apply(_MANIFESTS / "base.yaml")


def apply_kuberay() -> None:
    """The KubeRay operator with its CRDs, side by side: each is a megabyte that the API server digests for seconds."""
    folder = binaries.kuberay()
    with ThreadPoolExecutor() as several:
        list(several.map(_apply, sorted(folder.glob("crd-*.yaml"))))
    _apply(folder / "operator.yaml")


def install_kueue() -> None:
    """Kueue with its CRDs; returns once it admits."""
    folder = binaries.kueue()
    with ThreadPoolExecutor() as several:
        list(several.map(_apply, sorted(folder.glob("crd-*.yaml"))))
    _apply(folder / "operator.yaml")
    kubectl("rollout", "status", "--namespace=kueue-system", "deployment/kueue-controller-manager", timeout=180)


def wait_for_kuberay() -> None:
    """Return once the node takes pods and the KubeRay operator is available."""
    wait_until("the node", node_is_ready, seconds=60, hint="see the kubelet's log")
    wait_until("kuberay-operator", kuberay_is_available, seconds=120, hint="see kubectl -n kuberay-system get pods")


def node_is_ready() -> bool:
    """Whether the one node says that it is Ready."""
    nodes = json.loads(kubectl("get", "nodes", "--output", "json"))["items"]
    return any(_condition(node, "Ready") for node in nodes)


def kuberay_is_available() -> bool:
    """Whether the KubeRay operator serves."""
    namespace = ("--namespace", "kuberay-system")
    deployments = json.loads(kubectl("get", "deployments", *namespace, "--output", "json"))["items"]
    return any(_condition(deployment, "Available") for deployment in deployments)


def _apply(manifest: Path) -> None:
    """Server-side, since the CRDs are too long for the annotation of a client-side apply."""
    kubectl("apply", "--server-side", "--force-conflicts", "--filename", manifest, timeout=120)


def _condition(resource: Mapping[str, Any], kind: str) -> bool:
    conditions = resource.get("status", {}).get("conditions", [])
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)
