"""The contract between the operator and a workload, first half: what a run is asked to do.

In: the operator writes a `RunSpec` (JSON, mounted into the driver's pod, free of secrets). Out: the driver's settings;
what it answers is in `runreport.py`. Invariant: the spec, the image and the input bytes determine every artefact's
plaintext, byte for byte, for any number of workers.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from faceledger_contracts.values import Digest, Frozen
from pydantic import ConfigDict, Field, TypeAdapter, model_validator

__all__ = [
    "Checkpoint",
    "DatasetRun",
    "DatasetWork",
    "Encoder",
    "EnrolmentGate",
    "FaceSearch",
    "FacesPolicy",
    "Gallery",
    "Images",
    "Matching",
    "Preprocessing",
    "RecognitionRun",
    "RecognitionWork",
    "ReportTarget",
    "RunSpec",
    "Score",
    "Screening",
    "Subject",
    "Synthesis",
    "Templates",
    "Training",
    "Workers",
    "parse_report_target",
    "parse_run_spec",
]


Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
"""A contract as a cluster's owner writes it, in any casing."""


class Subject(Frozen):
    """The custom resource that this run serves."""

    kind: Literal["FaceDataset", "RecognitionJob"]
    namespace: str
    name: str
    uid: str
    generation: int


class Workers(Frozen):
    """Ray actors that the driver starts; results do not depend on their number."""

    min: int = Field(ge=0)
    max: int = Field(ge=1)
    cpu: Decimal = Field(gt=0)
    gpu: int = Field(ge=0, default=0)


class Images(Frozen):
    """A folder of image files inside the pod. `IdentityFolders`: one folder a person, its name the identity; files at
    the top level have no identity. `Flat`: no file has one."""

    path: str
    layout: Literal["IdentityFolders", "Flat"] = "IdentityFolders"
    labels: str | None = None
    """A CSV file below `path` with the columns `path` (of a file or of a folder: a person) and `group`: error rates
    are reported for each group, too. It is no photo."""
    max_pixels: int = Field(default=40_000_000, ge=1)
    max_bytes: int = Field(default=64 * 1024 * 1024, ge=1)


class Preprocessing(Frozen):
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


class FaceSearch(Frozen):
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


class EnrolmentGate(Frozen):
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


class Checkpoint(Frozen):
    """Generator weights: shipped with the package, or a safetensors file in the pod pinned by digest."""

    bundled: str | None = None
    path: str | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _one_pinned_file(self) -> Self:
        if (self.bundled is None) == (self.path is None):
            raise ValueError("give exactly one of bundled and path")
        if self.path is not None and self.sha256 is None:
            raise ValueError("path needs sha256, the digest of the file")
        return self


class Screening(Frozen):
    min_detection_score: Decimal = Decimal("0.0")
    max_similarity_to_real: Decimal | Literal["Auto"] = "Auto"


class Training(Frozen):
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


class Synthesis(Frozen):
    """Synthetic faces: from a `checkpoint`, or from a generator that the run trains itself (`train`).

    `precision`, of sampling and of the embeddings that screening compares. Float32: the same faces on every machine.
    BFloat16, for StyleGAN2 alone: faster, and the same faces on one kind of processor."""

    generator: Literal["StyleGAN2", "ProGAN", "CycleGAN", "MGAN"]
    checkpoint: Checkpoint | None = None
    train: Training | None = None
    faces: int = Field(ge=0)
    variations_per_identity: int = Field(ge=0, default=0)
    enrolled_variations: int = Field(ge=0, default=0)
    """Of each real face, by another pose, light and expression."""
    truncation: Decimal = Field(gt=0, le=1)
    seed: int = Field(ge=0)
    precision: Literal["Float32", "BFloat16"] = "Float32"
    screening: Screening = Screening()

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.checkpoint is None) == (self.train is None):
            raise ValueError("give exactly one of checkpoint and train")
        if self.generator == "CycleGAN" and self.faces:
            raise ValueError("CycleGAN translates faces and makes no people: faces must be 0")
        if self.generator != "StyleGAN2" and self.precision == "BFloat16":
            raise ValueError(f"precision BFloat16 is for StyleGAN2, not for {self.generator}")
        return self


class Encoder(Frozen):
    """How chips become embeddings. `compile` (backend Torch): by torch.compile where a worker has a GPU and a compiler;
    it takes some seconds to start. On a CPU the operators are fused without it."""

    model: Literal["dlib-resnet-v1"] = "dlib-resnet-v1"
    backend: Literal["Torch", "Dlib"] = "Torch"
    precision: Literal["Float32", "BFloat16"] = "Float32"
    compile: bool = False


