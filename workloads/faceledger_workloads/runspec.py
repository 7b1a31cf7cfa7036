"""The contract between the operator and a workload: what a run is asked to do and what it answers.

In: the operator writes a `RunSpec` (JSON, mounted into the driver's pod, free of secrets). Out: the driver writes a
`RunReport` (JSON in the attempt's ConfigMap), each one signed with the run key. Invariant: the spec, the image and the
input bytes determine every artefact's plaintext, byte for byte, for any number of workers.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic.alias_generators import to_camel

__all__ = [
    "ADDRESS_PATTERN",
    "DIGEST_PATTERN",
    "REPORT_KEY",
    "SIGNATURE_KEY",
    "Artefact",
    "Calibration",
    "Checkpoint",
    "Cosine",
    "DatasetRun",
    "DatasetSummary",
    "Encoder",
    "EncodingWork",
    "EnrolmentGate",
    "Estimate",
    "Evaluation",
    "FaceSearch",
    "FacesPolicy",
    "Failure",
    "FailureReason",
    "FileReject",
    "Gallery",
    "Images",
    "Matching",
    "ModelUsed",
    "Preprocessing",
    "Progress",
    "RecognitionRun",
    "RecognitionSummary",
    "ReportTarget",
    "RunReport",
    "RunSpec",
    "RunState",
    "Screening",
    "Subject",
    "Synthesis",
    "Templates",
    "Training",
    "TrainingSummary",
    "Workers",
    "parse_report_target",
    "parse_run_spec",
]

REPORT_KEY = "report.json"
"""Key in the run report ConfigMap that holds the `RunReport` as canonical JSON (RFC 8785)."""

SIGNATURE_KEY = "signature"
"""Key beside it: the EIP-712 `RunReport` signature (0x hex, 65 bytes) over the SHA-256 of those bytes."""

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
ADDRESS_PATTERN = r"^0x[0-9a-fA-F]{40}$"

Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
Address = Annotated[str, Field(pattern=ADDRESS_PATTERN)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Subject(_Frozen):
    """The custom resource that this run serves."""

    kind: Literal["FaceDataset", "RecognitionJob"]
    namespace: str
    name: str
    uid: str
    generation: int


class Workers(_Frozen):
    """Ray actors that the driver starts; results do not depend on their number."""

    min: int = Field(ge=0)
    max: int = Field(ge=1)
    cpu: Decimal = Field(gt=0)
    gpu: int = Field(ge=0, default=0)


class Images(_Frozen):
    """A folder of image files inside the pod. `IdentityFolders`: one folder a person, its name the identity; files at
    the top level have no identity. `Flat`: no file has one."""

    path: str
    layout: Literal["IdentityFolders", "Flat"] = "IdentityFolders"
    labels: str | None = None
    """A CSV file below `path` with the columns `path` (of a file or of a folder: a person) and `group`: error rates
    are reported for each group, too. It is no photo."""
    max_pixels: int = Field(default=40_000_000, ge=1)
    max_bytes: int = Field(default=64 * 1024 * 1024, ge=1)


class Preprocessing(_Frozen):
    """Aligned face chips: `size` pixels square, dlib's five-point geometry with padding 0.25."""

    size: int = Field(ge=64, le=1024)
    alignment: Literal["FivePoint"] = "FivePoint"


class FacesPolicy(StrEnum):
    """What becomes of a photo that shows several people; faces in the background do not count."""

    LARGEST = "Largest"
    """The largest face is taken."""
    REJECT = "Reject"
    """The photo is rejected: nobody can say whom its folder means."""
    ALL = "All"
    """Every face is taken, the largest first."""


class FaceSearch(_Frozen):
    """How faces are looked for. Detector `Auto`: dlib's CNN (`Mmod`) where workers ask for a GPU, else dlib's `Hog`.
    `rotations`: a photo in which nothing is found upright is searched turned by 90, 180 and 270 degrees too.
    Landmarks `SixtyEightPoint`: the model's training data forbids commercial use, so `acceptLicense` must be true."""

    detector: Literal["Auto", "Hog", "Mmod"] = "Auto"
    faces: FacesPolicy = FacesPolicy.REJECT
    rotations: bool = True
    landmarks: Literal["FivePoint", "SixtyEightPoint"] = "FivePoint"
    accept_license: bool = False

    @model_validator(mode="after")
    def _licence_is_accepted(self) -> Self:
        if self.landmarks == "SixtyEightPoint" and not self.accept_license:
            raise ValueError("landmarks SixtyEightPoint: trained on non-commercial data; acceptLicense must be true")
        return self


