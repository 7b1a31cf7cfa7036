"""RecognitionJob: encodes a gallery and probes with dlib's network and identifies or verifies people (algorithm 2)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from .base import (
    ApiModel,
    ArtefactStatus,
    AttemptStatus,
    AutoOrDecimal01,
    CommitmentStatus,
    Compute,
    Condition,
    ImageFolder,
    LocalObject,
    ObjectMeta,
    ProgressStatus,
    Rate,
)
from .rules import RUN_NAME_RULES, cel

__all__ = [
    "CalibrationStatus",
    "EncoderSpec",
    "MatchingSpec",
    "RecognitionJob",
    "RecognitionJobSpec",
    "RecognitionJobStatus",
]


class EncoderSpec(ApiModel):
    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.backend == 'Torch' || self.precision == 'Float32'",
                "encoder.precision: backend Dlib computes in Float32 only",
            )
        )
    )

    model: Literal["dlib-resnet-v1"] = Field(
        default="dlib-resnet-v1", description="The embedding network (128 dimensions)."
    )
    backend: Literal["Torch", "Dlib"] = Field(default="Torch", description="Torch: fast. Dlib: the reference.")
    precision: Literal["Float32", "BFloat16"] = Field(default="Float32", description="Arithmetic of the Torch backend.")


class MatchingSpec(ApiModel):
    score: Literal["Cosine", "ASNorm"] = Field(
        default="Cosine", description="Raw cosine, or adaptive symmetric normalisation."
    )
    threshold: AutoOrDecimal01 = Field(
        default="Auto",
        description="A probe is identified where S > T. Auto: calibrated on the gallery's own impostor pairs.",
        examples=["Auto", "0.93"],
    )
    target_false_match_rate: Rate = Field(
        default="0.001", description="Rate of impostor pairs above T that Auto aims at."
    )
    top_k: int = Field(default=5, ge=1, le=1000, description="Candidates kept for each probe.")
    include_scores: bool = Field(
        default=False, description="Write (rounded) scores: they help an attacker to rebuild templates."
    )


class RecognitionJobSpec(ApiModel):
    """Who is looked for in which photographs, how, and where the result is committed."""

    gallery_ref: LocalObject = Field(description="The FaceDataset of enrolled people.")
    probes: ImageFolder = Field(description="The photographs to recognise.")
    task: Literal["Encode", "Identify", "Verify"] = Field(
        default="Identify",
        description="Identify: 1:N. Verify: 1:1 against the folder's name. Encode: embeddings alone.",
    )
    encoder: EncoderSpec = Field(default_factory=EncoderSpec, description="How faces become embeddings.")
    matching: MatchingSpec = Field(default_factory=MatchingSpec, description="When two embeddings are the same person.")
    compute: Compute = Field(default_factory=Compute, description="Where the work runs.")
    ledger_ref: LocalObject = Field(description="The LedgerBinding that commits the result.")


class CalibrationStatus(ApiModel):
    threshold: str = Field(description="T of S > T.")
    source: str = Field(description="Fixed, or what it was calibrated on.")
    target_false_match_rate: str | None = None
    measured_false_match_rate: str | None = None
    interval95: str | None = Field(default=None, description="Wilson interval of the measured rate.")
    impostor_pairs: int | None = None
    gallery_digest: str | None = None


class RecognitionJobStatus(ApiModel):
    observed_generation: int = -1
    conditions: tuple[Condition, ...] = ()
    attempt: AttemptStatus | None = None
    progress: ProgressStatus | None = None
    probes: int | None = Field(default=None, description="Probe images.")
    identified: int | None = Field(default=None, description="Probes recognised as an enrolled person.")
    unknown: int | None = Field(default=None, description="Probes that are nobody enrolled.")
    rejected: int | None = Field(default=None, description="Files left out; the results name each one.")
    rejections: dict[str, int] = Field(default_factory=dict, description="How many were left out, by reason.")
    gallery_people: int | None = Field(default=None, description="People in the gallery; rates hold for this number.")
    calibration: CalibrationStatus | None = None
    rank1: str | None = Field(
        default=None, description="Share of enrolled probes whose nearest person is right, where folders name people."
    )
    unenrolled_probes: int | None = None
    unenrolled_accepted: int | None = Field(
        default=None, description="Probes of people who are not enrolled, taken for somebody."
    )
    artefacts: tuple[ArtefactStatus, ...] = ()
    commitment: CommitmentStatus | None = None


class RecognitionJob(ApiModel):
    """Identifies or verifies the people in a folder of photographs against a FaceDataset and commits the result."""

    model_config = ConfigDict(json_schema_extra=cel(*RUN_NAME_RULES))

    api_version: str = ""
    kind: Literal["RecognitionJob"] = "RecognitionJob"
    metadata: ObjectMeta
    spec: RecognitionJobSpec
    status: RecognitionJobStatus = RecognitionJobStatus()

    @classmethod
    def parse(cls, body: dict[str, Any]) -> RecognitionJob:
        return cls.model_validate(body)
