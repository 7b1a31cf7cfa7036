"""The face fields of both kinds, as a run spec says them and as a status does."""

from __future__ import annotations

from decimal import Decimal

from faceledger_workloads.runreport import ModelUsed
from faceledger_workloads.runspec import EnrolmentGate, FaceSearch, FacesPolicy

from ..api.faces import EnrolmentGateSpec, FaceSearchSpec, ModelStatus

__all__ = ["enrolment_gate", "face_search", "model_statuses"]


def face_search(spec: FaceSearchSpec) -> FaceSearch:
    return FaceSearch(
        detector=spec.detector,
        faces=FacesPolicy(spec.faces),
        rotations=spec.rotations,
        landmarks=spec.landmarks,
        accept_license=spec.accept_license,
    )


def enrolment_gate(spec: EnrolmentGateSpec) -> EnrolmentGate:
    return EnrolmentGate(
        mode=spec.mode,
        min_eye_distance=Decimal(spec.min_eye_distance),
        min_clarity=Decimal(spec.min_clarity),
        max_roll=Decimal(spec.max_roll),
        max_turn=Decimal(spec.max_turn),
        min_brightness=Decimal(spec.min_brightness),
        max_brightness=Decimal(spec.max_brightness),
        max_clipped=Decimal(spec.max_clipped),
    )


def model_statuses(models: tuple[ModelUsed, ...]) -> tuple[ModelStatus, ...]:
    return tuple(ModelStatus(**model.model_dump()) for model in models)
