"""Which pod `faceledger logs` reads: the submitter of an attempt, which keeps the log of its driver.

In: a resource whose attempt was started. Out: the pod's name. Invariant: a log that is not there is explained,
never an empty success.
"""

from __future__ import annotations

from typing import Any

from ..kube.kinds import POD
from ..kube.labels import ATTEMPT
from .cluster import Cluster
from .errors import CommandError
from .finding import Found

__all__ = ["attempt_of", "submitter_of"]

JOB_NAME = "batch.kubernetes.io/job-name"
"""Label of a Job's pods; KubeRay's submitter Job is named as the attempt."""


def attempt_of(found: Found) -> str:
    """The name of the resource's latest attempt."""
    attempt = (found.body.get("status") or {}).get("attempt") or {}
    if not attempt.get("name"):
        raise CommandError(f"{found.resource} has no attempt yet: nothing was started, so there is no log")
    if attempt.get("cluster"):
        raise CommandError(
            f"attempt {attempt['name']} ran on the shared RayCluster {attempt['cluster']}: its driver's log is in the "
            f"head pod, below /tmp/ray/session_latest/logs"
        )
    return str(attempt["name"])


def submitter_of(cluster: Cluster, namespace: str, attempt: str) -> str:
    """The pod that keeps the driver's log: the newest submitter."""
    pods = cluster.find_all(POD, namespace, labels={JOB_NAME: attempt})
    if not pods:
        started = cluster.find_all(POD, namespace, labels={ATTEMPT: attempt})
        if started:
            raise CommandError(f"attempt {attempt} has no log yet: its driver was not submitted")
        raise CommandError(f"the log of attempt {attempt} is gone: its pods were removed, or never came to be")
    newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    if not _has_begun(newest):
        raise CommandError(f"pod {newest['metadata']['name']} of attempt {attempt} has not started yet")
    return str(newest["metadata"]["name"])


def _has_begun(pod: dict[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") not in {None, "Pending"}
