"""The pods of an attempt: the Ray head with the driver, the Ray workers, and the submitter that starts the driver.

In: what the attempt needs of a pod. Out: pod templates for a RayJob. Invariants: every container satisfies the
restricted pod security standard; only the head has a service account token and the run key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..api.base import NodeSelector, Toleration, Tolerations, WorkerGroup
from ..kube.labels import SUBJECT_UID
from .overrides import overlaid

__all__ = [
    "CHECKPOINT_PATH",
    "DATA_KEY_FILE",
    "HEAD_CONTAINER",
    "OUTPUT_PATH",
    "RUN_KEY_FILE",
    "RUN_SPEC_FILE",
    "SOURCE_PATH",
    "TRAINING_PATH",
    "ClaimMount",
    "Placement",
    "PodNeeds",
    "SecretItem",
    "head_template",
    "restricted_container",
    "restricted_pod",
    "submitter_template",
    "worker_template",
]

Object = dict[str, Any]

SOURCE_PATH = "/data/source"
OUTPUT_PATH = "/data/output"
CHECKPOINT_PATH = "/data/checkpoint"
TRAINING_PATH = "/data/training"

RUN_SPEC_FOLDER = "/etc/faceledger/run"
RUN_SPEC_FILE = f"{RUN_SPEC_FOLDER}/run.json"

RUN_KEY_FOLDER = "/etc/faceledger/run-key"
RUN_KEY_FILE = f"{RUN_KEY_FOLDER}/private-key"

DATA_KEY_FOLDER = "/etc/faceledger/data-key"
DATA_KEY_FILE = f"{DATA_KEY_FOLDER}/data-key"

HEAD_CONTAINER = "ray-head"

HEAD_CPU = "250m"
"""Request of the head: it schedules and drives, the workers compute."""

STOP_SECONDS = 10
"""Seconds that a Ray pod has to stop: files are renamed when they are whole, so nothing needs longer."""

SUBMITTER_CPU, SUBMITTER_MEMORY = "20m", "64Mi"

USER = 1000
"""uid and gid of every container; files that they write on a shared volume stay readable to the next attempt."""

GPU_RESOURCE = "nvidia.com/gpu"

GPU_TOLERATION = Toleration(key=GPU_RESOURCE, operator="Exists", effect="NoSchedule")

_RUN_MOUNTS = [
    {"name": "run", "mountPath": RUN_SPEC_FOLDER, "readOnly": True},
    {"name": "run-key", "mountPath": RUN_KEY_FOLDER, "readOnly": True},
]

HEAD_PORTS = (("gcs-server", 6379), ("dashboard", 8265), ("client", 10001))


@dataclass(frozen=True)
class ClaimMount:
    """A PersistentVolumeClaim at a path of the pod."""

    claim: str
    path: str
    read_only: bool


@dataclass(frozen=True)
class SecretItem:
    """One key of a Secret."""

    name: str
    key: str


@dataclass(frozen=True)
class Placement:
    """Where pods may run, and before whom."""

    node_selector: NodeSelector = field(default_factory=dict)
    tolerations: Tolerations = ()
    priority_class: str | None = None


@dataclass(frozen=True)
class PodNeeds:
    """What the pods of one attempt need besides computers.

    `overrides`: a checked pod template of the user's, laid over Ray's pods.
    `standing`: they outlive the attempt, so its run spec and run key are not mounted: the driver fetches them.
    """

    attempt: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    workloads_image: str
    operator_image: str
    claims: tuple[ClaimMount, ...]
    data_key: SecretItem
    pull_secrets: tuple[str, ...] = ()
    placement: Placement = Placement()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    standing: bool = False


def head_template(needs: PodNeeds, memory: str) -> Object:
    """The pod of the driver. It is never restarted: the Ray job would be gone, and a new attempt follows instead."""
    volumes = [*_common_volumes(needs, memory), *_head_volumes(needs)]
    container = {
        **_container(HEAD_CONTAINER, needs.workloads_image),
        "env": _ray_env(),
        "ports": [{"name": name, "containerPort": port} for name, port in HEAD_PORTS],
        "resources": _resources(HEAD_CPU, memory),
        "volumeMounts": [
            *_common_mounts(needs),
            *([] if needs.standing else _RUN_MOUNTS),
            {"name": "data-key", "mountPath": DATA_KEY_FOLDER, "readOnly": True},
        ],
    }
    template = _template(
        needs,
        {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": STOP_SECONDS,
            **_placed(needs.placement),
            "serviceAccountName": needs.attempt,
            "automountServiceAccountToken": True,
            "containers": [container],
            "volumes": volumes,
        },
    )
    return overlaid(template, needs.overrides)


def worker_template(needs: PodNeeds, group: WorkerGroup) -> Object:
    """The pod of a worker: it reads what it works on; it sees neither the output, nor a key, nor a token."""
    needs = replace(needs, claims=tuple(mount for mount in needs.claims if mount.read_only))
    container = {
        **_container("ray-worker", needs.workloads_image),
        "env": _ray_env(),
        "resources": _resources(group.cpu, group.memory, group.gpu),
        "volumeMounts": _common_mounts(needs),
    }
    runtime = {"runtimeClassName": group.runtime_class_name} if group.runtime_class_name else {}
    template = _template(
        needs,
        {
            **_placed(_worker_placement(needs.placement, group)),
            **runtime,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": STOP_SECONDS,
            "containers": [container],
            "volumes": _common_volumes(needs, group.memory),
        },
    )
    return overlaid(template, needs.overrides)


def submitter_template(needs: PodNeeds, entrypoint: str) -> Object:
    """The pod that starts the driver and stays until its end; KubeRay adds the dashboard's address and the token."""
    container = {
        **_container("ray-job-submitter", needs.operator_image),
        "command": ["python", "-m", "faceledger_operator.ray.submit"],
        "args": [entrypoint],
        "resources": _resources(SUBMITTER_CPU, SUBMITTER_MEMORY),
    }
    # It stays with the RayJob for its log, when all that works for the resource is gone: it is not counted among that.
    own = replace(needs, labels={key: value for key, value in needs.labels.items() if key != SUBJECT_UID})
    return _template(
        own,
        {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]},
    )


