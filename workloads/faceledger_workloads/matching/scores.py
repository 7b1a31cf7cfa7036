"""How alike a probe and an enrolled person are: the paper's cosine similarity, or the same score normalised.

In: a gallery and embeddings. Out: the likest people of each, or its score with one person. Invariant: a gallery photo
whose own person is left out scores exactly as a stranger's probe does, so a threshold set on the ones holds for the
others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.matching.candidates import Nearest
from faceledger_workloads.matching.entries import Entries, Queries, Scores
from faceledger_workloads.matching.gallery import TemplateGallery, unit_rows
from faceledger_workloads.matching.normalisation import NOBODY, Cohort
from faceledger_workloads.matching.search import Index
from faceledger_workloads.runspec import Score

__all__ = ["Probes", "Scorer", "Searched", "make_scorer", "search_faces"]


@dataclass(frozen=True)
class Probes:
    """Faces that are ready to be compared. A score is the index' less the probe's shift."""

    queries: Queries
    shifts: Scores
    """(p,)"""

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, chosen: NDArray[np.intp]) -> Probes:
        return Probes(Queries(self.queries.rows[chosen], self.queries.weights[chosen]), self.shifts[chosen])


class Scorer:
    """Of one gallery; `cohort` is None for raw cosine similarity."""

    def __init__(self, gallery: TemplateGallery, cohort: Cohort | None, device: str = "cpu") -> None:
        self.gallery = gallery
        self._cohort = cohort
        entries = Entries.plain(gallery.templates)
        if cohort is not None:
            mean, spread = cohort.statistics(gallery.templates, gallery.template_owners)
            # ((s - m) / d + (s - m') / d') / 2 = s (1 / 2d + 1 / 2d') - m / 2d - m' / 2d'
            entries = Entries(
                gallery.templates, (0.5 / spread).astype(np.float32), (mean * 0.5 / spread).astype(np.float32)
            )
        self._index = Index(entries, gallery.template_owners, device)

    def prepare(self, embeddings: NDArray[np.float32], own: NDArray[np.intp] | None = None) -> Probes:
        """(p, d) raw embeddings; `own` (p,) are people who are to count as not enrolled for their own photos.
        ValueError names an embedding without direction."""
        rows = unit_rows(embeddings)
        if self._cohort is None:
            return Probes(Queries.plain(rows), np.zeros(len(rows)))
        mean, spread = self._cohort.statistics(rows, np.full(len(rows), NOBODY) if own is None else own)
        return Probes(Queries(rows, (0.5 / spread).astype(np.float32)), mean * 0.5 / spread)

    def search(self, probes: Probes, k: int) -> Nearest:
        """The `k` likest people of each probe."""
        found = self._index.search(probes.queries, k)
        return Nearest(found.owners, found.scores - probes.shifts[:, None])

    def compare(self, probes: Probes, people: NDArray[np.intp]) -> Scores:
        """(p,): each probe's score with its one person of `people` (p,)."""
        return self._index.compare(probes.queries, people) - probes.shifts


@dataclass(frozen=True)
class Searched:
    """Faces, and the likest people of each."""

    probes: Probes
    nearest: Nearest


def search_faces(scorer: Scorer, embeddings: NDArray[np.float32], depth: int) -> Searched:
    """The `depth` likest people of each of (p, d) raw embeddings. ValueError names one without direction."""
    probes = scorer.prepare(embeddings)
    return Searched(probes, scorer.search(probes, depth))


def make_scorer(score: Score, gallery: TemplateGallery, device: str = "cpu") -> Scorer:
    """The scorer that the run asks for. Raises `RunFailed` (GalleryTooSmall) where ASNorm has too small a cohort."""
    return Scorer(gallery, Cohort(gallery, device) if score is Score.ASNORM else None, device)