class Score(StrEnum):
    """How a pair of embeddings is scored: raw cosine similarity, or adaptively symmetrically normalised."""

    COSINE = "Cosine"
    ASNORM = "ASNorm"


class Templates(StrEnum):
    """How several templates of a person are one score: the likest of them, or their mean direction as one template."""

    MAX = "Max"
    MEAN = "Mean"


class Matching(Frozen):
    """`threshold` Auto is calibrated to one of the two rates; with neither of them to a false-match rate of 0.001.
    `impostors`: whose scores it is calibrated on, the gallery's own people alone or its synthetic faces, too."""

    score: Score = Score.COSINE
    templates: Templates = Templates.MAX
    threshold: Decimal | Literal["Auto"] = "Auto"
    target_false_match_rate: Decimal | None = Field(default=None, gt=0, lt=1)
    target_false_positive_identification_rate: Decimal | None = Field(default=None, gt=0, lt=1)
    impostors: Literal["Gallery", "GalleryAndSynthetic"] = "Gallery"
    top_k: int = Field(default=5, ge=1, le=1000)
    include_scores: bool = False

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if self.target_false_match_rate and self.target_false_positive_identification_rate:
            raise ValueError("targetFalseMatchRate excludes targetFalsePositiveIdentificationRate")
        return self

    @model_validator(mode="after")
    def _threshold_is_a_score(self) -> Self:
        if self.threshold == "Auto":
            return self
        if self.threshold < 0:
            raise ValueError("threshold must be Auto or a number from 0 up")
        if self.score is Score.COSINE and self.threshold > 1:
            raise ValueError("threshold must be from 0 to 1 for score Cosine; score ASNorm knows higher ones")
        return self


class Gallery(Frozen):
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


class _Run(Frozen):
    attempt: str = Field(max_length=63)
    subject: Subject
    purpose: str
    chain_id: int = Field(ge=1)
    contract: Address
    ipfs_apis: tuple[str, ...] = Field(description="Kubo's RPC APIs; none: artefacts stay on the output volume.")
    ipfs_needed: int = Field(default=1, ge=1, description="On how many of these nodes each artefact must be.")
    image_digest: str
    report_config_map: str
    run_key_file: str = Field(default="", description="Where the run's key lies; empty where the driver is handed it.")
    data_key_file: str
    output: str
    workers: Workers


class DatasetWork(Frozen):
    """What a data set is made of, and how: on a cluster as on a machine of one's own."""

    source: Images
    preprocessing: Preprocessing
    search: FaceSearch = FaceSearch()
    gate: EnrolmentGate = EnrolmentGate()
    synthesis: Synthesis | None = None


class RecognitionWork(Frozen):
    """Who is looked for, and how: on a cluster as on a machine of one's own."""

    probes: Images
    search: FaceSearch = FaceSearch()
    task: Literal["Encode", "Identify", "Verify"] = "Identify"
    encoder: Encoder = Encoder()
    matching: Matching = Matching()


class DatasetRun(DatasetWork, _Run):
    """Read, decode, detect, align, synthesise, screen, merge: X_augmented = X_R ∪ X_S with one manifest."""

    kind: Literal["FaceDataset"] = "FaceDataset"


class RecognitionRun(RecognitionWork, _Run):
    """Encode gallery and probes, calibrate the threshold, identify or verify (the paper's algorithm 2)."""

    kind: Literal["RecognitionJob"] = "RecognitionJob"
    gallery: Gallery


RunSpec = Annotated[DatasetRun | RecognitionRun, Field(discriminator="kind")]


def parse_run_spec(text: str | bytes) -> DatasetRun | RecognitionRun:
    """Reads a run spec; a pydantic `ValidationError` names each wrong field."""
    return _RUN_SPEC.validate_json(text)


class ReportTarget(Frozen):
    """The part of a run spec that tells where reports go and how they are signed: enough to report that the rest is
    wrong."""

    model_config = ConfigDict(extra="ignore")

    attempt: str
    subject: Subject
    chain_id: int
    contract: Address
    report_config_map: str
    run_key_file: str = ""
    output: str


def parse_report_target(text: str | bytes) -> ReportTarget:
    """Reads what a run spec, valid or not, says of its reports; a pydantic `ValidationError` names each wrong field."""
    return ReportTarget.model_validate_json(text)


_RUN_SPEC: TypeAdapter[DatasetRun | RecognitionRun] = TypeAdapter(RunSpec)