class EnrolmentGate(_Frozen):
    """Which photos are good enough to be enrolled. `Enforce`: a photo with a fault is rejected, the first fault its
    reason; `ReportOnly`: faults are written into its manifest row alone. 0 switches a minimum off."""

    mode: Literal["Enforce", "ReportOnly"] = "Enforce"
    min_eye_distance: Decimal = Field(default=Decimal(12), ge=0)
    """Pixels of the photo between the centres of the eyes. Below 9, a face resembles others as much as itself."""
    min_clarity: Decimal = Field(default=Decimal(5), ge=0)
    """Variance of the Laplacian of the face at 150 px. Sharp photos have hundreds; below 3, a face resembles others as
    much as itself."""
    max_roll: Decimal = Field(default=Decimal(35), gt=0, le=180)
    """Degrees that the line through the eyes is tilted."""
    max_turn: Decimal = Field(default=Decimal("0.5"), gt=0)
    """How far the nose lies beside the middle of the eyes, as a share of the eye distance: 0 for a frontal face."""
    min_brightness: Decimal = Field(default=Decimal(30), ge=0, le=255)
    max_brightness: Decimal = Field(default=Decimal(225), ge=0, le=255)
    """Mean luma of the face, 0 to 255."""
    max_clipped: Decimal = Field(default=Decimal("0.4"), gt=0, le=1)
    """Share of the face's pixels that are quite black or quite white."""


class Checkpoint(_Frozen):
    """Generator weights: shipped with the package, or a safetensors file in the pod pinned by digest."""

    bundled: str | None = None
    path: str | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class Screening(_Frozen):
    min_detection_score: Decimal = Decimal("0.0")
    max_similarity_to_real: Decimal | Literal["Auto"] = "Auto"


class Training(_Frozen):
    """Train the generator in this run. `images`: another folder of face photographs to train on; without it, the data
    set's own. `checkpoint_every`: thousand images that are lost at most when a worker or the driver is."""

    images: Images | None = None
    kimg: Decimal = Field(gt=0)
    """Thousand images to show."""
    resolution: int = Field(default=64, ge=16, le=1024)
    channels: int = Field(default=128, ge=8, le=1024)
    """The most anywhere in a network."""
    batch: int = Field(default=16, ge=2)
    learning_rate: Decimal | None = Field(default=None, gt=0)
    precision: Literal["Float32", "BFloat16"] = "Float32"
    checkpoint_every: Decimal = Field(default=Decimal(4), gt=0)


class Synthesis(_Frozen):
    """Synthetic faces: from a `checkpoint`, or from a generator that the run trains itself (`train`)."""

    generator: Literal["StyleGAN2", "ProGAN", "CycleGAN", "MGAN"]
    checkpoint: Checkpoint | None = None
    train: Training | None = None
    faces: int = Field(ge=0)
    variations_per_identity: int = Field(ge=0, default=0)
    truncation: Decimal = Field(gt=0, le=1)
    seed: int = Field(ge=0)
    screening: Screening = Screening()

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.checkpoint is None) == (self.train is None):
            raise ValueError("give exactly one of checkpoint and train")
        if self.generator == "CycleGAN" and self.faces:
            raise ValueError("CycleGAN translates faces and makes no people: faces must be 0")
        return self


class Encoder(_Frozen):
    """How chips become embeddings. `compile` (backend Torch): by torch.compile where a worker has a GPU and a compiler;
    it takes some seconds to start. On a CPU the operators are fused without it."""

    model: Literal["dlib-resnet-v1"] = "dlib-resnet-v1"
    backend: Literal["Torch", "Dlib"] = "Torch"
    precision: Literal["Float32", "BFloat16"] = "Float32"
    compile: bool = False


class Cosine(StrEnum):
    """How a pair of embeddings is scored: raw cosine similarity, or adaptively symmetrically normalised."""

    COSINE = "Cosine"
    ASNORM = "ASNorm"


class Templates(StrEnum):
    """How several templates of a person are one score: the likest of them, or their mean direction as one template."""

    MAX = "Max"
    MEAN = "Mean"


class Matching(_Frozen):
    """`threshold` Auto is calibrated to one of the two rates; with neither of them to a false-match rate of 0.001.
    `impostors`: whose scores it is calibrated on, the gallery's own people alone or its synthetic faces, too."""

    score: Cosine = Cosine.COSINE
    templates: Templates = Templates.MAX
    threshold: Decimal | Literal["Auto"] = "Auto"
    target_false_match_rate: Decimal | None = Field(default=None, gt=0, lt=1)
    target_false_positive_identification_rate: Decimal | None = Field(default=None, gt=0, lt=1)
    impostors: Literal["Gallery", "GalleryAndSynthetic"] = "Gallery"
    top_k: int = Field(default=5, ge=1, le=1000)
    include_scores: bool = False

    @model_validator(mode="after")
    def _one_target(self) -> Matching:
        if self.target_false_match_rate and self.target_false_positive_identification_rate:
            raise ValueError("targetFalseMatchRate excludes targetFalsePositiveIdentificationRate")
        return self


