"""The contract between the operator and a workload, second half: what a run answers.

In: what the driver knows of its run. Out: `RunReport`s (JSON in the attempt's ConfigMap), each one signed with the run
key. Invariant: a report tells counts, rates and digests; no person, no file of the source, no embedding.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from faceledger_contracts.values import Digest, Frozen
from pydantic import Field

__all__ = [
    "REPORT_KEY",
    "SIGNATURE_KEY",
    "Artefact",
    "Calibration",
    "DatasetSummary",
    "EncodingWork",
    "Estimate",
    "Evaluation",
    "Failure",
    "FailureReason",
    "ModelUsed",
    "Progress",
    "RecognitionSummary",
    "RunReport",
    "RunState",
    "TrainingSummary",
]

REPORT_KEY = "report.json"
"""Key in the run report ConfigMap that holds the `RunReport` as canonical JSON (RFC 8785)."""

SIGNATURE_KEY = "signature"
"""Key beside it: the EIP-712 `RunReport` signature (0x hex, 65 bytes) over the SHA-256 of those bytes."""


class RunState(StrEnum):
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class Progress(Frozen):
    """Where the run is: `stage` in words for `kubectl get`, `done` of `total` units of it."""

    stage: str
    done: int = Field(ge=0)
    total: int = Field(ge=0)
    images_per_second: float | None = None


class FailureReason(StrEnum):
    """Why a run ended without a result. All but `InfrastructureFailed` need a person: the same run would fail again."""

    SOURCE_EMPTY = "SourceEmpty"
    NO_FACE_FOUND = "NoFaceFound"
    CHECKPOINT_DIGEST_MISMATCH = "CheckpointDigestMismatch"
    CHECKPOINT_UNREADABLE = "CheckpointUnreadable"
    GENERATOR_UNSUPPORTED = "GeneratorUnsupported"
    TOO_FEW_IMAGES = "TooFewImages"
    TRAINING_DIVERGED = "TrainingDiverged"
    OUTPUT_FULL = "OutputFull"
    GALLERY_CHANGED = "GalleryChanged"
    GALLERY_TOO_SMALL = "GalleryTooSmall"
    DATA_KEY_INVALID = "DataKeyInvalid"
    RUN_SPEC_INVALID = "RunSpecInvalid"
    CONTENT_UNAVAILABLE = "ContentUnavailable"
    INFRASTRUCTURE_FAILED = "InfrastructureFailed"


class Failure(Frozen):
    """`message` names the field, file or folder at fault, never its content."""

    reason: FailureReason
    message: str
    retryable: bool


class Artefact(Frozen):
    """One encrypted output. `digest` and `size` are the plaintext's, `cid` the ciphertext's on IPFS, `path` the
    ciphertext's below the output volume."""

    name: str
    digest: Digest
    size: int = Field(ge=0)
    cid: str
    path: str


class ModelUsed(Frozen):
    """A model file, where it was published and its terms."""

    name: str
    source: str
    licence: str
    sha256: str


class TrainingSummary(Frozen):
    """How a generator was trained. `frechet_distance`: of its faces to the training images, in dlib's space, at the
    end. `converged_kimg`: from when on that distance fell no more; None where it still does."""

    kimg: Decimal
    images: int
    frechet_distance: Decimal
    converged_kimg: Decimal | None = None


class DatasetSummary(Frozen):
    kind: Literal["FaceDataset"] = "FaceDataset"
    images: int
    real: int
    synthetic: int
    identities: int
    models: tuple[ModelUsed, ...] = ()
    rejected: dict[str, int] = Field(default_factory=dict)
    screened: dict[str, int] = Field(default_factory=dict)
    """Synthetic faces that were drawn and left out, by reason."""
    training: TrainingSummary | None = None


class Calibration(Frozen):
    """The decision threshold T (S > T) and what is known of it at this gallery's size. A false match is a pair of a
    gallery photo and another person that scores above T (`impostor_pairs` were compared); a false positive
    identification is a photo that some other person of the gallery passes T with (`impostor_searches` were made). Each
    95 % interval is the wider of Wilson's and a bootstrap over identities, because pairs share people."""

    threshold: Decimal
    source: Literal["Fixed", "GalleryImpostors", "GalleryImpostorsAndSynthetic"]
    target_false_match_rate: Decimal | None = None
    measured_false_match_rate: Decimal | None = None
    false_match_rate_low: Decimal | None = None
    false_match_rate_high: Decimal | None = None
    impostor_pairs: int | None = None
    target_false_positive_identification_rate: Decimal | None = None
    measured_false_positive_identification_rate: Decimal | None = None
    false_positive_identification_rate_low: Decimal | None = None
    false_positive_identification_rate_high: Decimal | None = None
    impostor_searches: int | None = None
    gallery_people: int | None = None
    gallery_templates: int | None = None
    gallery_digest: Digest


class Estimate(Frozen):
    """A measured share with its 95 % interval from a bootstrap over identities."""

    value: Decimal
    low: Decimal
    high: Decimal


class Evaluation(Frozen):
    """Present when the probes' folders name people. Probes of people who are not enrolled count as unknown probes.
    Rates that the probes are too few for are left out."""

    enrolled_probes: int
    rank1: Decimal | None
    correctly_identified: int
    unenrolled_probes: int
    unenrolled_accepted: int
    gallery_photos: int = 0
    """Probes that are a photo of the gallery: they are answered, and left out of every figure here."""
    rank1_estimate: Estimate | None = None
    true_match_rate: Estimate | None = None
    """Share of comparisons with the right person above the threshold of false-match rate 0.001."""
    equal_error_rate: Estimate | None = None
    true_positive_identification_rate: Estimate | None = None
    """Share of enrolled probes found first and above the threshold of false-positive-identification rate 0.01."""


class EncodingWork(Frozen):
    """What the gallery's templates took. `reused` ones were stored by an earlier run of the same pipeline; `discarded`
    counts stored ones that could not be used, by reason: their faces were encoded anew. It tells how a result came
    about and is no part of it."""

    encoded: int = 0
    reused: int = 0
    discarded: dict[str, int] = Field(default_factory=dict)


class RecognitionSummary(Frozen):
    kind: Literal["RecognitionJob"] = "RecognitionJob"
    probes: int
    identified: int
    unknown: int
    gallery_images: int
    gallery_people: int
    matched: int = 0
    """Verify: probes that are whom their folder names."""
    non_matched: int = 0
    """Verify: probes that are not."""
    encoded: int = 0
    """Encode: probes that were encoded and compared with nobody."""
    rejected: dict[str, int] = Field(default_factory=dict)
    calibration: Calibration | None = None
    evaluation: Evaluation | None = None
    gallery_encodings: EncodingWork | None = None
    models: tuple[ModelUsed, ...] = ()


Summary = Annotated[DatasetSummary | RecognitionSummary, Field(discriminator="kind")]


class RunReport(Frozen):
    """What the driver says of its run. `results_root` is the salted Merkle root over the lines of results.jsonl (or of
    the manifest), so that each single line can be proved later."""

    version: Literal[1] = 1
    attempt: str
    state: RunState
    progress: Progress
    summary: Summary | None = None
    artefacts: tuple[Artefact, ...] = ()
    results_root: str | None = Field(default=None, pattern=r"^0x[0-9a-f]{64}$")
    model_digest: Digest | None = None
    failure: Failure | None = None
