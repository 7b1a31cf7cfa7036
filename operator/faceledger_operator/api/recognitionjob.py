"""RecognitionJob: encodes a gallery and probes with dlib's network and identifies or verifies people (algorithm 2)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from .base import (
    ApiModel,
    ArtefactStatus,
    AttemptStatus,
    CommitmentStatus,
    Compute,
    Condition,
    CostStatus,
    ImageFolder,
    LocalObject,
    ObjectMeta,
    ProgressStatus,
    Rate,
    Threshold,
    VolumePath,
)
from .faces import FaceSearchSpec, ModelStatus
from .rules import RUN_NAME_RULES, cel

__all__ = [
    "CalibrationStatus",
    "EncoderSpec",
    "EvaluationStatus",
    "GalleryEncodingStatus",
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
    compile: bool = Field(
        default=False,
        description="Compile the network of backend Torch for a GPU, where the image has a compiler; it takes some "
        "seconds to start. On a CPU its operators are fused without it.",
    )


class MatchingSpec(ApiModel):
    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "!has(self.targetFalseMatchRate) || !has(self.targetFalsePositiveIdentificationRate)",
                "matching: give one of targetFalseMatchRate and targetFalsePositiveIdentificationRate, not both",
            ),
            (
                "self.score == 'ASNorm' || !self.threshold.matches('^[0-9.]+$') || double(self.threshold) <= 1.0",
                "matching.threshold: must be from 0 to 1 for score Cosine; score ASNorm knows higher ones",
            ),
        )
    )

    score: Literal["Cosine", "ASNorm"] = Field(
        default="Cosine", description="Raw cosine, or adaptive symmetric normalisation."
    )
    threshold: Threshold = Field(
        default="Auto",
        description="A probe is identified where S > T. Auto: calibrated on the gallery's own impostor pairs. At most "
        "1 for score Cosine; for ASNorm, in standard deviations of strangers' scores.",
        examples=["Auto", "0.93"],
    )
    templates: Literal["Max", "Mean"] = Field(
        default="Max",
        description="Several photos of a person: the score of the likest one, or of their mean as one template.",
    )
    target_false_match_rate: Rate | None = Field(
        default=None,
        description="Share of comparisons with other people above T that Auto aims at; left out: 0.001.",
        examples=["0.001"],
    )
    target_false_positive_identification_rate: Rate | None = Field(
        default=None,
        description="Instead: share of strangers who are taken for somebody of this gallery that Auto aims at.",
        examples=["0.01"],
    )
    impostors: Literal["Gallery", "GalleryAndSynthetic"] = Field(
        default="Gallery",
        description="Whose scores Auto is calibrated on: the gallery alone, or synthetic faces too.",
    )
    top_k: int = Field(default=5, ge=1, le=1000, description="Candidates kept for each probe.")
    include_scores: bool = Field(
        default=False, description="Write (rounded) scores: they help an attacker to rebuild templates."
    )


class RecognitionJobSpec(ApiModel):
    """Who is looked for in which photographs, how, and where the result is committed."""

    gallery_ref: LocalObject = Field(description="The FaceDataset of enrolled people.")
    probes: ImageFolder = Field(description="The photographs to recognise.")
    labels: VolumePath | None = Field(
        default=None,
        min_length=1,
        description="CSV file in the folder of probes, columns path and group: error rates are told for each group.",
        examples=["labels.csv"],
    )
    search: FaceSearchSpec = Field(default_factory=FaceSearchSpec, description="How faces are looked for.")
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
    interval95: str | None = Field(
        default=None,
        description="95 % interval of that rate: the wider of Wilson's and a bootstrap over people.",
    )
    impostor_pairs: int | None = Field(default=None, description="Comparisons of gallery photos with other people.")
    target_false_positive_identification_rate: str | None = None
    measured_false_positive_identification_rate: str | None = None
    identification_interval95: str | None = Field(
        default=None, description="95 % interval of the measured false-positive-identification rate."
    )
    impostor_searches: int | None = Field(default=None, description="Searches for photos whose person was left out.")
    gallery_people: int | None = Field(default=None, description="The rates hold for a gallery of this size.")
    gallery_templates: int | None = None
    gallery_digest: str | None = None


class EvaluationStatus(ApiModel):
    """Rates beside rank-1, where the probes' folders name people; intervals are in evaluation.json."""

    true_match_rate: str | None = Field(default=None, description="At a false-match rate of 0.001.")
    equal_error_rate: str | None = None
    true_positive_identification_rate: str | None = Field(
        default=None, description="At a false-positive-identification rate of 0.01."
    )
    gallery_photos: int | None = Field(
        default=None, description="Probes that are a photo of the gallery: left out of all rates."
    )


class GalleryEncodingStatus(ApiModel):
    """What the gallery's templates took."""

    encoded: int = Field(description="Faces that this run encoded.")
    reused: int = Field(description="Faces whose stored encoding was used.")
    discarded: dict[str, int] = Field(
        default_factory=dict, description="Stored encodings that could not be used, by reason; made anew."
    )


class RecognitionJobStatus(ApiModel):
    observed_generation: int = -1
    conditions: tuple[Condition, ...] = ()
    attempt: AttemptStatus | None = None
    progress: ProgressStatus | None = None
    cost: CostStatus | None = None
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
    evaluation: EvaluationStatus | None = None
    gallery_encodings: GalleryEncodingStatus | None = None
    models: tuple[ModelStatus, ...] = ()
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
