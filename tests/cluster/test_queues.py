"""Kueue: what waits in a queue is said to wait, starts when it is admitted, and gives way without counting as failed.

`make kueue` installs Kueue; without it these tests are skipped, because it takes minutes to compile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from testbed.cluster import Cluster, condition, until
from testbed.sandbox import Sandbox

pytestmark = pytest.mark.timeout(300)

KUEUE = "kueue.x-k8s.io/v1beta2"

LONG_NAME = "the-longest-name-that-a-resource-of-ours-may-bear-is-63-letters"


@pytest.fixture
def kueue(cluster: Cluster) -> None:
    if cluster.get("CustomResourceDefinition", "workloads.kueue.x-k8s.io", "") is None:
        pytest.skip("Kueue is not installed: make kueue")


@pytest.fixture
def queue(kueue: None, cluster: Cluster, ledger: Sandbox) -> Iterator[str]:
    """The LocalQueue `team-a`, which admits nothing yet; answers its ClusterQueue's name."""
    name = ledger.namespace
    ledger.apply(
        {"apiVersion": KUEUE, "kind": "ResourceFlavor", "metadata": {"name": name}, "spec": {}},
        {"apiVersion": KUEUE, "kind": "ClusterQueue", "metadata": {"name": name}, "spec": quota(name, "4")},
        {
            "apiVersion": KUEUE,
            "kind": "LocalQueue",
            "metadata": {"name": "team-a"},
            "spec": {"clusterQueue": name, "stopPolicy": "Hold"},
        },
    )
    yield name
    cluster.kubectl("delete", f"clusterqueue/{name}", f"resourceflavor/{name}", "--wait=false")


def quota(flavor: str, cpu: str) -> dict[str, Any]:
    amounts = [{"name": "cpu", "nominalQuota": cpu}, {"name": "memory", "nominalQuota": "16Gi"}]
    group = {"coveredResources": ["cpu", "memory"], "flavors": [{"name": flavor, "resources": amounts}]}
    return {"namespaceSelector": {}, "resourceGroups": [group]}


def hold(sandbox: Sandbox, policy: str) -> None:
    patch = json.dumps({"spec": {"stopPolicy": policy}})
    sandbox.cluster.kubectl("patch", "localqueue/team-a", "-n", sandbox.namespace, "--type=merge", "-p", patch)


def test_a_queued_run_is_admitted_put_back_and_done_without_a_failure(queue: str, ledger: Sandbox) -> None:
    ledger.apply(ledger.dataset(LONG_NAME, compute={"queue": "team-a"}))
    shown = ledger.shows("FaceDataset", LONG_NAME, "Ready", "Queued", 60)
    assert "waits for queue team-a" in shown["message"]
    (job,) = ledger.rayjobs()
    assert len(job["metadata"]["name"]) <= 47
    assert job["spec"]["suspend"]
    hold(ledger, "None")
    until("its pods are there", lambda: ledger.cluster.list("Pod", ledger.namespace, "ray.io/cluster", "v1"), 60)
    hold(ledger, "HoldAndDrain")
    ledger.shows("FaceDataset", LONG_NAME, "Ready", "Queued", 60)
    until("its pods are gone", lambda: not ledger.cluster.list("Pod", ledger.namespace, "ray.io/cluster", "v1"), 90)
    hold(ledger, "None")
    done = ledger.ready("FaceDataset", LONG_NAME, 200)
    assert done["status"]["attempt"]["failures"] == 0
    assert done["status"]["attempt"]["number"] == 1
    assert not condition(done, "Stalled")["status"]
