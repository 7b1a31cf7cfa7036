"""How strangers score with a face: what adaptive symmetric normalisation divides by.

In: a gallery's other people and its synthetic faces, the cohort. Out: for a face the mean and the standard deviation of
its most alike strangers' scores. Invariant: a face's own person is no stranger, and the likest stranger is left out
everywhere, because a probe's likest may be its own person.

AS-norm (Cumani et al., Interspeech 2011; Matějka et al., 2017) standardises a score by how the probe, and how the
template, score against their most alike strangers. A score of 0.93 then counts less for a face that is like everybody.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.failures import RunFailed
from faceledger_workloads.matching.entries import Entries, Queries, Scores
from faceledger_workloads.matching.gallery import TemplateGallery
from faceledger_workloads.matching.search import Index
from faceledger_workloads.runreport import FailureReason

__all__ = ["COHORT_LIMIT", "COHORT_SIZE", "NOBODY", "SMALLEST_COHORT", "Cohort"]

COHORT_SIZE = 100
"""Most alike strangers that are counted; 50 to 400 serve alike."""

COHORT_LIMIT = 10_000
"""People and synthetic faces that the most alike ones are chosen from, evenly spaced among more: statistics of a
million templates take minutes then, and not the hours of comparing all with all."""

SMALLEST_COHORT = 5
"""Strangers below which their spread says nothing."""

SMALLEST_SPREAD = 1e-3
"""Least standard deviation that is divided by: a cohort of equal faces has none."""

NOBODY = -1
"""In place of a person: the face is nobody enrolled."""


class Cohort:
    """The strangers of one gallery. Each person counts once, whatever the number of templates."""

    def __init__(self, gallery: TemplateGallery, device: str = "cpu") -> None:
        """Raises `RunFailed` (GalleryTooSmall) where there are fewer than `SMALLEST_COHORT`."""
        people, synthetic = len(gallery.people), len(gallery.cohort)
        if people + synthetic - 2 < SMALLEST_COHORT:
            message = (
                f"matching.score ASNorm needs {SMALLEST_COHORT + 2} people or synthetic faces in the gallery to "
                f"normalise by; it has {people + synthetic}: enrol more people, add synthetic faces or use Cosine"
            )
            raise RunFailed(FailureReason.GALLERY_TOO_SMALL, message)
        chosen = np.unique(np.linspace(0, people - 1, min(people, COHORT_LIMIT)).round().astype(np.intp))
        faces = gallery.cohort[:COHORT_LIMIT]
        members = np.isin(gallery.template_owners, chosen)
        owners = np.searchsorted(chosen, gallery.template_owners[members])
        rows = np.concatenate([gallery.templates[members], faces])
        everyone = np.concatenate([owners, len(chosen) + np.arange(len(faces))])
        self._index = Index(Entries.plain(rows), everyone, device)
        self._person = np.concatenate([chosen, np.full(len(faces), NOBODY - 1)])
        self._size = min(COHORT_SIZE, self._index.people - 2)

    def statistics(self, rows: NDArray[np.float32], own: NDArray[np.intp]) -> tuple[Scores, Scores]:
        """Mean and spread (p,) for unit rows (p, d); `own` (p,) is each face's person, or `NOBODY`."""
        nearest = self._index.search(Queries.plain(rows), self._size + 2)
        stranger = self._person[nearest.owners] != own[:, None]
        place = np.cumsum(stranger, axis=1)
        # The likest stranger, place 1, is left out.
        counted = stranger & (place > 1) & (place <= self._size + 1)
        number = counted.sum(axis=1)
        mean = np.where(counted, nearest.scores, 0.0).sum(axis=1) / number
        variance = (np.where(counted, nearest.scores - mean[:, None], 0.0) ** 2).sum(axis=1) / number
        return mean, np.sqrt(variance).clip(min=SMALLEST_SPREAD)