def restricted_pod() -> Object:
    """The security context of a pod under the restricted standard, whose volumes its one user may write."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def restricted_container() -> Object:
    """The container security context that the restricted pod security standard asks for, and a read-only root."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _template(needs: PodNeeds, spec: Object) -> Object:
    secrets = {"imagePullSecrets": [{"name": name} for name in needs.pull_secrets]} if needs.pull_secrets else {}
    return {
        "metadata": {"labels": dict(needs.labels), "annotations": dict(needs.annotations)},
        "spec": {
            "enableServiceLinks": False,
            "securityContext": restricted_pod(),
            **secrets,
            **spec,
        },
    }


def _placed(placement: Placement) -> Object:
    tolerations = [one.model_dump(by_alias=True, exclude_defaults=True) for one in placement.tolerations]
    fields = {
        "nodeSelector": dict(placement.node_selector),
        "tolerations": tolerations,
        "priorityClassName": placement.priority_class,
    }
    return {key: value for key, value in fields.items() if value}


def _worker_placement(placement: Placement, group: WorkerGroup) -> Placement:
    """That of all pods and that of the group; nodes with GPUs are commonly tainted with their resource's name."""
    gpus = (GPU_TOLERATION,) if group.gpu else ()
    return replace(
        placement,
        node_selector={**placement.node_selector, **group.node_selector},
        tolerations=(*placement.tolerations, *group.tolerations, *gpus),
    )


def _container(name: str, image: str) -> Object:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": restricted_container(),
    }


def _resources(cpu: str, memory: str, gpu: int = 0) -> Object:
    gpus = {GPU_RESOURCE: str(gpu)} if gpu else {}
    return {"requests": {"cpu": cpu, "memory": memory, **gpus}, "limits": {"memory": memory, **gpus}}


def _ray_env() -> list[Object]:
    """Objects are never spilled: they hold faces, and /tmp is a disk. Workers and drivers are not niced: what share of
    a node they have is said by the pod's requests."""
    return [
        {"name": "HOME", "value": "/tmp"},  # noqa: S108
        {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"},
        {"name": "RAY_automatic_object_spilling_enabled", "value": "0"},
        {"name": "RAY_worker_niceness", "value": "0"},
    ]


def _common_volumes(needs: PodNeeds, memory: str) -> list[Object]:
    return [
        {"name": "tmp", "emptyDir": {}},
        {"name": "shared-mem", "emptyDir": {"medium": "Memory", "sizeLimit": memory}},
        *_claim_volumes(needs.claims),
    ]


def _common_mounts(needs: PodNeeds) -> list[Object]:
    names = _claim_names(needs.claims)
    return [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        {"name": "shared-mem", "mountPath": "/dev/shm"},  # noqa: S108
        *(
            {"name": names[mount.claim], "mountPath": mount.path, "readOnly": mount.read_only}
            for mount in sorted(set(needs.claims), key=lambda mount: mount.path)
        ),
    ]


def _head_volumes(needs: PodNeeds) -> Iterator[Object]:
    item = {"key": needs.data_key.key, "path": DATA_KEY_FILE.removeprefix(f"{DATA_KEY_FOLDER}/")}
    data_key = {"secretName": needs.data_key.name, "defaultMode": 0o440, "items": [item]}
    if not needs.standing:
        yield {"name": "run", "configMap": {"name": f"{needs.attempt}-run"}}
        yield {"name": "run-key", "secret": {"secretName": f"{needs.attempt}-run-key", "defaultMode": 0o440}}
    yield {"name": "data-key", "secret": data_key}


def _claim_names(claims: Iterable[ClaimMount]) -> dict[str, str]:
    """One volume a claim, however often it is mounted: two volumes of one claim are refused by some drivers."""
    unique = sorted({mount.claim for mount in claims})
    return {claim: f"claim-{number}" for number, claim in enumerate(unique)}


def _claim_volumes(claims: Iterable[ClaimMount]) -> list[Object]:
    return [
        {"name": name, "persistentVolumeClaim": {"claimName": claim}} for claim, name in _claim_names(claims).items()
    ]