class Gallery(_Frozen):
    """A finished FaceDataset: its encrypted manifest and chips under `path` (the folder of the dataset's attempt), and
    the digests that their plaintexts must have. `attempt` is that attempt (default: the folder's name); together with
    the run's purpose it authenticates the files, so a gallery cannot serve another purpose. `data_key_file` holds the
    dataset's key where it is not the run's own."""

    path: str
    manifest_digest: Digest
    faces_digest: Digest
    attempt: str | None = None
    data_key_file: str | None = None
    use_synthetic_cohort: bool = True


class _Run(_Frozen):
    attempt: str = Field(max_length=63)
    subject: Subject
    purpose: str
    chain_id: int = Field(ge=1)
    contract: Address
    ipfs_apis: tuple[str, ...] = Field(description="Kubo's RPC APIs; none: artefacts stay on the output volume.")
    ipfs_needed: int = Field(default=1, ge=1, description="On how many of these nodes each artefact must be.")
    image_digest: str
    report_config_map: str
    run_key_file: str
    data_key_file: str
    output: str
    workers: Workers


class DatasetRun(_Run):
    """Read, decode, detect, align, synthesise, screen, merge: X_augmented = X_R ∪ X_S with one manifest."""

    kind: Literal["FaceDataset"] = "FaceDataset"
    source: Images
    preprocessing: Preprocessing
    search: FaceSearch = FaceSearch()
    gate: EnrolmentGate = EnrolmentGate()
    synthesis: Synthesis | None = None


class RecognitionRun(_Run):
    """Encode gallery and probes, calibrate the threshold, identify or verify (the paper's algorithm 2)."""

    kind: Literal["RecognitionJob"] = "RecognitionJob"
    gallery: Gallery
    probes: Images
    search: FaceSearch = FaceSearch()
    task: Literal["Encode", "Identify", "Verify"] = "Identify"
    encoder: Encoder = Encoder()
    matching: Matching = Matching()


RunSpec = Annotated[DatasetRun | RecognitionRun, Field(discriminator="kind")]


def parse_run_spec(text: str | bytes) -> DatasetRun | RecognitionRun:
    """Reads a run spec; a pydantic `ValidationError` names each wrong field."""
    return _RUN_SPEC.validate_json(text)


class ReportTarget(_Frozen):
    """The part of a run spec that tells where reports go and how they are signed: enough to report that the rest is
    wrong."""

    model_config = ConfigDict(extra="ignore")

    attempt: str
    subject: Subject
    chain_id: int
    contract: Address
    report_config_map: str
    run_key_file: str
    output: str


def parse_report_target(text: str | bytes) -> ReportTarget:
    """Reads what a run spec, valid or not, says of its reports; a pydantic `ValidationError` names each wrong field."""
    return ReportTarget.model_validate_json(text)


class RunState(StrEnum):
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class Progress(_Frozen):
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


class Failure(_Frozen):
    """`message` names the field, file or folder at fault, never its content."""

    reason: FailureReason
    message: str
    retryable: bool


class Artefact(_Frozen):
    """One encrypted output. `digest` and `size` are the plaintext's, `cid` the ciphertext's on IPFS, `path` the
    ciphertext's below the output volume."""

    name: str
    digest: Digest
    size: int = Field(ge=0)
    cid: str
    path: str


class ModelUsed(_Frozen):
    """A model file, where it was published and its terms."""

    name: str
    source: str
    licence: str
    sha256: str


class FileReject(_Frozen):
    """A file that was left out, by its path below the source (it is in the encrypted manifest, never in a report)."""

    path: str
    reason: str


class TrainingSummary(_Frozen):
    """How a generator was trained. `frechet_distance`: of its faces to the training images, in dlib's space, at the
    end. `converged_kimg`: from when on that distance fell no more; None where it still does."""

    kimg: Decimal
    images: int
    frechet_distance: Decimal
    converged_kimg: Decimal | None = None


class DatasetSummary(_Frozen):
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


class Calibration(_Frozen):
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


class Estimate(_Frozen):
    """A measured share with its 95 % interval from a bootstrap over identities."""

    value: Decimal
    low: Decimal
    high: Decimal


class Evaluation(_Frozen):
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


class EncodingWork(_Frozen):
    """What the gallery's templates took. `reused` ones were stored by an earlier run of the same pipeline; `discarded`
    counts stored ones that could not be used, by reason: their faces were encoded anew. It tells how a result came
    about and is no part of it."""

    encoded: int = 0
    reused: int = 0
    discarded: dict[str, int] = Field(default_factory=dict)


class RecognitionSummary(_Frozen):
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


class RunReport(_Frozen):
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


_RUN_SPEC: TypeAdapter[DatasetRun | RecognitionRun] = TypeAdapter(RunSpec)
