"""How alike a probe and an enrolled person are: the paper's cosine similarity, or the same score normalised.

In: a gallery and probe embeddings. Out: one score for each probe and person, and the gallery's own impostor scores.
Invariant: impostor scores come about exactly as a stranger's probe scores do, so a threshold set on the ones holds
for the others.

AS-norm (Cumani et al., Interspeech 2011; Matějka et al., 2017) standardises a score by how the probe, and how the
template, score against their most alike strangers. A score of 0.93 then counts less for a face that is like
everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, assert_never

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.matching.gallery import Scores, TemplateGallery, unit_rows
from faceledger_workloads.runspec import Cosine

__all__ = ["COHORT_SIZE", "CosineScorer", "NormalisedScorer", "Scorer", "make_scorer"]

COHORT_SIZE = 100
"""Most alike strangers in a cohort; 50 to 400 serve alike."""

SMALLEST_SPREAD = 1e-3
"""Least standard deviation of a cohort's scores that is divided by: a tiny cohort may have none."""


class Scorer(Protocol):
    """One way to score."""

    def probe_scores(self, embeddings: NDArray[np.float32]) -> Scores:
        """(p, d) raw embeddings -> (p, people)."""
        ...

    def impostor_scores(self) -> Scores:
        """(k,): every gallery photo against every other person."""
        ...


def make_scorer(score: Cosine, gallery: TemplateGallery) -> Scorer:
    """The scorer that the run asks for."""
    match score:
        case Cosine.COSINE:
            return CosineScorer(gallery)
        case Cosine.ASNORM:
            return NormalisedScorer(gallery)
        case _:
            assert_never(score)


@dataclass(frozen=True)
class CosineScorer:
    """Raw cosine similarity, the best template of each person."""

    gallery: TemplateGallery

    def probe_scores(self, embeddings: NDArray[np.float32]) -> Scores:
        """(p, people) cosines."""
        return self.gallery.best_per_person(_cosines(unit_rows(embeddings), self.gallery.templates))

    def impostor_scores(self) -> Scores:
        """Template against other person."""
        scores = self.gallery.best_per_person(_cosines(self.gallery.templates, self.gallery.templates))
        return scores[_others(self.gallery)]


@dataclass(frozen=True)
class NormalisedScorer:
    """AS-norm over a cohort of the gallery's other people and, where there are any, synthetic faces."""

    gallery: TemplateGallery

    def probe_scores(self, embeddings: NDArray[np.float32]) -> Scores:
        """(p, people). A probe's likest person is left out of its cohort: it may be the probe's own."""
        rows = unit_rows(embeddings)
        return self._normalised(rows, _statistics(self._strangers(rows)))

    def impostor_scores(self) -> Scores:
        """Template against other person, as if the template's own person were not enrolled."""
        own = ~_others(self.gallery)
        strangers = self._strangers(self.gallery.templates)
        strangers[:, : len(self.gallery.people)][own] = -np.inf
        return self._normalised(self.gallery.templates, _statistics(strangers))[_others(self.gallery)]

    def _normalised(self, rows: NDArray[np.float32], statistics: tuple[Scores, Scores]) -> Scores:
        raw = _cosines(rows, self.gallery.templates)
        mean, spread = statistics
        template_mean, template_spread = self._template_statistics()
        by_probe = (raw - mean[:, None]) / spread[:, None]
        by_template = (raw - template_mean[None]) / template_spread[None]
        return self.gallery.best_per_person((by_probe + by_template) / 2)

    def _template_statistics(self) -> tuple[Scores, Scores]:
        strangers = self._strangers(self.gallery.templates)
        strangers[:, : len(self.gallery.people)][~_others(self.gallery)] = -np.inf
        return _statistics(strangers)

    def _strangers(self, rows: NDArray[np.float32]) -> Scores:
        """(rows, people + synthetic faces): each of them counts once, whatever the number of templates."""
        people = self.gallery.best_per_person(_cosines(rows, self.gallery.templates))
        return np.concatenate([people, _cosines(rows, self.gallery.cohort)], axis=1)


def _cosines(rows: NDArray[np.float32], templates: NDArray[np.float32]) -> Scores:
    return (rows @ templates.T).astype(np.float64)


def _others(gallery: TemplateGallery) -> NDArray[np.bool_]:
    """(templates, people): whether the person is not the template's own."""
    others: NDArray[np.bool_] = gallery.owners[:, None] != np.arange(len(gallery.people))[None]
    return others


def _statistics(strangers: Scores) -> tuple[Scores, Scores]:
    """Mean and standard deviation of each row's `COHORT_SIZE` highest scores, the very highest one left out."""
    ordered = -np.sort(-strangers, axis=1)[:, 1 : COHORT_SIZE + 1]
    counted = np.isfinite(ordered)
    number = counted.sum(axis=1).clip(min=1)
    values = np.where(counted, ordered, 0.0)
    mean = values.sum(axis=1) / number
    variance = (np.where(counted, ordered - mean[:, None], 0.0) ** 2).sum(axis=1) / number
    return mean, np.sqrt(variance).clip(min=SMALLEST_SPREAD)
