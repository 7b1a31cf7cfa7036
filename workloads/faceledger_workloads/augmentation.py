"""Which synthetic faces join a data set: draws until enough of them passed the screening.

In: the run's synthesis settings, the real templates, and a way to draw. Out: every draw with the decision on it.
Invariants: draws are judged in order of their index, whatever the number of workers; a face that is left out is
replaced by the next index, up to `MAX_DRAWS` draws a face that was asked for; memory holds the templates of accepted
faces and the draws that are under way, never all faces.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.face import Face, Unfit
from faceledger_workloads.manifest import Made
from faceledger_workloads.matching.gallery import unit_rows
from faceledger_workloads.runspec import Screening as ScreeningWish
from faceledger_workloads.runspec import Synthesis
from faceledger_workloads.shards import cut
from faceledger_workloads.synthesis.screening import (
    Candidate,
    Screening,
    ScreeningReason,
    ScreeningThresholds,
    calibrate_max_similarity_to_real,
    screen_variation,
)
from faceledger_workloads.work import Draw, Encoded

__all__ = ["MAX_DRAWS", "Augmentation", "DrawnFace", "Judged", "candidate", "drawn_faces", "thresholds_for"]

MAX_DRAWS = 4
"""Draws for each face that is wanted: a generator that fails more often than that is not worth waiting for."""


@dataclass(frozen=True)
class DrawnFace:
    """A synthetic image after a worker looked at it."""

    draw: Draw
    found: Face | Unfit
    template: NDArray[np.float32] | None
    """(128,) of unit length, where a face was found."""
    checkpoint: str | None
    """None for what no generator made."""
    embedding: NDArray[np.float32] | None = None
    """(128,) as the network gives it."""
    made: Made = Made.SAMPLED


@dataclass(frozen=True)
class Judged:
    """`reason` is None for a face that joins the data set."""

    face: DrawnFace
    reason: ScreeningReason | None


def drawn_faces(draws: Iterable[Draw], shards: Iterable[Encoded], made: Made = Made.SAMPLED) -> Iterator[DrawnFace]:
    """What the workers answered to `draws`, one by one."""
    addresses = iter(draws)
    for shard in shards:
        rows = zip(unit_rows(shard.embeddings), shard.embeddings, strict=True)
        for found in shard.seen.found:
            template, embedding = next(rows) if isinstance(found, Face) else (None, None)
            yield DrawnFace(next(addresses), found, template, shard.seen.checkpoint, embedding, made)


@dataclass
class Augmentation:
    """Draws and judges. `real` are the raw embeddings of the real faces, `identities` whose they are."""

    synthesis: Synthesis
    real: Embeddings
    identities: Sequence[str]
    draw: Callable[[Sequence[Draw]], Iterator[DrawnFace]]

    def __post_init__(self) -> None:
        self._real_templates = unit_rows(self.real)
        self._thresholds = thresholds_for(self.synthesis.screening, self._real_templates, self.identities)
        self._screening = Screening(self._real_templates, self._thresholds)

    def run(self) -> Iterator[Judged]:
        """First the faces themselves, then their variations, until `synthesis.faces` were accepted."""
        left = self.synthesis.faces
        accepted: dict[int, NDArray[np.float32]] = {}
        for judged in self._people(math.ceil(left / (1 + self.synthesis.variations_per_identity))):
            if judged.reason is None and judged.face.template is not None:
                accepted[judged.face.draw[0]] = judged.face.template
                left -= 1
            yield judged
        draws = [(index, k) for index in accepted for k in range(1, self.synthesis.variations_per_identity + 1)]
        for face in self.draw(draws[:left]):
            yield self._judge_variation(face, accepted[face.draw[0]])

    def _people(self, wanted: int) -> Iterator[Judged]:
        """Draws in rounds: as many more as are missing, since a screening that depends on order needs all before it."""
        missing, drawn, limit = wanted, 0, MAX_DRAWS * wanted
        while missing and drawn < limit:
            draws = [(index, 0) for index in range(drawn, min(limit, drawn + missing))]
            drawn += len(draws)
            for judged in self._judged_people(draws):
                missing -= judged.reason is None
                yield judged

    def _judged_people(self, draws: Sequence[Draw]) -> Iterator[Judged]:
        for faces in cut(self.draw(draws)):
            decisions = self._screening.judge([candidate(face) for face in faces])
            yield from (Judged(face, decision.reason) for face, decision in zip(faces, decisions, strict=True))

    def _judge_variation(self, face: DrawnFace, own: NDArray[np.float32]) -> Judged:
        decision = screen_variation(candidate(face), own, self._real_templates, self._thresholds)
        return Judged(face, decision.reason)


def candidate(face: DrawnFace) -> Candidate:
    """What the screening looks at."""
    if not isinstance(face.found, Face):
        return Candidate(face.draw[0])
    return Candidate(face.draw[0], face.found.detection_score, face.found.clarity, face.template)


def thresholds_for(
    screening: ScreeningWish, real: NDArray[np.float32], identities: Sequence[str]
) -> ScreeningThresholds:
    """`real` (n, 128) of unit length; they tell what `Auto` is."""
    asked = screening.max_similarity_to_real
    return ScreeningThresholds(
        min_detection_score=float(screening.min_detection_score),
        max_similarity_to_real=(
            calibrate_max_similarity_to_real(real, identities) if asked == "Auto" else float(asked)
        ),
    )
