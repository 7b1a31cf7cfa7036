"""The RayJob of an attempt, whole: held to golden files, to KubeRay's own rules and to the restricted standard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from faceledger_operator.api.base import Toleration, WorkerGroup
from faceledger_operator.kube.labels import SUBJECT_UID
from faceledger_operator.ray.pods import ClaimMount, Placement, PodNeeds, SecretItem
from faceledger_operator.ray.rayjob import RayJobPlan, build_rayjob

GOLDEN = Path(__file__).parent / "golden"

PODS = PodNeeds(
    attempt="staff-0123456789-1",
    labels={
        "faceledger.dev/attempt": "staff-0123456789-1",
        "faceledger.dev/subject-uid": "0f9c1e0a",
        "faceledger.dev/subject-kind": "FaceDataset",
    },
    annotations={"faceledger.dev/subject": "staff"},
    workloads_image="faceledger/workloads:1",
    operator_image="faceledger/operator:1",
    claims=(
        ClaimMount("staff-photos", "/data/source", read_only=True),
        ClaimMount("faceledger", "/data/output", read_only=False),
    ),
    data_key=SecretItem("staff-data-key", "key"),
)

PLAN = RayJobPlan(
    namespace="demo",
    owner={
        "apiVersion": "faceledger.dev/v1alpha1",
        "kind": "FaceDataset",
        "name": "staff",
        "uid": "0f9c1e0a",
        "controller": True,
    },
    pods=PODS,
    workers=WorkerGroup(),
    head_memory="2Gi",
    timeout=3600,
)

ONE_CLAIM = (
    ClaimMount("shared", "/data/source", read_only=True),
    ClaimMount("shared", "/data/output", read_only=False),
)

PLANS = {
    "fixed-workers": PLAN,
    "autoscaled-gpu-workers": replace(
        PLAN,
        workers=WorkerGroup(min=0, max=4, cpu="4", memory="16Gi", gpu=1),
        pods=replace(PODS, claims=ONE_CLAIM, pull_secrets=("registry",)),
        timeout=90,
    ),
    "queued-and-placed": replace(
        PLAN,
        workers=WorkerGroup(
            gpu=1,
            node_selector={"accelerator": "h100"},
            tolerations=(Toleration(key="spot", operator="Exists"),),
            runtime_class_name="nvidia",
        ),
        pods=replace(
            PODS, placement=Placement({"zone": "a"}, (Toleration(key="team", value="a", effect="NoExecute"),), "batch")
        ),
        queue="team-a",
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_rayjob_is_the_golden_one(name: str) -> None:
    assert build_rayjob(PLANS[name]) == yaml.safe_load((GOLDEN / f"{name}.yaml").read_text())


def templates(job: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    cluster = job["spec"]["rayClusterSpec"]
    yield "head", cluster["headGroupSpec"]["template"]
    yield "worker", cluster["workerGroupSpecs"][0]["template"]
    yield "submitter", job["spec"]["submitterPodTemplate"]


@pytest.mark.parametrize("name", PLANS)
def test_every_pod_satisfies_the_restricted_standard(name: str) -> None:
    for _, template in templates(build_rayjob(PLANS[name])):
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert not context["allowPrivilegeEscalation"]
            assert context["readOnlyRootFilesystem"]
            assert container["resources"]["requests"]["cpu"]
            assert container["resources"]["limits"]["memory"]


def test_the_head_alone_has_a_token_and_keys() -> None:
    pods = dict(templates(build_rayjob(PLAN)))
    tokens = {role: template["spec"]["automountServiceAccountToken"] for role, template in pods.items()}
    assert tokens == {"head": True, "worker": False, "submitter": False}
    secrets = {
        role: [volume["name"] for volume in template["spec"].get("volumes", ()) if "secret" in volume]
        for role, template in pods.items()
    }
    assert secrets == {"head": ["run-key", "data-key"], "worker": [], "submitter": []}


def test_workers_cannot_write_what_they_read_and_do_not_see_the_output() -> None:
    worker = dict(templates(build_rayjob(PLAN)))["worker"]["spec"]["containers"][0]
    claims = {mount["mountPath"]: mount["readOnly"] for mount in worker["volumeMounts"] if "readOnly" in mount}
    assert claims == {"/data/source": True}


def test_a_claim_that_is_source_and_output_is_one_volume() -> None:
    head = dict(templates(build_rayjob(PLANS["autoscaled-gpu-workers"])))["head"]["spec"]
    assert len([volume for volume in head["volumes"] if "persistentVolumeClaim" in volume]) == 1
    mounts = {m["mountPath"]: m["readOnly"] for m in head["containers"][0]["volumeMounts"] if m["name"] == "claim-0"}
    assert mounts == {"/data/output": False, "/data/source": True}


def test_every_mounted_volume_is_there() -> None:
    for plan in PLANS.values():
        for _, template in templates(build_rayjob(plan)):
            volumes = {volume["name"] for volume in template["spec"].get("volumes", ())}
            mounted = {m["name"] for c in template["spec"]["containers"] for m in c.get("volumeMounts", ())}
            assert mounted == volumes


def test_the_submitter_does_not_count_as_working_for_the_resource() -> None:
    labels = {role: template["metadata"]["labels"] for role, template in templates(build_rayjob(PLAN))}
    assert [role for role in labels if SUBJECT_UID in labels[role]] == ["head", "worker"]


def test_kuberays_rules_for_the_fields_that_we_use() -> None:
    """From its validation, v1.6.2."""
    for plan in PLANS.values():
        spec = build_rayjob(plan)["spec"]
        cluster, group = spec["rayClusterSpec"], spec["rayClusterSpec"]["workerGroupSpecs"][0]
        assert cluster["authOptions"] == {"mode": "token"}
        assert cluster["rayVersion"] >= "2.52.0"
        assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        assert cluster.get("enableInTreeAutoscaling", False) == (group["minReplicas"] != group["maxReplicas"])
        assert spec["activeDeadlineSeconds"] > 0
        assert spec["preRunningDeadlineSeconds"] > 0
        assert spec["backoffLimit"] == 0
        assert spec["shutdownAfterJobFinishes"]
