"""Where runs compute: a Ray cluster that stands between them, scales its workers, and goes when it is idle."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from testbed.cluster import until
from testbed.sandbox import Sandbox, secret

pytestmark = pytest.mark.timeout(300)

SHARED = {
    "mode": "Shared",
    "shared": {"idleTTL": "10s"},
    "workers": {"min": 0, "max": 1, "cpu": "200m", "memory": "1500Mi"},
    "podTemplate": {"metadata": {"labels": {"team": "a"}}},
}


@pytest.fixture
def one_key(ledger: Sandbox) -> Sandbox:
    """A namespace whose data sets have their data key in common, and with it the pods that they would have."""
    ledger.apply(secret("data-key", {"key": secrets.token_hex(32)}))
    return ledger


def dataset(sandbox: Sandbox, name: str) -> dict[str, Any]:
    encryption = {"keySecretRef": {"name": "data-key", "key": "key"}}
    return sandbox.dataset(name, privacy={"encryption": encryption}, compute=SHARED)


def standing(sandbox: Sandbox) -> list[str]:
    """Kind and name of what there is of standing clusters."""
    kinds = (("RayCluster", "ray.io/v1"), ("Pod", "v1"), ("ConfigMap", "v1"), ("ServiceAccount", "v1"))
    return [
        f"{kind}/{found['metadata']['name']}"
        for kind, version in (*kinds, ("NetworkPolicy", "networking.k8s.io/v1"))
        for found in sandbox.cluster.list(kind, sandbox.namespace, "faceledger.dev/subject-kind=RayCluster", version)
    ]


def rights(sandbox: Sandbox) -> list[str]:
    """Names of what lets the cluster's account at the reports of attempts."""
    version = "rbac.authorization.k8s.io/v1"
    found = sandbox.cluster.list("RoleBinding", sandbox.namespace, "faceledger.dev/attempt", version)
    return [one["metadata"]["name"] for one in found]


def test_two_runs_share_a_cluster_that_scales_and_goes_when_it_is_idle(one_key: Sandbox) -> None:
    sandbox = one_key
    sandbox.apply(dataset(sandbox, "staff"), dataset(sandbox, "again"))
    first, second = sandbox.ready("FaceDataset", "staff", 200), sandbox.ready("FaceDataset", "again", 60)
    attempts = [first["status"]["attempt"], second["status"]["attempt"]]
    assert len({attempt["cluster"] for attempt in attempts}) == 1
    assert [attempt["failures"] for attempt in attempts] == [0, 0]
    assert first["status"]["real"] == second["status"]["real"]
    teams = sandbox.cluster.list("Pod", sandbox.namespace, "team=a,ray.io/node-type=head", "v1")
    assert len(teams) == 1
    until("rights to the finished attempts are gone", lambda: not rights(sandbox), 30, lambda: rights(sandbox))
    until("the idle cluster is gone", lambda: not standing(sandbox), 60, lambda: standing(sandbox), every=1)
    assert len(sandbox.rayjobs()) == 2
