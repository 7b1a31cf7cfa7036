"""What a user lays over the Ray pods: Kubernetes' merge for what is allowed, a refusal by name for all else."""

from __future__ import annotations

from typing import Any

import pytest
from faceledger_operator.ray.overrides import OverrideRefusedError, check_overrides, overlaid

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"faceledger.dev/attempt": "staff-1"}, "annotations": {}},
    "spec": {
        "serviceAccountName": "staff-1",
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "containers": [
            {
                "name": "ray-worker",
                "image": "workloads:1",
                "env": [{"name": "HOME", "value": "/tmp"}],
                "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "2Gi"}},
            }
        ],
    },
}


def container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "ray-worker", **fields}]}}


MERGES = [
    pytest.param(
        {"metadata": {"labels": {"team": "a"}}},
        ("metadata", "labels"),
        {"faceledger.dev/attempt": "staff-1", "team": "a"},
        id="labels come to ours",
    ),
    pytest.param(
        container(env=[{"name": "OMP_NUM_THREADS", "value": "2"}]),
        ("spec", "containers", 0, "env"),
        [{"name": "HOME", "value": "/tmp"}, {"name": "OMP_NUM_THREADS", "value": "2"}],
        id="variables merge by name",
    ),
    pytest.param(
        container(resources={"limits": {"cpu": "2"}}),
        ("spec", "containers", 0, "resources"),
        {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
        id="mappings merge",
    ),
    pytest.param(
        {"metadata": {"labels": {"env": "test"}}, "spec": {"nodeSelector": {"env": "test"}}},
        ("spec", "nodeSelector"),
        {"env": "test"},
        id="a label may have the name of a list",
    ),
    pytest.param(
        {"spec": {"tolerations": [{"key": "spot", "operator": "Exists"}]}},
        ("spec", "tolerations"),
        [{"key": "spot", "operator": "Exists"}],
        id="a list without a merge key is replaced",
    ),
    pytest.param(
        {"spec": {"containers": [{"name": "ray-head", "imagePullPolicy": "Always"}]}},
        ("spec", "containers"),
        TEMPLATE["spec"]["containers"],
        id="another pod's container is left out",
    ),
]


@pytest.mark.parametrize(("patch", "path", "expected"), MERGES)
def test_a_template_is_laid_over_ours(patch: dict[str, Any], path: tuple[Any, ...], expected: Any) -> None:
    check_overrides(patch)
    found: Any = overlaid(TEMPLATE, patch)
    for step in path:
        found = found[step]
    assert found == expected
    assert TEMPLATE["spec"]["serviceAccountName"] == overlaid(TEMPLATE, patch)["spec"]["serviceAccountName"]


REFUSED = [
    pytest.param({"spec": {"hostNetwork": True}}, "spec.hostNetwork", id="the host's network"),
    pytest.param({"spec": {"serviceAccountName": "admin"}}, "spec.serviceAccountName", id="another account"),
    pytest.param({"spec": {"volumes": [{"hostPath": {"path": "/"}}]}}, "spec.volumes", id="a host path"),
    pytest.param({"spec": {"securityContext": {"runAsUser": 0}}}, "spec.securityContext", id="another user"),
    pytest.param({"spec": {"initContainers": []}}, "spec.initContainers", id="a container before ours"),
    pytest.param({"spec": {"nodeName": "n"}}, "spec.nodeName", id="a node past the scheduler"),
    pytest.param(
        container(securityContext={"privileged": True}), "spec.containers[0].securityContext", id="privileges"
    ),
    pytest.param(container(command=["sh"]), "spec.containers[0].command", id="another command"),
    pytest.param(container(image="mine"), "spec.containers[0].image", id="another image"),
    pytest.param(
        {"spec": {"containers": [{"name": "sidecar"}]}}, "spec.containers[0].name", id="a container beside ours"
    ),
    pytest.param(
        container(env=[{"name": "RAY_AUTH_MODE", "value": "disabled"}]),
        "spec.containers[0].env[0].name",
        id="Ray's own variables",
    ),
    pytest.param(
        container(env=[{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]),
        "spec.containers[0].env[0]",
        id="a variable from a Secret",
    ),
    pytest.param(
        {"metadata": {"labels": {"faceledger.dev/attempt": "other"}}},
        "metadata.labels.faceledger.dev/attempt",
        id="a label of ours",
    ),
    pytest.param({"metadata": {"finalizers": ["a"]}}, "metadata.finalizers", id="a finalizer"),
    pytest.param({"spec": {"containers": "all"}}, "spec.containers", id="a list that is none"),
    pytest.param({"kind": "Pod"}, "kind", id="more than a template"),
    pytest.param({"metadata": None}, "metadata", id="null for all of our labels"),
    pytest.param({"metadata": {"labels": None}}, "metadata.labels", id="null for our labels"),
    pytest.param({"spec": None}, "spec", id="null for the pod"),
    pytest.param({"spec": {"containers": None}}, "spec.containers", id="null for our container"),
    pytest.param(container(env=None), "spec.containers[0].env", id="null for our variables"),
    pytest.param(
        container(env=[{"name": "HOME", "value": None}]), "spec.containers[0].env[0].value", id="null for a value"
    ),
    pytest.param(
        container(resources={"limits": {"memory": None}}),
        "spec.containers[0].resources.limits.memory",
        id="null for a limit",
    ),
    pytest.param({"spec": {"tolerations": None}}, "spec.tolerations", id="null for our tolerations"),
    pytest.param({"spec": {"tolerations": [None]}}, "spec.tolerations[0]", id="null in a list"),
    pytest.param({"spec": {"imagePullSecrets": [{}]}}, "spec.imagePullSecrets[0].name", id="an item without its key"),
    pytest.param({"spec": {"hostAliases": ["x"]}}, "spec.hostAliases[0].ip", id="an item that is no mapping"),
    pytest.param({"spec": {"schedulingGates": {}}}, "spec.schedulingGates", id="a mapping for a list"),
    pytest.param(
        container(env=[{"name": ["a"], "value": "b"}]), "spec.containers[0].env[0].name", id="a key that is no text"
    ),
    pytest.param(
        {"metadata": {"annotations": {"env": ["x"]}}}, "metadata.annotations.env[0].name", id="a list where none is"
    ),
]


@pytest.mark.parametrize(("patch", "path"), REFUSED)
def test_what_may_not_be_overridden_is_named(patch: dict[str, Any], path: str) -> None:
    with pytest.raises(OverrideRefusedError) as refused:
        check_overrides(patch)
    assert str(refused.value).startswith(f"spec.compute.podTemplate.{path}: ")
