"""What the three kinds share: references, volumes, compute, conditions, attempts, artefacts and commitments.

In: YAML of the API server as dictionaries. Out: frozen models whose field names are the YAML's (camelCase aliases).
Invariant: these models are the only source of the CRDs and of the reference page; field rules live here alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from .rules import Rule, Says, cel

__all__ = [
    "API_VERSION",
    "GROUP",
    "VERSION",
    "AmountText",
    "ApiModel",
    "ArtefactStatus",
    "AskedStatus",
    "AttemptStatus",
    "AutoOrDecimal01",
    "BundledCheckpoint",
    "CommitmentState",
    "CommitmentStatus",
    "Compute",
    "Condition",
    "CostStatus",
    "Decimal01",
    "DecimalText",
    "Duration",
    "ImageFolder",
    "LocalObject",
    "NodeSelector",
    "ObjectMeta",
    "PersistentVolumeClaimPath",
    "ProgressStatus",
    "Quantity",
    "Rate",
    "SecretKey",
    "SharedCompute",
    "Threshold",
    "Toleration",
    "Tolerations",
    "Volume",
    "VolumePath",
    "WorkerGroup",
]

GROUP = "faceledger.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

DecimalText = Annotated[
    str,
    Field(pattern=r"^-?[0-9]+(\.[0-9]{1,18})?$", max_length=40),
    Says('must be a decimal number, written as text, as in "0.5"'),
]
"""A decimal number as text, so that no client rounds it."""

AmountText = Annotated[
    str,
    Field(pattern=r"^[0-9]+(\.[0-9]{1,18})?$", max_length=40),
    Says('must be a decimal number that is not negative, written as text, as in "0.05"'),
]
"""An amount of money: a decimal number from 0 up, as text."""

Decimal01 = Annotated[
    str,
    Field(pattern=r"^(0(\.[0-9]{1,18})?|1(\.0{1,18})?)$", max_length=20),
    Says('must be a number from 0 to 1, written as text, as in "0.7"'),
]
"""A decimal number from 0 to 1 as text."""

AutoOrDecimal01 = Annotated[
    str,
    Field(pattern=r"^(Auto|0(\.[0-9]{1,18})?|1(\.0{1,18})?)$", max_length=20),
    Says('must be Auto or a number from 0 to 1, written as text, as in "0.93"'),
]
"""`Auto`, or a decimal number from 0 to 1 as text."""

Threshold = Annotated[
    str,
    Field(pattern=r"^(Auto|[0-9]{1,3}(\.[0-9]{1,18})?)$", max_length=24),
    Says('must be Auto or a number from 0 up, written as text, as in "0.93"'),
]
"""`Auto`, or T as text: a cosine is at most 1, a normalised score some standard deviations."""

Rate = Annotated[
    str,
    Field(pattern=r"^0\.0{0,17}[1-9][0-9]{0,17}$", max_length=20),
    Says('must be a number above 0 and below 1, written as text, as in "0.001"'),
]
"""A decimal number between 0 and 1, both excluded, as text."""

Duration = Annotated[
    str,
    Field(pattern=r"^([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$", min_length=2, max_length=22),
    Says("must be hours, minutes and seconds, as in 1h30m or 5s, at most 99999h"),
]
"""Hours, minutes and seconds, as in `1h30m` or `5s`; bounded, so that no clock and no field of KubeRay overflows."""

PositiveDuration = Annotated[Duration, Rule("self.matches('[1-9]')", "must be longer than zero")]

Quantity = Annotated[
    str,
    Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", max_length=20),
    Says("must be a Kubernetes quantity, as in 500m or 2Gi"),
    Rule("self.matches('[1-9]')", "must be above zero"),
]
"""A Kubernetes quantity above zero, as in `500m` or `2Gi`."""

VolumePath = Annotated[
    str,
    Field(max_length=1024),
    Rule(r"!self.matches(r'(^|/)\.\.(/|$)')", "must not lead out of the volume: no '..' among its folders"),
]
"""A path inside a volume."""

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]

CommitmentState = Literal["Pending", "Pinned", "Submitted", "Included", "Finalized", "Reorged"]
"""Where a result is on its way to the chain; `Reorged` goes back to `Submitted`."""


class ApiModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class ObjectMeta(ApiModel):
    """The part of metadata that decisions read."""

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    annotations: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)


class LocalObject(ApiModel):
    """A resource in the same namespace."""

    name: str = Field(min_length=1, max_length=253, description="Name of the resource, in the same namespace.")


class SecretKey(ApiModel):
    """One key of a Secret in the same namespace."""

    name: str = Field(min_length=1, max_length=253, description="Name of the Secret, in the same namespace.")
    key: str = Field(default="key", min_length=1, max_length=253, description="Key inside the Secret.")


class PersistentVolumeClaimPath(ApiModel):
    claim_name: str = Field(
        min_length=1,
        max_length=253,
        description="PersistentVolumeClaim in the same namespace.",
        examples=["staff-photos"],
    )
    path: VolumePath = Field(
        default="/",
        description="Folder inside the volume; for a single file, the file.",
        examples=["/2026"],
    )


class Volume(ApiModel):
    """A folder of a volume."""

    persistent_volume_claim: PersistentVolumeClaimPath = Field(description="The claim and the folder inside it.")


class ImageFolder(Volume):
    """Photographs on a volume."""

    layout: Literal["IdentityFolders", "Flat"] = Field(
        default="IdentityFolders",
        description="IdentityFolders: one folder a person, its name the identity. Flat: files without identities.",
    )


class Toleration(ApiModel):
    """A taint that pods bear, as in a pod."""

    key: str = Field(default="", max_length=317, description="Key of the taint; empty with Exists: every taint.")
    operator: Literal["Exists", "Equal"] = Field(default="Equal", description="How key and value are compared.")
    value: str = Field(default="", max_length=63, description="Value of the taint, for Equal.")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        default="", description="Effect of the taint; empty: every effect."
    )


LabelText = Annotated[str, Field(max_length=63, description="Value of the label.")]

NodeSelector = Annotated[
    dict[str, LabelText], Field(max_length=32, description="Labels that a node must have.", examples=[{"zone": "a"}])
]

Tolerations = Annotated[tuple[Toleration, ...], Field(max_length=32, description="Taints that the pods bear.")]


class WorkerGroup(ApiModel):
    model_config = ConfigDict(
        json_schema_extra=cel(("self.min <= self.max", "compute.workers: min must not be above max")),
    )

    min: int = Field(default=1, ge=0, le=1000, description="Worker pods to start with.")
    max: int = Field(default=1, ge=1, le=1000, description="Worker pods at most. Results do not depend on the number.")
    cpu: Quantity = Field(default="1", description="CPU request of a worker pod.", examples=["4"])
    memory: Quantity = Field(default="2Gi", description="Memory request and limit of a worker pod.", examples=["8Gi"])
    gpu: int = Field(default=0, ge=0, le=16, description="GPUs (nvidia.com/gpu) of a worker pod.")
    node_selector: NodeSelector = Field(default={}, examples=[{"accelerator": "h100"}])
    tolerations: Tolerations = ()
    runtime_class_name: str | None = Field(
        default=None, min_length=1, max_length=253, description="Runtime class of the worker pods.", examples=["nvidia"]
    )


class SharedCompute(ApiModel):
    """A Ray cluster that stands between runs."""

    idle_ttl: PositiveDuration = Field(
        default="10m", alias="idleTTL", description="A cluster that no run uses for so long is shut down."
    )


class Compute(ApiModel):
    """Where the work runs."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.mode != 'Shared' || !has(self.queue)",
                "compute.queue: Kueue cannot hold back the jobs of a standing cluster; use mode Ephemeral",
            ),
            (
                "!has(self.queue) || self.workers.min == self.workers.max",
                "compute.workers: Kueue admits a fixed number of workers; with a queue, min and max must be alike",
            ),
        )
    )

    mode: Literal["Ephemeral", "Shared"] = Field(
        default="Ephemeral",
        description="Ephemeral: a Ray cluster of its own, gone at the end of the run. Shared: a standing one, for all "
        "runs of the namespace with the same compute settings, volumes and data key; a warm one starts in seconds.",
    )
    shared: SharedCompute = Field(default_factory=SharedCompute, description="For mode Shared.")
    workers: WorkerGroup = Field(default_factory=WorkerGroup, description="The worker pods of the Ray cluster.")
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image of the Ray pods; left out: the one that the operator was installed with.",
    )
    image_pull_secrets: tuple[LocalObject, ...] = Field(
        default=(), max_length=16, description="Secrets with registry credentials, besides those of the installation."
    )
    queue: str | None = Field(
        default=None,
        min_length=1,
        max_length=63,
        description="Kueue's LocalQueue that admits the attempts; left out: they start at once.",
        examples=["team-a"],
    )
    priority_class_name: str | None = Field(
        default=None, min_length=1, max_length=253, description="Priority class of the Ray pods."
    )
    node_selector: NodeSelector = Field(default={})
    tolerations: Tolerations = ()
    head_memory: Quantity = Field(default="2Gi", description="Memory request and limit of the head pod.")
    pod_template: dict[str, Any] = Field(
        default={},
        description="Laid over the Ray pods by strategic merge: labels, annotations, scheduling, resources and "
        "variables of the containers ray-head and ray-worker. Anything else is refused by name.",
    )
    timeout: PositiveDuration = Field(
        default="1h", description="An attempt that runs longer is stopped and counts as failed."
    )
    retries: int = Field(
        default=3, ge=0, le=10, description="New attempts after failures of the infrastructure, with growing pauses."
    )
    ttl_after_finished: Duration = Field(
        default="24h", description="How long the RayJob stays with its log after its end. Results and receipts stay."
    )


