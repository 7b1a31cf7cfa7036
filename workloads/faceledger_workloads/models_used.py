"""Which model files a run loads: what a report says of their source, terms and digests."""

from __future__ import annotations

from faceledger_workloads.detection.choice import uses_mmod
from faceledger_workloads.models import FACE_RESNET, FIVE_POINTS, MMOD, SIXTY_EIGHT_POINTS, ModelFile
from faceledger_workloads.runreport import ModelUsed
from faceledger_workloads.work import WorkerSetup

__all__ = ["models_used"]


def models_used(setup: WorkerSetup) -> tuple[ModelUsed, ...]:
    """In the order of their use. The HOG detector is part of dlib itself and has no file."""
    return tuple(
        ModelUsed(name=model.name, source=model.source, licence=model.licence, sha256=model.sha256)
        for model in _files(setup)
    )


def _files(setup: WorkerSetup) -> list[ModelFile]:
    search = setup.search
    chosen = {
        MMOD: uses_mmod(search, setup.device),
        FIVE_POINTS: True,
        SIXTY_EIGHT_POINTS: search.landmarks == "SixtyEightPoint",
        FACE_RESNET: setup.encoder is not None,
    }
    return [model for model, loaded in chosen.items() if loaded]
