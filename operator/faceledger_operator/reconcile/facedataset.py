"""FaceDataset as a subject of attempts: photographs and a generator in, one manifest out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from faceledger_workloads.runreport import Artefact, DatasetSummary, TrainingSummary
from faceledger_workloads.runspec import Checkpoint, DatasetRun, Images, Preprocessing, Screening, Synthesis, Training

from ..api.base import BundledCheckpoint, Compute, ObjectMeta
from ..api.conditions import ConditionType
from ..api.facedataset import FaceDataset, FaceDatasetStatus, SynthesisSpec, TrainingStatus, TrainSpec
from ..kube.api import Object
from ..kube.kinds import FACE_DATASET, Kind
from ..ray.pods import CHECKPOINT_PATH, OUTPUT_PATH, SOURCE_PATH, TRAINING_PATH, ClaimMount, SecretItem
from .faces import enrolment_gate, face_search, model_statuses
from .plan import common_run_fields, in_folder
from .subject import ClaimReference, Inputs, References, SecretReference, Status, Summary, artefact_status

__all__ = ["FACES_ARTEFACT", "MANIFEST_ARTEFACT", "DatasetSubject"]

MANIFEST_ARTEFACT = "manifest.jsonl"
FACES_ARTEFACT = "faces.tar"

SHOWN_CID = 12
"""Characters of the manifest's CID in the MESSAGE column."""


@dataclass(frozen=True)
class DatasetSubject:
    """A FaceDataset."""

    resource: FaceDataset

    @classmethod
    def parse(cls, body: Object) -> DatasetSubject:
        return cls(FaceDataset.parse(body))

    @property
    def kind(self) -> Kind:
        return FACE_DATASET

    @property
    def metadata(self) -> ObjectMeta:
        return self.resource.metadata

    @property
    def status(self) -> FaceDatasetStatus:
        return self.resource.status

    @property
    def fresh_status(self) -> FaceDatasetStatus:
        key = self.references.data_key
        own = self.references.own_key
        return FaceDatasetStatus(data_key=key.item.name if key else own.name if own else None)

    @property
    def compute(self) -> Compute:
        return self.resource.spec.compute

    @property
    def spec_text(self) -> str:
        return self.resource.spec.model_dump_json(by_alias=True)

    @property
    def milestones(self) -> tuple[ConditionType, ...]:
        return (ConditionType.SYNTHESIZED,)

    @property
    def references(self) -> References:
        spec = self.resource.spec
        encryption = spec.privacy.encryption
        claims = [
            _claim("source.persistentVolumeClaim", spec.source.persistent_volume_claim.claim_name),
            _claim("output.persistentVolumeClaim", spec.output.persistent_volume_claim.claim_name),
        ]
        if spec.synthesis and spec.synthesis.checkpoint and spec.synthesis.checkpoint.file:
            claims.append(_claim("synthesis.checkpoint.file", spec.synthesis.checkpoint.file.claim_name))
        if spec.synthesis and spec.synthesis.train and spec.synthesis.train.images:
            images = spec.synthesis.train.images.persistent_volume_claim
            claims.append(_claim("synthesis.train.images.persistentVolumeClaim", images.claim_name))
        given = None
        if encryption:
            item = SecretItem(encryption.key_secret_ref.name, encryption.key_secret_ref.key)
            given = SecretReference("spec.privacy.encryption.keySecretRef", item)
        own = None if encryption else SecretItem(f"{self.metadata.name}-data-key", "key")
        return References(ledger=spec.ledger_ref.name, claims=tuple(claims), data_key=given, own_key=own)

    def mounts(self, inputs: Inputs) -> tuple[ClaimMount, ...]:
        spec = self.resource.spec
        mounts = [
            ClaimMount(spec.source.persistent_volume_claim.claim_name, SOURCE_PATH, read_only=True),
            ClaimMount(spec.output.persistent_volume_claim.claim_name, OUTPUT_PATH, read_only=False),
        ]
        if spec.synthesis and spec.synthesis.checkpoint and spec.synthesis.checkpoint.file:
            mounts.append(ClaimMount(spec.synthesis.checkpoint.file.claim_name, CHECKPOINT_PATH, read_only=True))
        if spec.synthesis and spec.synthesis.train and spec.synthesis.train.images:
            claim = spec.synthesis.train.images.persistent_volume_claim.claim_name
            mounts.append(ClaimMount(claim, TRAINING_PATH, read_only=True))
        return tuple(mounts)

    def run(self, inputs: Inputs, attempt: str) -> DatasetRun:
        spec = self.resource.spec
        output = spec.output.persistent_volume_claim.path
        return DatasetRun(
            **common_run_fields(self, inputs, attempt, spec.privacy.purpose, output),
            source=Images(
                path=in_folder(SOURCE_PATH, spec.source.persistent_volume_claim.path), layout=spec.source.layout
            ),
            preprocessing=Preprocessing(size=spec.preprocessing.size, alignment=spec.preprocessing.alignment),
            search=face_search(spec.search),
            gate=enrolment_gate(spec.gate),
            synthesis=_synthesis(spec.synthesis) if spec.synthesis else None,
        )

    def with_result(self, status: Status, summary: Summary, artefacts: tuple[Artefact, ...]) -> Status:
        assert isinstance(summary, DatasetSummary)
        manifest = next((artefact for artefact in artefacts if artefact.name == MANIFEST_ARTEFACT), None)
        left_out = Counter(summary.rejected) + Counter(summary.screened)
        return status.model_copy(
            update={
                "real": summary.real,
                "synthetic": summary.synthetic,
                "identities": summary.identities,
                "training": _training_status(summary.training) if summary.training else None,
                "models": model_statuses(summary.models),
                "rejected": left_out.total(),
                "rejections": dict(left_out),
                "manifest": artefact_status(manifest) if manifest else None,
                "artefacts": tuple(artefact_status(artefact) for artefact in artefacts),
            }
        )

    def result_message(self, status: Status) -> str:
        assert isinstance(status, FaceDatasetStatus)
        images = (status.real or 0) + (status.synthetic or 0)
        cid = status.manifest.uri.removeprefix("ipfs://") if status.manifest else ""
        return f"{images} images, manifest {cid[:SHOWN_CID]}…"


