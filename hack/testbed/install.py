"""Installs the chart as a user would, with the trial chain and Kubo, and puts photographs on claims.

In: a cluster with KubeRay and the images. Out: a running operator in `faceledger-system`; claims with files in them.
Invariant: doing it twice changes nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import orl
from .cluster import Cluster
from .tools import LOADED_IMAGES

__all__ = ["IMAGES", "NAMESPACE", "REPOSITORY", "fill_claims", "install", "missing_parts"]

REPOSITORY = Path(__file__).resolve().parents[2]

NAMESPACE = "faceledger-system"

IMAGES = {
    "operator": os.environ.get("OPERATOR_IMAGE", "localhost/faceledger/operator:dev"),
    "workloads": os.environ.get("WORKLOADS_IMAGE", "localhost/faceledger/workloads:dev"),
    "anvil": os.environ.get("ANVIL_IMAGE", "localhost/faceledger/anvil:dev"),
    "kubo": os.environ.get("KUBO_IMAGE", "localhost/faceledger/kubo:dev"),
}
"""What the cluster must be able to pull; for CLUSTER=existing, name yours in the environment."""


CLAIMS = "/claims"
"""Where the pod that fills claims mounts them, each under its name."""


def missing_parts(cluster: Cluster) -> list[str]:
    """What the cluster lacks before the chart can be installed, each with what to do about it."""
    missing = []
    if cluster.get("CustomResourceDefinition", "rayjobs.ray.io", "") is None:
        missing.append("KubeRay v1.6 or newer: install its Helm chart `kuberay-operator`")
    if not cluster.list("StorageClass", ""):
        missing.append("a default StorageClass")
    return missing


def install(cluster: Cluster, values: dict[str, str] | None = None) -> None:
    """Installs or upgrades the chart and waits until the operator, the chain and Kubo are available."""
    chosen = {
        **{f"images.{name}": image for name, image in IMAGES.items()},
        "devChain.enabled": "true",
        "ipfs.enabled": "true",
        **_loaded_digest(),
        **(values or {}),
    }
    cluster.helm(
        *("upgrade", "--install", "faceledger", str(REPOSITORY / "charts" / "faceledger")),
        *("--namespace", NAMESPACE, "--create-namespace"),
        *(
            part
            for name, value in chosen.items()
            for part in ("--set-string" if _is_text(value) else "--set", f"{name}={value}")
        ),
        *("--wait", "--timeout", "180s"),
    )


def fill_claims(cluster: Cluster, namespace: str, claims: Mapping[str, Mapping[str, bytes]]) -> None:
    """Puts files (claim -> path -> content) on claims, through one pod that mounts them and is gone afterwards."""
    name = f"fill-{next(iter(claims))}"
    files = {f"{claim}/{path}": content for claim, held in claims.items() for path, content in held.items()}
    cluster.apply(_loader_pod(name, claims), namespace=namespace)
    cluster.wait_for("Pod", name, namespace, _is_running, 90, "is running")
    unpack = ("tar", "-x", "-C", CLAIMS)
    cluster.kubectl("exec", "-n", namespace, "-i", name, "--", *unpack, stdin=orl.archive(files))
    cluster.delete("Pod", name, namespace, now=True)


def _loaded_digest() -> dict[str, str]:
    """The digest behind the local cluster's `:dev` tag, as an annotation: a new image then replaces the pod."""
    record = LOADED_IMAGES / "operator.json"
    if os.environ.get("CLUSTER", "local") != "local" or not record.exists():
        return {}
    return {"operator.podAnnotations.imageDigest": json.loads(record.read_text())["digest"]}


def _is_running(pod: dict[str, Any]) -> bool:
    return bool(pod["status"].get("phase") == "Running")


def _is_text(value: str) -> bool:
    return not re.fullmatch(r"true|false|[0-9]+", value)


def _loader_pod(name: str, claims: Iterable[str]) -> dict[str, Any]:
    volumes = {claim: f"claim-{number}" for number, claim in enumerate(claims)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsUser": 1000,
                "runAsGroup": 1000,
                "fsGroup": 1000,
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "loader",
                    "image": IMAGES["operator"],
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", "600"],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": v, "mountPath": f"{CLAIMS}/{claim}"} for claim, v in volumes.items()],
                }
            ],
            "volumes": [{"name": v, "persistentVolumeClaim": {"claimName": claim}} for claim, v in volumes.items()],
        },
    }
