"""What the local cluster promises to all that runs on it, before any of the product is installed.

Each test works in a namespace of its own that enforces the restricted pod security; of the product it takes the
workloads image alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from testbed.cluster import Cluster, condition, until
from testbed.install import IMAGES

SERVE = "id -u > /data/index.html && cd /data && exec python3 -u -m http.server 8000"

FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"

COUNT_NODES_AND_CPUS = (
    "import ray; ray.init(address='auto'); "
    "hosts = {ray.get(ray.remote(lambda: __import__('socket').gethostname()).options("
    "scheduling_strategy=ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(n['NodeID'], soft=False))"
    ".remote()) for n in ray.nodes() if n['Alive']}; "
    "assert len(hosts) == 2, hosts; print('hosts', sorted(hosts))"
)


@pytest.fixture(scope="session")
def bare_cluster() -> Cluster:
    """The cluster, whether or not the product is installed in it."""
    return Cluster()


@pytest.fixture
def namespace(bare_cluster: Cluster) -> Iterator[str]:
    """The name of an empty namespace, deleted afterwards."""
    name = f"fl-local-{secrets.token_hex(4)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    bare_cluster.apply(manifest("v1", "Namespace", name, labels), namespace="")
    yield name
    bare_cluster.delete("Namespace", name, "")


def test_a_claim_binds_and_a_pod_of_user_1000_serves_what_it_wrote_there_by_its_service_name(
    bare_cluster: Cluster, namespace: str
) -> None:
    bare_cluster.apply(claim("data", "ReadWriteMany"), service("web"), web_pod(), namespace=namespace)

    pod_is_ready(bare_cluster, namespace, "web")
    bare_cluster.apply(pod("client", ["sleep", "600"]), namespace=namespace)
    pod_is_ready(bare_cluster, namespace, "client")

    for address in ("http://web", f"http://web.{namespace}.svc.cluster.local"):
        answer = bare_cluster.kubectl("exec", "-n", namespace, "client", "--", "python3", "-c", FETCH, address)
        assert answer.strip() == "1000", address
    assert "GET / HTTP" in bare_cluster.kubectl("logs", "-n", namespace, "web")


def test_the_data_of_a_deleted_claim_is_deleted(bare_cluster: Cluster, namespace: str) -> None:
    bare_cluster.apply(claim("data", "ReadWriteOnce"), namespace=namespace)
    bound = bare_cluster.wait_for(
        "PersistentVolumeClaim", "data", namespace, lambda c: c["status"].get("phase") == "Bound", 30, "is Bound"
    )
    volume = bound["spec"]["volumeName"]

    bare_cluster.delete("PersistentVolumeClaim", "data", namespace)

    # The volume object goes only once the provisioner has removed the folder.
    assert until(f"{volume} is gone", lambda: bare_cluster.get("PersistentVolume", volume, "") is None, 30)


def test_a_pod_that_ends_is_seen_within_seconds(bare_cluster: Cluster, namespace: str) -> None:
    bare_cluster.apply(pod("brief", ["sh", "-c", "exit 3"]), namespace=namespace)

    ended = bare_cluster.wait_for(
        "Pod", "brief", namespace, lambda found: found["status"].get("phase") == "Failed", 20, "has failed"
    )

    (container,) = ended["status"]["containerStatuses"]
    assert container["state"]["terminated"]["exitCode"] == 3


def test_a_rayjob_of_two_pods_with_token_authentication_succeeds(bare_cluster: Cluster, namespace: str) -> None:
    bare_cluster.apply(rayjob("probe"), namespace=namespace)

    def status() -> dict[str, Any]:
        found = bare_cluster.get("RayJob", "probe", namespace, api_version="ray.io/v1")
        return (found or {}).get("status") or {}

    until("the RayJob has ended", lambda: status().get("jobDeploymentStatus") in {"Complete", "Failed"}, 180, status)

    assert status()["jobStatus"] == "SUCCEEDED", status()


def manifest(api_version: str, kind: str, name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "labels": labels or {}}}


def claim(name: str, access_mode: str) -> dict[str, Any]:
    spec = {"accessModes": [access_mode], "resources": {"requests": {"storage": "1Gi"}}}
    return manifest("v1", "PersistentVolumeClaim", name) | {"spec": spec}


def service(name: str) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8000}]}
    return manifest("v1", "Service", name) | {"spec": spec}


def web_pod() -> dict[str, Any]:
    made = pod("web", ["sh", "-c", SERVE])
    made["metadata"]["labels"] = {"app": "web"}
    made["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    (container,) = made["spec"]["containers"]
    container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    container["readinessProbe"] = {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1}
    return made


def pod(name: str, command: list[str]) -> dict[str, Any]:
    return manifest("v1", "Pod", name) | {"spec": pod_spec(name, command)}


def pod_spec(name: str, command: list[str] | None, cpu: str = "50m", memory: str = "64Mi") -> dict[str, Any]:
    """A pod that the restricted pod security admits; Ray needs a writable /tmp."""
    container = {
        "name": name,
        "image": IMAGES["workloads"],
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
    }
    if command:
        container["command"] = command
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    }


def rayjob(name: str) -> dict[str, Any]:
    head, worker = (pod_spec(part, None, "400m", "2Gi") for part in ("ray-head", "ray-worker"))
    submitter = pod_spec("ray-job-submitter", None, "100m", "1Gi")
    del submitter["containers"][0]["volumeMounts"], submitter["volumes"]
    submitter["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = False
    for spec in (head, worker):
        del spec["restartPolicy"]
    return manifest("ray.io/v1", "RayJob", name) | {
        "spec": {
            "entrypoint": f'python -c "{COUNT_NODES_AND_CPUS}"',
            "submissionMode": "K8sJobMode",
            "backoffLimit": 0,
            "shutdownAfterJobFinishes": True,
            "activeDeadlineSeconds": 170,
            "submitterPodTemplate": {"spec": submitter},
            "rayClusterSpec": {
                "rayVersion": "2.60.0",
                "authOptions": {"mode": "token"},
                "headGroupSpec": {
                    "rayStartParams": {"num-cpus": "1"},
                    "template": {"spec": head},
                },
                "workerGroupSpecs": [
                    {
                        "groupName": "workers",
                        "replicas": 1,
                        "minReplicas": 1,
                        "maxReplicas": 1,
                        "rayStartParams": {"num-cpus": "1"},
                        "template": {"spec": worker},
                    }
                ],
            },
        }
    }


def pod_is_ready(cluster: Cluster, namespace: str, name: str) -> None:
    cluster.wait_for(
        "Pod", name, namespace, lambda found: condition(found, "Ready")["status"] == "True", 60, "is Ready"
    )
