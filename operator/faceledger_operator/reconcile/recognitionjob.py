"""RecognitionJob as a subject of attempts: a gallery and photographs in, results out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from faceledger_workloads.runreport import Artefact, Calibration, EncodingWork, Estimate, Evaluation, RecognitionSummary
from faceledger_workloads.runspec import Encoder, Gallery, Images, Matching, RecognitionRun, Score, Templates

from ..api.base import Compute, ObjectMeta
from ..api.conditions import ConditionType
from ..api.recognitionjob import (
    CalibrationStatus,
    EvaluationStatus,
    GalleryEncodingStatus,
    MatchingSpec,
    RecognitionJob,
    RecognitionJobStatus,
)
from ..kube.api import Object
from ..kube.kinds import RECOGNITION_JOB, Kind
from ..ray.pods import OUTPUT_PATH, SOURCE_PATH, ClaimMount
from .faces import face_search, model_statuses
from .plan import common_run_fields, in_folder
from .subject import ClaimReference, GalleryInput, Inputs, References, Status, Summary, artefact_status

__all__ = ["RecognitionSubject"]


@dataclass(frozen=True)
class RecognitionSubject:
    """A RecognitionJob. Its artefacts go where its gallery's are, under the gallery's key and purpose."""

    resource: RecognitionJob

    @classmethod
    def parse(cls, body: Object) -> RecognitionSubject:
        return cls(RecognitionJob.parse(body))

    @property
    def kind(self) -> Kind:
        return RECOGNITION_JOB

    @property
    def metadata(self) -> ObjectMeta:
        return self.resource.metadata

    @property
    def status(self) -> RecognitionJobStatus:
        return self.resource.status

    @property
    def fresh_status(self) -> RecognitionJobStatus:
        return RecognitionJobStatus()

    @property
    def compute(self) -> Compute:
        return self.resource.spec.compute

    @property
    def spec_text(self) -> str:
        return self.resource.spec.model_dump_json(by_alias=True)

    @property
    def milestones(self) -> tuple[ConditionType, ...]:
        if self.resource.spec.task == "Encode":
            return (ConditionType.ENCODED,)
        return (ConditionType.ENCODED, ConditionType.MATCHED)

    @property
    def references(self) -> References:
        spec = self.resource.spec
        probes = ClaimReference(
            "spec.probes.persistentVolumeClaim.claimName", spec.probes.persistent_volume_claim.claim_name
        )
        return References(ledger=spec.ledger_ref.name, claims=(probes,), gallery=spec.gallery_ref.name)

    def mounts(self, inputs: Inputs) -> tuple[ClaimMount, ...]:
        return (
            ClaimMount(self.resource.spec.probes.persistent_volume_claim.claim_name, SOURCE_PATH, read_only=True),
            ClaimMount(_gallery(inputs).output_claim, OUTPUT_PATH, read_only=False),
        )

    def run(self, inputs: Inputs, attempt: str) -> RecognitionRun:
        spec, gallery = self.resource.spec, _gallery(inputs)
        return RecognitionRun(
            **common_run_fields(self, inputs, attempt, gallery.purpose, gallery.output_path),
            gallery=Gallery(
                path=in_folder(in_folder(OUTPUT_PATH, gallery.output_path), gallery.folder),
                manifest_digest=gallery.manifest_digest,
                faces_digest=gallery.faces_digest,
                attempt=gallery.attempt,
            ),
            probes=Images(
                path=in_folder(SOURCE_PATH, spec.probes.persistent_volume_claim.path),
                layout=spec.probes.layout,
                labels=spec.labels,
            ),
            search=face_search(spec.search),
            task=spec.task,
            encoder=Encoder.model_validate(spec.encoder.model_dump()),
            matching=_matching(spec.matching),
        )

    def with_result(self, status: Status, summary: Summary, artefacts: tuple[Artefact, ...]) -> Status:
        assert isinstance(summary, RecognitionSummary)
        evaluation = summary.evaluation
        found = {
            "probes": summary.probes,
            "identified": summary.identified + summary.matched,
            "unknown": summary.unknown + summary.non_matched,
            "rejected": sum(summary.rejected.values()),
            "rejections": summary.rejected,
            "gallery_people": summary.gallery_people,
            "calibration": _calibration(summary.calibration) if summary.calibration else None,
            "gallery_encodings": _encodings(summary.gallery_encodings) if summary.gallery_encodings else None,
            "models": model_statuses(summary.models),
            "artefacts": tuple(artefact_status(artefact) for artefact in artefacts),
        }
        if evaluation:
            found |= {
                "evaluation": _evaluation(evaluation),
                "rank1": _text(evaluation.rank1),
                "unenrolled_probes": evaluation.unenrolled_probes,
                "unenrolled_accepted": evaluation.unenrolled_accepted,
            }
        return status.model_copy(update=found)

    def result_message(self, status: Status) -> str:
        assert isinstance(status, RecognitionJobStatus)
        match self.resource.spec.task:
            case "Identify":
                return f"{status.identified} identified, {status.unknown} unknown"
            case "Verify":
                return f"{status.identified} are whom their folder names, {status.unknown} are not"
            case "Encode":
                return f"{(status.probes or 0) - (status.rejected or 0)} encoded"


def _gallery(inputs: Inputs) -> GalleryInput:
    assert inputs.gallery, "inputs of a RecognitionJob hold its gallery"
    return inputs.gallery


def _matching(spec: MatchingSpec) -> Matching:
    return Matching(
        score=Score(spec.score),
        templates=Templates(spec.templates),
        threshold="Auto" if spec.threshold == "Auto" else Decimal(spec.threshold),
        target_false_match_rate=_number(spec.target_false_match_rate),
        target_false_positive_identification_rate=_number(spec.target_false_positive_identification_rate),
        impostors=spec.impostors,
        top_k=spec.top_k,
        include_scores=spec.include_scores,
    )


def _calibration(found: Calibration) -> CalibrationStatus:
    return CalibrationStatus(
        threshold=str(found.threshold),
        source=found.source,
        target_false_match_rate=_text(found.target_false_match_rate),
        measured_false_match_rate=_text(found.measured_false_match_rate),
        interval95=_interval(found.false_match_rate_low, found.false_match_rate_high),
        impostor_pairs=found.impostor_pairs,
        target_false_positive_identification_rate=_text(found.target_false_positive_identification_rate),
        measured_false_positive_identification_rate=_text(found.measured_false_positive_identification_rate),
        identification_interval95=_interval(
            found.false_positive_identification_rate_low, found.false_positive_identification_rate_high
        ),
        impostor_searches=found.impostor_searches,
        gallery_people=found.gallery_people,
        gallery_templates=found.gallery_templates,
        gallery_digest=found.gallery_digest,
    )


def _evaluation(found: Evaluation) -> EvaluationStatus:
    return EvaluationStatus(
        true_match_rate=_value(found.true_match_rate),
        equal_error_rate=_value(found.equal_error_rate),
        true_positive_identification_rate=_value(found.true_positive_identification_rate),
        gallery_photos=found.gallery_photos,
    )


def _encodings(found: EncodingWork) -> GalleryEncodingStatus:
    return GalleryEncodingStatus(encoded=found.encoded, reused=found.reused, discarded=found.discarded)


def _interval(low: Decimal | None, high: Decimal | None) -> str | None:
    return f"{low} - {high}" if low is not None and high is not None else None


def _value(estimate: Estimate | None) -> str | None:
    return None if estimate is None else str(estimate.value)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)
