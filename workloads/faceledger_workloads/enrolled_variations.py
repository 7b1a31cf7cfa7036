"""Variations of the people of a data set: translated by a generator (CycleGAN), or in another pose, light, expression.

In: where the real faces are and their embeddings, and a way to vary them. Out: every variation with the decision on it.
Invariants: a variation is the person it was made from, or it is left out with a reason; it is compared with other
people, and never with its own. The order is that of the faces, then of the variations. No chip is kept: a worker finds
the face in its photo again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np

from faceledger_workloads.augmentation import DrawnFace, Judged, candidate, thresholds_for
from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.images.source import Photo
from faceledger_workloads.manifest import Made
from faceledger_workloads.matching.gallery import unit_rows
from faceledger_workloads.runspec import Screening
from faceledger_workloads.synthesis.screening import screen_variation
from faceledger_workloads.work import VariationOrder

__all__ = ["EnrolledFace", "vary_enrolled"]


@dataclass(frozen=True)
class EnrolledFace:
    """A real face: `number` is that of its chip in the archive."""

    number: int
    identity: str
    photo: Photo
    place: int
    """Which face of the photo, from 0."""


def vary_enrolled(
    screening: Screening,
    count: int,
    made: Made,
    faces: Sequence[EnrolledFace],
    embeddings: Embeddings,
    vary: Callable[[Iterable[VariationOrder], int], Iterator[DrawnFace]],
) -> Iterator[Judged]:
    """`count` variations of each face. `embeddings` (n, 128) are those of `faces`, raw; `vary` is told how many orders
    there are, takes them as it goes, and answers each; ValueError where it answers more or fewer."""
    templates = unit_rows(embeddings)
    names = np.asarray([face.identity for face in faces])
    thresholds = thresholds_for(screening, templates, names.tolist())
    numbers = range(1, count + 1)
    orders = (VariationOrder(face.number, k, face.photo, face.place, made) for face in faces for k in numbers)
    owners = (row for row in range(len(faces)) for _ in numbers)
    varied = zip(owners, vary(orders, len(faces) * count), strict=True)
    for row, of_one in groupby(varied, key=itemgetter(0)):
        others = templates[names != names[row]]
        for _, face in of_one:
            decision = screen_variation(candidate(face), templates[row], others, thresholds)
            yield Judged(face, decision.reason)
