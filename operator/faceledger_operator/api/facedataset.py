"""FaceDataset: real images joined with screened synthetic ones under one manifest (X_augmented = X_R ∪ X_S)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from .base import (
    ApiModel,
    ArtefactStatus,
    AttemptStatus,
    AutoOrDecimal01,
    BundledCheckpoint,
    CommitmentStatus,
    Compute,
    Condition,
    CostStatus,
    Decimal01,
    DecimalText,
    Duration,
    ImageFolder,
    LocalObject,
    ObjectMeta,
    ProgressStatus,
    Rate,
    SecretKey,
    Volume,
)
from .faces import EnrolmentGateSpec, FaceSearchSpec, ModelStatus
from .rules import RUN_NAME_RULES, Rule, cel

__all__ = [
    "Encryption",
    "FaceDataset",
    "FaceDatasetSpec",
    "FaceDatasetStatus",
    "Preprocessing",
    "Privacy",
    "ScreeningSpec",
    "SynthesisSpec",
    "TrainSpec",
    "TrainingStatus",
]


class Preprocessing(ApiModel):
    size: int = Field(
        default=150, ge=64, le=1024, description="Edge of an aligned face chip, in pixels.", examples=[150]
    )
    alignment: Literal["FivePoint"] = Field(default="FivePoint", description="FivePoint: dlib's five landmarks.")


class ScreeningSpec(ApiModel):
    min_detection_score: DecimalText = Field(
        default="0.0", description="A synthetic face that the detector scores lower is rejected.", examples=["0.5"]
    )
    max_similarity_to_real: AutoOrDecimal01 = Field(
        default="Auto",
        description="A synthetic face closer (cosine) to a real person is rejected; Auto: what real people show.",
        examples=["Auto", "0.93"],
    )


class TrainSpec(ApiModel):
    """A generator that the run trains itself."""

    images: ImageFolder | None = Field(
        default=None, description="Other face photographs to train on; left out: the data set's own."
    )
    kimg: int = Field(ge=1, le=1_000_000, description="Thousand images to show.", examples=[500])
    resolution: Literal[16, 32, 64, 128, 256, 512, 1024] = Field(
        default=64, description="Side of a generated face, in pixels."
    )
    channels: int = Field(default=128, ge=8, le=1024, description="The most channels anywhere in a network.")
    batch: int = Field(default=16, ge=2, le=4096, description="Images a step, over all GPUs of a worker.")
    learning_rate: Rate | None = Field(
        default=None, description="Adam's; left out: what the generator's paper uses.", examples=["0.002"]
    )
    precision: Literal["Float32", "BFloat16"] = Field(default="Float32", description="Of activations.")
    checkpoint_every: int = Field(
        default=4,
        ge=1,
        le=10_000,
        description="Thousand images from one encrypted checkpoint to the next: what a lost worker costs at most.",
    )


class SynthesisSpec(ApiModel):
    """Synthetic faces beside the real ones."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("has(self.checkpoint) != has(self.train)", "synthesis: give exactly one of checkpoint and train"),
            (
                "self.generator != 'CycleGAN' || self.faces == 0",
                "synthesis.faces: CycleGAN translates faces and makes no people; it must be 0",
            ),
            (
                "self.generator == 'StyleGAN2' || self.precision == 'Float32'",
                "synthesis.precision: BFloat16 is for StyleGAN2 alone",
            ),
        )
    )

    generator: Literal["StyleGAN2", "ProGAN", "CycleGAN", "MGAN"] = Field(
        default="StyleGAN2",
        description="The generator's architecture. CycleGAN varies enrolled faces, the others make new people.",
    )
    checkpoint: BundledCheckpoint | None = Field(default=None, description="The generator's weights.")
    train: TrainSpec | None = Field(default=None, description="Train the generator first, instead of a checkpoint.")
    faces: int = Field(
        ge=0,
        le=1_000_000,
        description="Synthetic faces to add, variations included; up to 4 are drawn for each until one passes.",
        examples=[400],
    )
    variations_per_identity: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Variations drawn beside each synthetic face; of each enrolled face where CycleGAN translates.",
    )
    enrolled_variations: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Variations of each enrolled face in another pose, light and expression, beside `faces`.",
        examples=[2],
    )
    truncation: Annotated[Decimal01, Rule("self.matches('[1-9]')", "must be above 0")] = Field(
        default="0.7", description="Truncation psi: lower is more typical, higher more diverse."
    )
    seed: int = Field(default=0, ge=0, le=4294967295, description="The same seed draws the same faces.")
    precision: Literal["Float32", "BFloat16"] = Field(
        default="Float32",
        description="Of sampling and screening. BFloat16: faster; the same faces on one kind of processor alone.",
    )
    screening: ScreeningSpec = Field(default_factory=ScreeningSpec, description="What a synthetic face must pass.")


