"""What the operator's service account may do on a real API server, and that it cannot give away more than it has."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from testbed import install
from testbed.cluster import Cluster

pytestmark = pytest.mark.timeout(60)

OPERATOR = f"system:serviceaccount:{install.NAMESPACE}:faceledger"


def may(cluster: Cluster, verb: str, resource: str) -> bool:
    """`resource` may end in a subresource, as in `pods/exec`."""
    kind, _, part = resource.partition("/")
    question = ("can-i", verb, kind, *([f"--subresource={part}"] if part else []))
    try:
        return cluster.kubectl("auth", *question, "-n", "default", "--as", OPERATOR).strip() == "yes"
    except RuntimeError:  # "no" comes with exit status 1
        return False


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("watch", "facedatasets.faceledger.dev"),
        ("patch", "recognitionjobs.faceledger.dev/status"),
        ("create", "rayjobs.ray.io"),
        ("delete", "rayclusters.ray.io"),
        ("get", "secrets"),
        ("create", "events"),
        ("create", "jobs.batch"),
    ],
)
def test_the_operator_may(cluster: Cluster, verb: str, resource: str) -> None:
    assert may(cluster, verb, resource)


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("list", "secrets"),
        ("watch", "secrets"),
        ("update", "facedatasets.faceledger.dev"),
        ("delete", "ledgerbindings.faceledger.dev"),
        ("create", "pods"),
        ("list", "jobs.batch"),
        ("update", "jobs.batch"),
        ("delete", "pods"),
        ("create", "pods/exec"),
        ("delete", "persistentvolumeclaims"),
        ("delete", "roles.rbac.authorization.k8s.io"),
        ("escalate", "roles.rbac.authorization.k8s.io"),
        ("bind", "roles.rbac.authorization.k8s.io"),
        ("create", "clusterroles.rbac.authorization.k8s.io"),
        ("impersonate", "serviceaccounts"),
    ],
)
def test_the_operator_may_not(cluster: Cluster, verb: str, resource: str) -> None:
    assert not may(cluster, verb, resource)


def role(**rule: Any) -> bytes:
    rules = [{"apiGroups": [""], **rule}]
    metadata = {"name": "given-by-the-operator"}
    return yaml.safe_dump(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules}
    ).encode()


def give(cluster: Cluster, manifest: bytes) -> str:
    arguments = ("create", "--dry-run=server", "-n", "default", "--as", OPERATOR, "-f", "-")
    return cluster.kubectl(*arguments, stdin=manifest)


def test_it_can_let_a_driver_patch_its_report(cluster: Cluster) -> None:
    report = role(resources=["configmaps"], resourceNames=["attempt-report"], verbs=["get", "patch"])
    assert "created" in give(cluster, report)


def test_it_cannot_give_what_it_does_not_have(cluster: Cluster) -> None:
    with pytest.raises(RuntimeError, match="attempting to grant RBAC permissions not currently held"):
        give(cluster, role(resources=["secrets"], verbs=["list"]))
