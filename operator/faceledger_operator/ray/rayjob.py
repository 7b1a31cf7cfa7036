"""Builds the RayJob of an attempt as a whole: nothing in it is changed after its creation.

In: names, images, volumes and the spec's compute section. Out: the object for the API server. Source: KubeRay v1.6.2,
ray.io/v1. Invariant: the same plan gives the same object, and KubeRay's own validation accepts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..api.base import WorkerGroup
from .pods import (
    RUN_SPEC_FILE,
    PodNeeds,
    head_template,
    restricted_container,
    submitter_template,
    worker_template,
)

__all__ = ["ENTRYPOINT", "KEEP_HEAD_DOWN", "RAY_VERSION", "RayJobPlan", "build_rayjob", "cluster_spec"]

Object = dict[str, Any]

RAY_VERSION = "2.60.0"
"""The Ray in the workloads image; KubeRay asks for it where token authentication is on."""

ENTRYPOINT = f"python -m faceledger_workloads.run {RUN_SPEC_FILE}"

SUBMITTER_RETRIES = 3
"""Submitter pods that may be lost (evicted, node gone): the next one finds the running job and goes on."""

QUEUE = "kueue.x-k8s.io/queue-name"
"""Label: Kueue suspends the RayJob until this LocalQueue admits it."""

KEEP_HEAD_DOWN = "ray.io/disable-provisioned-head-restart"
"""Annotation: KubeRay replaces no head that is gone. The job went with it; an empty cluster would hold its workers."""


@dataclass(frozen=True)
class RayJobPlan:
    """All that the RayJob depends on. `timeout` in seconds; `queue` is Kueue's, where there is one."""

    namespace: str
    owner: Object
    pods: PodNeeds
    workers: WorkerGroup
    head_memory: str
    timeout: int
    queue: str | None = None


def build_rayjob(plan: RayJobPlan) -> Object:
    """The RayJob in K8sJobMode with a submitter of our own, which alone outlives a silent driver (kuberay#4921)."""
    pods = plan.pods
    return {
        "metadata": {
            "name": pods.attempt,
            "namespace": plan.namespace,
            "labels": {**pods.labels, **({QUEUE: plan.queue} if plan.queue else {})},
            "annotations": {**pods.annotations, KEEP_HEAD_DOWN: "true"},
            "ownerReferences": [plan.owner],
        },
        "spec": {
            "submissionMode": "K8sJobMode",
            "entrypoint": ENTRYPOINT,
            "backoffLimit": 0,
            "activeDeadlineSeconds": plan.timeout,
            # A pod that finds no node waits as long as the attempt may last: it clears by itself when mended.
            "preRunningDeadlineSeconds": plan.timeout,
            "shutdownAfterJobFinishes": True,
            "submitterConfig": {"backoffLimit": SUBMITTER_RETRIES},
            "submitterPodTemplate": submitter_template(pods, ENTRYPOINT),
            "rayClusterSpec": cluster_spec(plan),
        },
    }


def cluster_spec(plan: RayJobPlan) -> Object:
    """The Ray cluster: a head without a share of the work, and the workers."""
    scaling = _autoscaling() if plan.workers.min != plan.workers.max else {}
    return {
        "rayVersion": RAY_VERSION,
        "authOptions": {"mode": "token"},
        **scaling,
        "headGroupSpec": {
            # No CPU for Ray to hand out: actors run on workers alone, whatever the head's request. No monitor: KubeRay
            # runs an autoscaler beside the head where there is one, and elsewhere it would load Ray for nothing.
            "rayStartParams": {"dashboard-host": "0.0.0.0", "no-monitor": "true", "num-cpus": "0"},  # noqa: S104
            "template": head_template(plan.pods, plan.head_memory),
        },
        "workerGroupSpecs": [_worker_group(plan)],
    }


def _worker_group(plan: RayJobPlan) -> Object:
    workers = plan.workers
    return {
        "groupName": "workers",
        "replicas": workers.min,
        "minReplicas": workers.min,
        "maxReplicas": workers.max,
        "rayStartParams": {},
        "template": worker_template(plan.pods, workers),
    }


def _autoscaling() -> Object:
    return {
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": {
            "idleTimeoutSeconds": 60,
            "imagePullPolicy": "IfNotPresent",
            "securityContext": restricted_container(),
            "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}},
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
        },
    }