class BundledCheckpoint(ApiModel):
    """Generator weights: exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("has(self.bundled) != has(self.file)", "checkpoint: give exactly one of bundled and file"),
            ("!has(self.file) || has(self.sha256)", "checkpoint.sha256: required with checkpoint.file"),
        )
    )

    bundled: str | None = Field(
        default=None, max_length=63, description="Name of weights that come with FaceLedger.", examples=["faces-64"]
    )
    file: PersistentVolumeClaimPath | None = Field(default=None, description="A safetensors file on a volume.")
    sha256: (
        Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", max_length=64), Says("must be 64 hexadecimal digits")] | None
    ) = Field(default=None, description="SHA-256 of that file, in hexadecimal; another file is refused.")


class Condition(ApiModel):
    """A condition as in the Kubernetes API conventions (meta/v1 Condition)."""

    type: str = Field(max_length=316)
    status: Literal["True", "False", "Unknown"]
    observed_generation: int = Field(default=0, description="metadata.generation that this condition speaks of.")
    last_transition_time: datetime
    reason: str = Field(max_length=1024)
    message: str = Field(default="", max_length=32768)


class AskedStatus(ApiModel):
    """What an attempt asked for when it was planned: an edit of the spec changes nothing about it."""

    workers: int = Field(ge=1, description="Worker pods at most.")
    cpu: str = Field(description="CPU request of each.")
    gpu: int = Field(ge=0, description="GPUs of each.")
    timeout: str = Field(description="How long it might run.")


class AttemptStatus(ApiModel):
    """One attempt = one immutable RayJob."""

    name: str = Field(description="Name of the RayJob.")
    number: int = Field(ge=1, description="1 for the first attempt at this spec.")
    spec_hash: str = Field(description="SHA-256 over all that determines the run, shortened.")
    cluster: str | None = Field(default=None, description="Shared Ray cluster that it runs on; none: its own.")
    run_key: str | None = Field(default=None, description="Address of the key that signs this attempt's reports.")
    image_digest: Digest | None = Field(default=None, description="Digest of the image that the head pod runs.")
    start_time: datetime | None = Field(default=None, description="When the RayJob was created.")
    end_time: datetime | None = Field(default=None, description="When the final report or the failure was seen.")
    failures: int = Field(default=0, ge=0, description="Failures of the infrastructure at this spec so far.")
    deletions: int = Field(default=0, ge=0, description="Attempts in a row that ended because somebody deleted them.")
    retry_at: datetime | None = Field(default=None, description="When the next attempt starts, after a failure.")
    asked: AskedStatus | None = Field(default=None, description="What its workers asked for: what it is charged by.")
    cpu_seconds: int = Field(default=0, ge=0, description="CPUs of the attempt's workers times its seconds.")
    gpu_seconds: int = Field(default=0, ge=0, description="GPUs of the attempt times its seconds.")

    @property
    def runs_on(self) -> str:
        """What its Ray pods are labelled with."""
        return self.cluster or self.name


class ProgressStatus(ApiModel):
    stage: str = Field(default="", description="What is being done, in words.")
    done: int = Field(default=0, ge=0)
    total: int = Field(default=0, ge=0)
    percent: str = Field(default="", description="For the PROGRESS column.")
    since: datetime | None = Field(default=None, description="When this stage was first seen.")
    done_then: int = Field(default=0, ge=0, description="What was done when it was first seen.")
    eta: datetime | None = Field(default=None, description="When the stage will be done, at its pace until now.")
    remaining: str | None = Field(default=None, description="How long that was when it was written: the LEFT column.")


class CostStatus(ApiModel):
    """What all attempts of the resource have used so far: what their workers asked for, times the time from the start
    of each attempt to its end, at most its timeout. Time in a queue of Kueue counts."""

    cpu_seconds: int = Field(default=0, ge=0, description="CPU-seconds.")
    gpu_seconds: int = Field(default=0, ge=0, description="GPU-seconds.")
    estimate: str | None = Field(
        default=None, description="That at the prices of the installation; left out where it has none."
    )


class ArtefactStatus(ApiModel):
    name: str
    uri: str = Field(description="ipfs:// address of the encrypted artefact.")
    digest: Digest = Field(description="SHA-256 of the artefact before encryption.")
    path: str = Field(description="The same ciphertext below the output volume.")


class CommitmentStatus(ApiModel):
    state: CommitmentState
    leaf: str | None = Field(default=None, description="Salted Merkle leaf of this result.")
    batch: str | None = Field(default=None, description="Batch id on the contract.")
    transaction: str | None = Field(default=None, description="Transaction hash.")
    block: int | None = Field(default=None, description="Block number.")
    receipt: str | None = Field(default=None, description="Secret that holds the receipt, in the same namespace.")
