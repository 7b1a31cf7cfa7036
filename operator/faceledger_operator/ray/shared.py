"""A Ray cluster that stands between runs, and the RayJob of a run on it.

In: what a RayJob with a cluster of its own would be made of. Out: the standing cluster's name and objects. Invariant:
the name is a digest of the whole cluster, so runs share one only where each would have had the same pods: the same
settings, image, volumes and data key. Source: KubeRay v1.6.2, ray.io/v1 (spec.clusterSelector).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from faceledger_contracts.canonical import canonical_json

from ..kube.kinds import RAY_CLUSTER
from ..kube.labels import ATTEMPT, CLUSTER, SUBJECT, SUBJECT_KIND
from .pods import Object
from .rayjob import KEEP_HEAD_DOWN, RayJobPlan, cluster_spec

__all__ = ["SharedCluster", "build_shared_rayjob", "shared_cluster"]

DIGEST_LENGTH = 12


@dataclass(frozen=True)
class SharedCluster:
    """`ipfs_apis`: whom its head may talk to."""

    name: str
    namespace: str
    spec: Object
    ipfs_apis: tuple[str, ...]

    @property
    def labels(self) -> dict[str, str]:
        return {ATTEMPT: self.name, SUBJECT_KIND: RAY_CLUSTER.kind}

    @property
    def annotations(self) -> dict[str, str]:
        return {SUBJECT: self.name}

    def body(self, owner: Object) -> Object:
        """The RayCluster. A head that is gone is not replaced: the jobs went with it, and so does the cluster."""
        return {**self.child(self.name, owner, {KEEP_HEAD_DOWN: "true"}), "spec": self.spec}

    def child(self, name: str, owner: Object, annotations: dict[str, str] | None = None) -> Object:
        """Metadata of an object that belongs to the cluster."""
        metadata = {
            "name": name,
            "namespace": self.namespace,
            "labels": self.labels,
            "annotations": {**self.annotations, **(annotations or {})},
            "ownerReferences": [owner],
        }
        return {"metadata": metadata}


def shared_cluster(plan: RayJobPlan, ipfs_apis: Sequence[str]) -> SharedCluster:
    """The standing cluster that serves the plan."""
    nameless = replace(plan.pods, attempt="", labels={}, annotations={}, standing=True)
    determined = [cluster_spec(replace(plan, pods=nameless)), sorted(ipfs_apis)]
    digest = hashlib.sha256(canonical_json(determined)).hexdigest()
    found = SharedCluster(f"faceledger-{digest[:DIGEST_LENGTH]}", plan.namespace, {}, tuple(ipfs_apis))
    pods = replace(nameless, attempt=found.name, labels=found.labels, annotations=found.annotations)
    return replace(found, spec=cluster_spec(replace(plan, pods=pods)))


def build_shared_rayjob(plan: RayJobPlan, cluster: str) -> Object:
    """The RayJob in HTTPMode: KubeRay submits the driver itself, so no pod has to start."""
    pods = plan.pods
    return {
        "metadata": {
            "name": pods.attempt,
            "namespace": plan.namespace,
            "labels": {**pods.labels, CLUSTER: cluster},
            "annotations": dict(pods.annotations),
            "ownerReferences": [plan.owner],
        },
        "spec": {
            "submissionMode": "HTTPMode",
            "entrypoint": f"python -m faceledger_workloads.standing_start {pods.attempt}",
            "clusterSelector": {"ray.io/cluster": cluster},
            "backoffLimit": 0,
            "activeDeadlineSeconds": plan.timeout,
            "preRunningDeadlineSeconds": plan.timeout,
            "shutdownAfterJobFinishes": False,
        },
    }
