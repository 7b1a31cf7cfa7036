"""The Job that gives content nodes back what they lost, from the output volume, which the operator cannot mount.

In: a result and the nodes. Out: objects for the API server. Invariants: the pod satisfies the restricted standard, has
no token and no key, only reads the volume, and reaches nobody but the content nodes; it goes with its resource.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..api.base import GROUP
from ..kube.api import Object
from ..kube.kinds import JOB
from ..kube.labels import SUBJECT
from ..ledger.content import ContentNodes
from ..ray.network import content_policy
from ..ray.pods import OUTPUT_PATH, restricted_container, restricted_pod
from .pin_audit import Result
from .plan import in_folder

__all__ = ["repin_job", "repin_job_name", "repin_policy"]

REPIN = f"{GROUP}/repin"
"""Label: the attempt whose artefacts are added again. Not the attempt's own label: its pods are counted as its work."""

KEPT_SECONDS = 600
"""A Job stays so long after its end, for its log; one that failed is followed by another then."""

DEADLINE_SECONDS = 3600
"""A Job that takes longer has failed, also one whose claim no node can mount."""

RETRIES = 2

CPU, MEMORY = "50m", "128Mi"
"""A block of 256 KiB at a time, of files of whatever size."""


def repin_job_name(result: Result) -> str:
    return f"{result.attempt}-repin"


def repin_job(result: Result, nodes: ContentNodes, image: str, pull_secrets: Sequence[str]) -> Object:
    """Created once and never changed. Its owner is the resource that the result is of."""
    name, metadata = repin_job_name(result), result.resource["metadata"]
    owner = result.kind.owner(metadata["name"], metadata["uid"])
    labels, annotations = {REPIN: result.attempt}, {SUBJECT: metadata["name"]}
    return {
        "metadata": {**_metadata(result, name, owner), "annotations": annotations},
        "spec": {
            "backoffLimit": RETRIES,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": _pod(result, nodes, image, pull_secrets),
            },
        },
    }


def repin_policy(result: Result, nodes: ContentNodes, job: Object) -> Object:
    """Whom its pod may talk to; it goes with the Job."""
    owner = JOB.owner(job["metadata"]["name"], job["metadata"]["uid"])
    spec = content_policy({REPIN: result.attempt}, nodes.apis)
    return {"metadata": _metadata(result, repin_job_name(result), owner), "spec": spec}


def _metadata(result: Result, name: str, owner: Object) -> Object:
    namespace = result.resource["metadata"]["namespace"]
    return {
        "name": name,
        "namespace": namespace,
        "labels": {REPIN: result.attempt, "app.kubernetes.io/managed-by": "faceledger"},
        "ownerReferences": [owner],
    }


def _pod(result: Result, nodes: ContentNodes, image: str, pull_secrets: Sequence[str]) -> Object:
    assert result.source is not None
    compute = result.resource["spec"].get("compute") or {}
    placed = {
        field: compute[field] for field in ("nodeSelector", "tolerations", "priorityClassName") if field in compute
    }
    secrets = [{"name": name} for name in (*pull_secrets, *(x["name"] for x in compute.get("imagePullSecrets") or ()))]
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": restricted_pod(),
        **placed,
        **({"imagePullSecrets": secrets} if secrets else {}),
        "containers": [
            {
                "name": "repin",
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["python", "-m", "faceledger_workloads.repin"],
                "args": _arguments(result, nodes),
                "resources": {"requests": {"cpu": CPU, "memory": MEMORY}, "limits": {"memory": MEMORY}},
                "securityContext": restricted_container(),
                "volumeMounts": [{"name": "output", "mountPath": OUTPUT_PATH, "readOnly": True}],
            }
        ],
        "volumes": [
            {"name": "output", "persistentVolumeClaim": {"claimName": result.source.claim, "readOnly": True}},
        ],
    }


def _arguments(result: Result, nodes: ContentNodes) -> list[str]:
    assert result.source is not None
    apis = [part for api in nodes.apis for part in ("--api", api)]
    folder = in_folder(OUTPUT_PATH, result.source.folder)
    files = [f"{cid}={path}" for path, cid in result.files]
    return [*apis, "--needed", str(nodes.needed), "--folder", folder, *files]
