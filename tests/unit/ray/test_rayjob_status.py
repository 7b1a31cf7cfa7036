"""What KubeRay's status means: success is the report's to tell, the rest is read here."""

from __future__ import annotations

from typing import Any

import pytest
from faceledger_operator.kube.labels import ATTEMPT
from faceledger_operator.ray.status import read_cluster, read_job


def job(**status: Any) -> dict[str, Any]:
    metadata = {"name": "staff-1", "uid": "u", "creationTimestamp": "2026-01-02T12:00:00Z"}
    return {"metadata": metadata, "status": status}


@pytest.mark.parametrize(
    ("status", "submitted", "ended", "invalid"),
    [
        pytest.param({}, False, False, False, id="nobody looked at it yet"),
        pytest.param({"jobDeploymentStatus": "Initializing"}, False, False, False, id="its cluster is starting"),
        pytest.param({"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}, True, False, False, id="it runs"),
        pytest.param(
            {"jobDeploymentStatus": "Running", "jobStatus": "FAILED"}, True, True, False,
            id="the job failed and KubeRay goes on waiting",
        ),
        pytest.param(
            {"jobDeploymentStatus": "Failed", "jobStatus": "RUNNING"}, False, True, False,
            id="KubeRay gave up while the job seems to run",
        ),
        pytest.param(
            {"jobDeploymentStatus": "Complete", "jobStatus": "STOPPED"}, False, True, False, id="it was stopped"
        ),
        pytest.param({"jobDeploymentStatus": "ValidationFailed"}, False, False, True, id="KubeRay refuses it"),
        pytest.param({"jobDeploymentStatus": "Suspended"}, False, False, False, id="a queue suspended it"),
    ],
)  # fmt: skip
def test_a_rayjobs_state(status: dict[str, Any], submitted: bool, ended: bool, invalid: bool) -> None:
    found = read_job(job(**status))
    assert (found.submitted, found.ended, found.invalid) == (submitted, ended, invalid)


def test_the_cause_is_in_kuberays_words() -> None:
    found = read_job(job(jobDeploymentStatus="Failed", reason="DeadlineExceeded", message="it took too long"))
    assert found.cause == "DeadlineExceeded: it took too long"
    assert read_job(job(jobDeploymentStatus="Complete", jobStatus="STOPPED")).cause == "STOPPED"


def test_a_pod_that_cannot_be_created_is_in_the_clusters_conditions() -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "message": "FailedCreateHeadPod\nexceeded quota"}
    metadata = {"name": "c", "uid": "u", "labels": {ATTEMPT: "staff-1"}, "deletionTimestamp": "now"}
    found = read_cluster({"metadata": metadata, "status": {"conditions": [failure]}})
    assert (found.attempt, found.replica_failure, found.deleting) == (
        "staff-1",
        "FailedCreateHeadPod: exceeded quota",
        True,
    )
    assert read_cluster({"metadata": {"name": "c", "uid": "u"}}).replica_failure == ""
