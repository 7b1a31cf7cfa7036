"""Variations of the people of a data set, by a generator that translates images (CycleGAN).

In: the chips and embeddings of the real faces, and a way to vary chips. Out: every variation with the decision on it.
Invariants: a variation is the person it was made from, or it is left out with a reason; it is compared with other
people, and never with its own. The order is that of the faces, then of the variations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from faceledger_workloads.augmentation import DrawnFace, Judged, candidate, thresholds_for
from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.matching.gallery import unit_rows
from faceledger_workloads.runspec import Synthesis
from faceledger_workloads.synthesis.screening import screen_variation
from faceledger_workloads.work import VariationOrder

__all__ = ["EnrolledFace", "vary_enrolled"]


@dataclass(frozen=True)
class EnrolledFace:
    """A real face: `number` is that of its chip in the archive."""

    number: int
    identity: str
    chip_png: bytes


def vary_enrolled(
    synthesis: Synthesis,
    faces: Sequence[EnrolledFace],
    embeddings: Embeddings,
    vary: Callable[[Sequence[VariationOrder]], Iterator[DrawnFace]],
) -> Iterator[Judged]:
    """`embeddings` (n, 128) are those of `faces`, raw."""
    templates = unit_rows(embeddings)
    names = np.asarray([face.identity for face in faces])
    thresholds = thresholds_for(synthesis.screening, templates, names.tolist())
    numbers = range(1, synthesis.variations_per_identity + 1)
    orders = [(row, VariationOrder(face.number, k, face.chip_png)) for row, face in enumerate(faces) for k in numbers]
    for (row, _), varied in zip(orders, vary([order for _, order in orders]), strict=True):
        others = templates[names != names[row]]
        decision = screen_variation(candidate(varied), templates[row], others, thresholds)
        yield Judged(varied, decision.reason)
