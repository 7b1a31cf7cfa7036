"""What pods complain of becomes one sentence with pod, container, image and cause."""

from __future__ import annotations

from typing import Any

import pytest
from faceledger_operator.kube.labels import ATTEMPT
from faceledger_operator.ray.podfaults import FaultKind, PodFault, first_fault, read_pod

IMAGE = "registry.example/workloads:1"


def pod(name: str = "staff-1-head", role: str | None = "head", **status: Any) -> dict[str, Any]:
    labels = {ATTEMPT: "staff-1", **({"ray.io/node-type": role} if role else {})}
    return {"metadata": {"name": name, "labels": labels}, "status": {"phase": "Pending", **status}}


def waiting(reason: str, message: str = "", container: str = "ray-head") -> dict[str, Any]:
    return {"name": container, "image": IMAGE, "state": {"waiting": {"reason": reason, "message": message}}}


def unschedulable(message: str, reason: str = "Unschedulable") -> dict[str, Any]:
    return {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}


WHERE = f"pod staff-1-head, container ray-head ({IMAGE})"


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        pytest.param(
            {"containerStatuses": [waiting("ErrImagePull", "not found")]},
            PodFault(FaultKind.IMAGE_PULL, f"{WHERE}: the image cannot be pulled"),
            id="an image that is not there",
        ),
        pytest.param(
            {"containerStatuses": [waiting("ImagePullBackOff", "Back-off pulling")]},
            PodFault(FaultKind.IMAGE_PULL, f"{WHERE}: the image cannot be pulled"),
            id="the pause after it, in the same words",
        ),
        pytest.param(
            {"containerStatuses": [waiting("InvalidImageName", "bad reference")]},
            PodFault(FaultKind.IMAGE_PULL, f"{WHERE}: InvalidImageName: bad reference"),
            id="a name that is no image's",
        ),
        pytest.param(
            {"containerStatuses": [waiting("CreateContainerConfigError", 'secret "k" not found')]},
            PodFault(FaultKind.START, f'{WHERE}: CreateContainerConfigError: secret "k" not found'),
            id="a Secret that is missing at the start of a container",
        ),
        pytest.param(
            {"initContainerStatuses": [waiting("CrashLoopBackOff", "back-off 10s", "wait-gcs-ready")]},
            PodFault(
                FaultKind.START, f"pod staff-1-head, container wait-gcs-ready ({IMAGE}): CrashLoopBackOff: back-off 10s"
            ),
            id="an init container that fails",
        ),
        pytest.param(
            {"conditions": [unschedulable("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")]},
            PodFault(
                FaultKind.UNSCHEDULABLE,
                "pod staff-1-head: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
            ),
            id="a pod without a node",
        ),
        pytest.param({"conditions": [unschedulable("", "SchedulingGated")]}, None, id="a pod that a queue holds back"),
        pytest.param({"containerStatuses": [waiting("ContainerCreating")]}, None, id="a pod that is being started"),
        pytest.param({"conditions": [{"type": "PodScheduled", "status": "True"}]}, None, id="a pod with a node"),
    ],
)
def test_a_pod_complains(status: dict[str, Any], fault: PodFault | None) -> None:
    assert read_pod(pod(**status)).fault == fault


def test_a_pod_that_nobody_looked_at_has_no_fault() -> None:
    assert read_pod({"metadata": {"name": "p"}}).fault is None


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        pytest.param({"phase": "Running"}, False, id="one that runs"),
        pytest.param({"phase": "Failed"}, True, id="one that failed"),
        pytest.param(
            {"phase": "Running", "containerStatuses": [{"name": "ray-head", "restartCount": 1, "state": {}}]},
            True,
            id="one whose container was restarted",
        ),
        pytest.param(
            {
                "phase": "Running",
                "containerStatuses": [
                    {"name": "ray-head", "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
                ],
            },
            True,
            id="one whose container ended",
        ),
    ],
)
def test_what_ran_in_a_pod_has_ended(status: dict[str, Any], ended: bool) -> None:
    assert read_pod(pod(**status)).ended is ended


def test_how_a_container_ended_is_told() -> None:
    ended = {"name": "ray-head", "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
    assert read_pod(pod(containerStatuses=[ended])).end == "container ray-head ended: OOMKilled (exit 137)"


DIGEST = "sha256:" + "1a" * 32


@pytest.mark.parametrize(
    ("container", "digest"),
    [
        pytest.param({"name": "ray-head", "imageID": f"registry.example/workloads@{DIGEST}"}, DIGEST, id="one pulled"),
        pytest.param({"name": "ray-head", "imageID": DIGEST}, DIGEST, id="one that was loaded"),
        pytest.param({"name": "ray-head", "imageID": ""}, "", id="one that does not run yet"),
        pytest.param({"name": "autoscaler", "imageID": DIGEST}, "", id="another container's"),
    ],
)
def test_the_image_that_a_head_runs_is_told_by_its_digest(container: dict[str, Any], digest: str) -> None:
    assert read_pod(pod(containerStatuses=[{"state": {}, **container}])).image_digest == digest


def test_the_heads_fault_comes_first_and_the_order_of_pods_does_not_matter() -> None:
    fault = {"containerStatuses": [waiting("ErrImagePull")]}
    pods = [read_pod(pod(name, role, **fault)) for name, role in (("b", "worker"), ("c", None), ("d", "head"))]
    for some in (pods, pods[::-1]):
        found = first_fault(some)
        assert found is not None
        assert found.message.startswith("pod d,")


def test_the_fault_of_a_pod_under_deletion_is_nobodys() -> None:
    body = pod(containerStatuses=[waiting("ErrImagePull")])
    body["metadata"]["deletionTimestamp"] = "now"
    assert first_fault([read_pod(body)]) is None