class Encryption(ApiModel):
    key_secret_ref: SecretKey = Field(
        description="32 random bytes (raw, 64 hex digits or base64) that encrypt every artefact (AES-256-GCM)."
    )


class Privacy(ApiModel):
    purpose: Annotated[
        Literal["AccessControl", "Attendance", "Research", "PhotoOrganisation"],
        Rule("self == oldSelf", "cannot be changed, people agreed to it; create another FaceDataset"),
    ] = Field(description="What these faces may be used for; it is committed with every result.")
    retention: Annotated[Duration, Rule("self.matches('[1-9]')", "must be longer than zero")] | None = Field(
        default=None,
        description="How long the data may be kept, counted from creation. It is stated; nothing is deleted by itself.",
        examples=["720h"],
    )
    encryption: Encryption | None = Field(
        default=None,
        description="Where the data key is. Left out: the operator makes one, in the Secret NAME-data-key.",
    )


class FaceDatasetSpec(ApiModel):
    """What goes into the data set, what it may be used for, where it is kept and committed."""

    source: ImageFolder = Field(description="The real photographs.")
    preprocessing: Preprocessing = Field(default_factory=Preprocessing, description="How faces are cut out.")
    search: FaceSearchSpec = Field(default_factory=FaceSearchSpec, description="How faces are looked for.")
    gate: EnrolmentGateSpec = Field(
        default_factory=EnrolmentGateSpec, description="Which photos are good enough to be enrolled."
    )
    synthesis: SynthesisSpec | None = Field(default=None, description="Synthetic faces to add; left out: none.")
    privacy: Privacy = Field(description="Purpose, retention and encryption.")
    compute: Compute = Field(default_factory=Compute, description="Where the work runs.")
    output: Volume = Field(description="Where the encrypted artefacts are kept.")
    ledger_ref: LocalObject = Field(description="The LedgerBinding that commits the result.")


class TrainingStatus(ApiModel):
    """How the generator was trained."""

    kimg: str = Field(description="Thousand images that were shown.")
    images: int = Field(description="Faces that it was trained on.")
    frechet_distance: str = Field(description="Of its faces to those, in dlib's embedding space, at the end.")
    converged_kimg: str | None = Field(
        default=None, description="From when on that distance fell no more; left out while it still falls."
    )


class FaceDatasetStatus(ApiModel):
    observed_generation: int = -1
    conditions: tuple[Condition, ...] = ()
    attempt: AttemptStatus | None = None
    progress: ProgressStatus | None = None
    cost: CostStatus | None = None
    real: int | None = Field(default=None, description="Real face images in the manifest.")
    synthetic: int | None = Field(default=None, description="Synthetic faces that passed screening.")
    rejected: int | None = Field(
        default=None, description="Files and synthetic faces left out; the manifest names each one."
    )
    rejections: dict[str, int] = Field(default_factory=dict, description="How many were left out, by reason.")
    identities: int | None = Field(default=None, description="People in the manifest.")
    training: TrainingStatus | None = Field(default=None, description="How the generator was trained, where it was.")
    models: tuple[ModelStatus, ...] = ()
    manifest: ArtefactStatus | None = Field(default=None, description="The manifest, encrypted.")
    artefacts: tuple[ArtefactStatus, ...] = ()
    commitment: CommitmentStatus | None = None
    data_key: str | None = Field(default=None, description="Secret with the key that encrypts the artefacts.")


class FaceDataset(ApiModel):
    """Joins real face images with screened synthetic ones under one manifest and commits it to a ledger."""

    model_config = ConfigDict(json_schema_extra=cel(*RUN_NAME_RULES))

    api_version: str = ""
    kind: Literal["FaceDataset"] = "FaceDataset"
    metadata: ObjectMeta
    spec: FaceDatasetSpec
    status: FaceDatasetStatus = FaceDatasetStatus()

    @classmethod
    def parse(cls, body: dict[str, Any]) -> FaceDataset:
        return cls.model_validate(body)