def _training_status(summary: TrainingSummary) -> TrainingStatus:
    converged = summary.converged_kimg
    return TrainingStatus(
        kimg=str(summary.kimg),
        images=summary.images,
        frechet_distance=str(summary.frechet_distance),
        converged_kimg=None if converged is None else str(converged),
    )


def _claim(field: str, name: str) -> ClaimReference:
    return ClaimReference(f"spec.{field}.claimName", name)


def _checkpoint(spec: BundledCheckpoint) -> Checkpoint:
    return Checkpoint(
        bundled=spec.bundled,
        path=in_folder(CHECKPOINT_PATH, spec.file.path) if spec.file else None,
        sha256=spec.sha256,
    )


def _training(spec: TrainSpec) -> Training:
    images = spec.images
    return Training(
        images=(
            Images(path=in_folder(TRAINING_PATH, images.persistent_volume_claim.path), layout=images.layout)
            if images
            else None
        ),
        kimg=Decimal(spec.kimg),
        resolution=spec.resolution,
        channels=spec.channels,
        batch=spec.batch,
        learning_rate=Decimal(spec.learning_rate) if spec.learning_rate else None,
        precision=spec.precision,
        checkpoint_every=Decimal(spec.checkpoint_every),
    )


def _synthesis(spec: SynthesisSpec) -> Synthesis:
    similarity = spec.screening.max_similarity_to_real
    return Synthesis(
        generator=spec.generator,
        checkpoint=_checkpoint(spec.checkpoint) if spec.checkpoint else None,
        train=_training(spec.train) if spec.train else None,
        faces=spec.faces,
        variations_per_identity=spec.variations_per_identity,
        enrolled_variations=spec.enrolled_variations,
        truncation=Decimal(spec.truncation),
        seed=spec.seed,
        precision=spec.precision,
        screening=Screening(
            min_detection_score=Decimal(spec.screening.min_detection_score),
            max_similarity_to_real="Auto" if similarity == "Auto" else Decimal(similarity),
        ),
    )
