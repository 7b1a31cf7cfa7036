"""What must survive: pods killed, jobs deleted, specs edited, stores down. Each fault hits a run that is under way."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import yaml
from testbed import install, orl
from testbed.cluster import Cluster, condition, until
from testbed.partition import cut_off
from testbed.sandbox import Sandbox

pytestmark = pytest.mark.timeout(480)

HEAD = "ray.io/node-type=head"
WORKER = "ray.io/node-type=worker"

GPU = "nvidia.com/gpu"

local_cluster_only = pytest.mark.skipif(
    os.environ.get("CLUSTER", "local") != "local", reason="needs root on the node of the local cluster"
)


@pytest.fixture
def busy(sandbox: Sandbox) -> Sandbox:
    """A namespace with so many photographs that a run takes long enough to be disturbed."""
    sandbox.with_ledger()
    _crowd(sandbox)
    return sandbox


def _crowd(sandbox: Sandbox) -> None:
    sandbox.claims("staff-photos", "faceledger")
    sandbox.fill({"staff-photos": orl.gallery(range(1, 31), 10)})


@pytest.fixture
def runtime_class(sandbox: Sandbox) -> Iterator[str]:
    """One whose handler every containerd has."""
    name = sandbox.namespace
    sandbox.apply(
        {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": "runc"}
    )
    yield name
    sandbox.cluster.delete("RuntimeClass", name, "")


def under_way(sandbox: Sandbox, name: str = "staff") -> dict[str, Any]:
    """The data set, once its driver has reported work done."""

    def is_under_way(resource: dict[str, Any]) -> bool:
        return ((resource["status"].get("progress") or {}).get("done") or 0) > 0

    return sandbox.cluster.wait_for("FaceDataset", name, sandbox.namespace, is_under_way, 180, "is under way")


def pods(sandbox: Sandbox, labels: str) -> list[dict[str, Any]]:
    return list(sandbox.cluster.list("Pod", sandbox.namespace, labels, "v1"))


def kill(sandbox: Sandbox, labels: str) -> None:
    for pod in pods(sandbox, labels):
        sandbox.cluster.delete("Pod", pod["metadata"]["name"], sandbox.namespace, now=True)


def digest(resource: dict[str, Any]) -> str:
    return str(resource["status"]["manifest"]["digest"])


def test_a_killed_worker_pod_loses_nothing(busy: Sandbox) -> None:
    busy.apply(busy.dataset())
    first = under_way(busy)["status"]["attempt"]["name"]
    kill(busy, WORKER)
    done = busy.ready("FaceDataset", "staff", 300)
    assert done["status"]["attempt"]["name"] == first
    assert done["status"]["attempt"]["failures"] == 0


def test_a_killed_head_pod_costs_one_attempt_and_no_byte(busy: Sandbox) -> None:
    busy.apply(busy.dataset("undisturbed"), busy.dataset())
    first = under_way(busy)["status"]["attempt"]
    kill(busy, f"{HEAD},faceledger.dev/attempt={first['name']}")
    done = busy.ready("FaceDataset", "staff", 400)
    assert done["status"]["attempt"]["number"] == first["number"] + 1
    assert digest(done) == digest(busy.ready("FaceDataset", "undisturbed", 300))


def test_a_rayjob_deleted_by_hand_is_replaced(busy: Sandbox) -> None:
    busy.apply(busy.dataset())
    first = under_way(busy)["status"]["attempt"]["name"]
    busy.cluster.delete("RayJob", first, busy.namespace)
    done = busy.ready("FaceDataset", "staff", 400)
    assert done["status"]["attempt"]["name"] != first
    assert done["status"]["attempt"]["failures"] == 0


def test_a_spec_edited_mid_run_stops_the_old_attempt(busy: Sandbox) -> None:
    busy.apply(busy.dataset())
    first = under_way(busy)["status"]["attempt"]["name"]
    busy.apply(busy.dataset(preprocessing={"size": 128}))
    second = busy.cluster.wait_for(
        "FaceDataset", "staff", busy.namespace, lambda r: r["status"]["attempt"]["name"] != first, 60, "starts anew"
    )["status"]["attempt"]["name"]
    until("the old RayJob is gone", lambda: busy.get("RayJob", first) is None, 60, every=1)
    done = busy.ready("FaceDataset", "staff", 400)
    assert done["status"]["attempt"]["name"] == second
    assert done["status"]["observedGeneration"] == done["metadata"]["generation"] == 2


def test_deleting_a_resource_mid_run_leaves_nothing(busy: Sandbox) -> None:
    busy.apply(busy.dataset())
    uid = under_way(busy)["metadata"]["uid"]
    assert busy.attempt_objects(uid)
    busy.cluster.delete("FaceDataset", "staff", busy.namespace)
    until("all of it is gone", lambda: not busy.attempt_objects(uid), 120, lambda: busy.attempt_objects(uid), every=1)


@local_cluster_only
def test_an_image_that_cannot_be_pulled_is_named_and_mends_by_itself(busy: Sandbox) -> None:
    image = f"localhost/faceledger/late:{busy.namespace}"
    busy.apply(busy.dataset(compute={"image": image}))
    until("its pods have a node", lambda: [p for p in pods(busy, HEAD) if p["spec"].get("nodeName")], 60)
    shown = busy.shows("FaceDataset", "staff", "Ready", "ImagePullFailed", 10)
    assert image in shown["message"]
    subprocess.run(
        (*_containerd(), "images", "tag", install.IMAGES["workloads"], image), check=True, capture_output=True
    )
    try:
        busy.ready("FaceDataset", "staff", 400)
    finally:
        subprocess.run((*_containerd(), "images", "rm", image), check=False, capture_output=True)


def test_a_pod_without_a_node_is_named_within_ten_seconds_and_mends_by_itself(
    busy: Sandbox, runtime_class: str
) -> None:
    placed = {"nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"key": "spot", "operator": "Exists"}]}
    busy.apply(busy.dataset(compute={"workers": {"gpu": 1, "runtimeClassName": runtime_class, **placed}}))
    until("its worker pod is there", lambda: pods(busy, WORKER), 60)
    shown = busy.shows("FaceDataset", "staff", "Ready", "Unschedulable", 10)
    assert GPU in shown["message"]
    with _gpus(busy.cluster, 1):
        busy.ready("FaceDataset", "staff", 300)


@local_cluster_only
def test_a_submitter_without_network_for_a_minute_does_not_end_the_job(busy: Sandbox) -> None:
    busy.apply(busy.dataset())
    attempt = under_way(busy)["status"]["attempt"]["name"]
    submitter = until("the submitter runs", lambda: pods(busy, f"job-name={attempt}"), 30)[0]
    with cut_off(submitter["status"]["podIP"]), pytest.raises(AssertionError, match="failed"):
        until("failed", lambda: _failures(busy), 60, every=1)
    done = busy.ready("FaceDataset", "staff", 300)
    assert done["status"]["attempt"]["name"] == attempt


@pytest.mark.parametrize("part", ["anvil", "ipfs"])
def test_a_store_that_is_down_at_commit_is_waited_for(sandbox: Sandbox, part: str) -> None:
    _own_trial_components(sandbox)
    own_ipfs = {"content": {"ipfs": {"api": f"http://ipfs.{sandbox.namespace}:5001"}}}
    sandbox.with_ledger(chain_namespace=sandbox.namespace, overrides=own_ipfs)
    _crowd(sandbox)
    sandbox.ready("LedgerBinding", "consortium", 120)
    sandbox.apply(sandbox.dataset())
    under_way(sandbox)
    stop = {"spec": {"replicas": 0}}
    sandbox.cluster.patch("Deployment", part, sandbox.namespace, stop)
    waiting = sandbox.cluster.wait_for(
        "FaceDataset", "staff", sandbox.namespace, _says_that_it_waits, 240, "says that it waits"
    )
    assert condition(waiting, "Stalled")["status"] != "True"
    with pytest.raises(AssertionError, match="was given up"):
        until("was given up", lambda: _failures(sandbox), 30, every=1)
    sandbox.cluster.patch("Deployment", part, sandbox.namespace, {"spec": {"replicas": 1}})
    done = sandbox.ready("FaceDataset", "staff", 240)
    assert done["status"]["commitment"]["state"] == "Finalized"


@pytest.mark.disruptive
def test_an_operator_killed_in_every_state_adopts_the_one_rayjob(busy: Sandbox) -> None:
    busy.ready("LedgerBinding", "consortium", 120)
    with _rayjobs_seen(busy) as names:
        busy.apply(busy.dataset())
        until("its RayJob is there", lambda: names, 60, every=0.01)
        _kill_operator(busy.cluster)
        for stage in ("Starting", "Running", "Committing"):
            reached = partial(_has_reached, stage=stage)
            busy.cluster.wait_for("FaceDataset", "staff", busy.namespace, reached, 240, f"has reached {stage}")
            _kill_operator(busy.cluster)
        done = busy.ready("FaceDataset", "staff", 300)
    assert names == {done["status"]["attempt"]["name"]}
    assert done["status"]["attempt"]["number"] == 1
    assert done["status"]["attempt"]["failures"] == 0


@contextmanager
def _rayjobs_seen(sandbox: Sandbox) -> Iterator[set[str]]:
    """The names of all RayJobs that exist in the sandbox while the context is open, however shortly."""
    names: set[str] = set()
    closing = threading.Event()

    def watch() -> None:
        while not closing.is_set():
            resource = sandbox.cluster.resource("RayJob", "ray.io/v1")
            for event in resource.watch(namespace=sandbox.namespace, timeout=5):
                names.add(event["object"].metadata.name)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield names
    finally:
        closing.set()
        watcher.join(timeout=10)


def _has_reached(resource: dict[str, Any], stage: str) -> bool:
    order = ("Pending", "AuthorisingRunKey", "Starting", "Running", "Committing", "Succeeded")
    reason = condition(resource, "Ready")["reason"]
    return reason in order and order.index(reason) >= order.index(stage)


def _kill_operator(cluster: Cluster) -> None:
    labels = "app.kubernetes.io/name=faceledger,app.kubernetes.io/component=operator"
    for pod in cluster.list("Pod", install.NAMESPACE, labels, "v1"):
        cluster.delete("Pod", pod["metadata"]["name"], install.NAMESPACE, now=True)


def _failures(sandbox: Sandbox) -> bool:
    resource = sandbox.get("FaceDataset", "staff") or {}
    attempt = (resource.get("status") or {}).get("attempt") or {}
    return bool(attempt.get("failures")) or condition(resource, "Stalled")["status"] == "True"


def _says_that_it_waits(resource: dict[str, Any]) -> bool:
    message = condition(resource, "Ready")["message"].lower()
    stage = str((resource["status"].get("progress") or {}).get("stage", "")).lower()
    return "wait" in message or "wait" in stage


def _own_trial_components(sandbox: Sandbox) -> None:
    """The chart's chain and Kubo once more, in the sandbox, so that stopping them disturbs nobody else."""
    chart = str(install.REPOSITORY / "charts" / "faceledger")
    values = {f"images.{name}": image for name, image in install.IMAGES.items()}
    values |= {"devChain.enabled": "true", "ipfs.enabled": "true"}
    arguments = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    rendered = sandbox.cluster.helm("template", "trial", chart, "-n", sandbox.namespace, *arguments)
    wanted = [m for m in yaml.safe_load_all(rendered) if m and m["metadata"].get("name") in {"anvil", "ipfs"}]
    for manifest in wanted:
        manifest["metadata"]["namespace"] = sandbox.namespace
    assert {m["kind"] for m in wanted} >= {"Deployment", "Service"}
    sandbox.apply(*wanted)


@contextmanager
def _gpus(cluster: Cluster, count: int) -> Iterator[None]:
    """Lets the first node claim GPUs: pods that ask for one are scheduled, and compute on the processor."""
    node = cluster.core.list_node().items[0].metadata.name
    body = [{"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": str(count)}]
    cluster.core.patch_node_status(node, body)
    try:
        yield
    finally:
        cluster.core.patch_node_status(node, [{"op": "remove", "path": "/status/capacity/nvidia.com~1gpu"}])


def _containerd() -> tuple[str, ...]:
    return ("ctr", "--address", "/run/faceledger-cluster/containerd.sock", "-n", "k8s.io")
