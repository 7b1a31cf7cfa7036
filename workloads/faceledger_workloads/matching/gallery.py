"""The enrolled people as the matcher sees them.

In: embeddings and whose they are. Out: unit rows grouped by person. Invariant: people are in the order of their names
and a person's templates stand together, so results do not depend on the order of enrolment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scores", "TemplateGallery", "unit_rows"]

Scores = NDArray[np.float64]
"""Similarity scores; the higher, the more alike."""


@dataclass(frozen=True)
class TemplateGallery:
    """Templates of enrolled people, and synthetic faces of nobody that may widen a cohort."""

    templates: NDArray[np.float32]
    """(n, d) unit rows."""
    people: tuple[str, ...]
    """Names in order; each has at least one template."""
    starts: NDArray[np.intp]
    """Row of each person's first template."""
    cohort: NDArray[np.float32]
    """(m, d) unit rows of synthetic faces; m may be 0."""

    @classmethod
    def build(
        cls, embeddings: NDArray[np.float32], identities: Sequence[str], cohort: NDArray[np.float32] | None = None
    ) -> TemplateGallery:
        """Groups (n, d) raw embeddings by identity. ValueError for an empty gallery."""
        if not identities:
            raise ValueError("a gallery needs at least one template")
        order = sorted(range(len(identities)), key=lambda row: identities[row])
        ordered = [identities[row] for row in order]
        people = tuple(sorted(set(identities)))
        starts = np.searchsorted(np.array(ordered, dtype=object), np.array(people, dtype=object))
        empty = np.empty((0, embeddings.shape[1]), dtype=np.float32)
        return cls(unit_rows(embeddings[order]), people, starts, empty if cohort is None else unit_rows(cohort))

    @property
    def owners(self) -> NDArray[np.intp]:
        """(n,): each template's person, as an index into `people`."""
        sizes = np.diff(np.append(self.starts, len(self.templates)))
        return np.repeat(np.arange(len(self.people)), sizes)

    def best_per_person(self, scores: Scores) -> Scores:
        """(p, n) template scores -> (p, people): a person is as like as the likest of their templates."""
        best: Scores = np.maximum.reduceat(scores, self.starts, axis=1)
        return best


def unit_rows(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1, so that a dot product is a cosine. ValueError for a row that has no direction."""
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or np.any(lengths == 0):
        raise ValueError("an embedding is zero or not a number")
    rows: NDArray[np.float32] = (embeddings / lengths).astype(np.float32)
    return rows
