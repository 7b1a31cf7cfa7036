"""What KubeRay says of a RayJob and its RayCluster, as far as decisions read it.

In: objects as the API server returned them. Out: frozen values. Source: KubeRay v1.6.2 (ray.io/v1). Invariant: a
RayJob's status is a hint of where its run is; what the run achieved is said by the signed run report alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..kube.labels import ATTEMPT

__all__ = ["ClusterView", "JobView", "parse_time", "read_cluster", "read_job"]

Object = dict[str, Any]

_ENDED_BADLY = frozenset({"FAILED", "STOPPED"})


@dataclass(frozen=True)
class JobView:
    """A RayJob. `deployment` and `job` are KubeRay's jobDeploymentStatus and jobStatus, empty before it looked.
    `suspend`: the spec asks for it; Kueue sets it before KubeRay takes the pods away."""

    name: str
    uid: str
    created: datetime
    deleting: bool = False
    deployment: str = ""
    job: str = ""
    reason: str = ""
    message: str = ""
    suspend: bool = False

    @property
    def submitted(self) -> bool:
        """The driver was started: from now on it lives and dies with the head pod."""
        return self.deployment == "Running"

    @property
    def suspended(self) -> bool:
        """Kueue, or a person, holds it back: it has no pods, and its time does not run."""
        return self.deployment in {"Suspending", "Suspended"} or (self.suspend and not self.ended)

    @property
    def invalid(self) -> bool:
        """KubeRay will never look at it again."""
        return self.deployment == "ValidationFailed"

    @property
    def ended(self) -> bool:
        """Nothing runs any more, or will."""
        return self.deployment in {"Complete", "Failed"} or self.job in {"SUCCEEDED", *_ENDED_BADLY}

    @property
    def driver_left(self) -> bool:
        """KubeRay has given the job up while its driver runs: on a standing cluster it would run on."""
        return self.deployment == "Failed" and self.job in {"", "PENDING", "RUNNING"}

    @property
    def cause(self) -> str:
        """Why it ended, in KubeRay's words."""
        return ": ".join(part for part in (self.reason or self.job or self.deployment, self.message) if part)


@dataclass(frozen=True)
class ClusterView:
    """A RayCluster; `replica_failure` is why a pod of it could not be created, empty where all could. `provisioned`:
    all its pods were there once."""

    name: str
    uid: str
    attempt: str
    deleting: bool = False
    replica_failure: str = ""
    provisioned: bool = False


def read_job(body: Object) -> JobView:
    metadata, status = body["metadata"], body.get("status") or {}
    return JobView(
        name=metadata["name"],
        uid=metadata["uid"],
        created=parse_time(metadata["creationTimestamp"]),
        deleting="deletionTimestamp" in metadata,
        deployment=status.get("jobDeploymentStatus", ""),
        job=status.get("jobStatus", ""),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        suspend=bool((body.get("spec") or {}).get("suspend")),
    )


def read_cluster(body: Object) -> ClusterView:
    metadata = body["metadata"]
    conditions = (body.get("status") or {}).get("conditions") or []
    failures = (
        condition.get("message") or condition.get("reason", "")
        for condition in conditions
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True"
    )
    return ClusterView(
        name=metadata["name"],
        uid=metadata["uid"],
        attempt=metadata.get("labels", {}).get(ATTEMPT, ""),
        deleting="deletionTimestamp" in metadata,
        replica_failure=": ".join(next(failures, "").splitlines()),
        provisioned=any(c["type"] == "RayClusterProvisioned" and c["status"] == "True" for c in conditions),
    )


def parse_time(text: str) -> datetime:
    """RFC 3339 as the API server writes it."""
    return datetime.fromisoformat(text)
