"""The enrolled people as the matcher sees them.

In: embeddings and whose they are. Out: unit rows grouped by person, and the templates that a probe is compared with.
Invariant: people are in the order of their names and a person's photos stand together, so results do not depend on the
order of enrolment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.matching.entries import PART, lengths
from faceledger_workloads.runspec import Templates

__all__ = ["TemplateGallery", "unit_rows"]


@dataclass(frozen=True)
class TemplateGallery:
    """Photos of enrolled people, the templates made of them, and synthetic faces of nobody."""

    people: tuple[str, ...]
    """Names in order; each has at least one photo."""
    photos: NDArray[np.float32]
    """(n, d) unit rows."""
    photo_owners: NDArray[np.intp]
    """(n,): each photo's person, as an index into `people`."""
    templates: NDArray[np.float32]
    """(t, d) unit rows. Max: the photos. Mean: one a person, the direction of the mean of their photos' unit rows."""
    template_owners: NDArray[np.intp]
    """(t,)"""
    cohort: NDArray[np.float32]
    """(m, d) unit rows of synthetic faces; m may be 0."""

    @classmethod
    def build(
        cls,
        embeddings: NDArray[np.float32],
        identities: Sequence[str],
        cohort: NDArray[np.float32] | None = None,
        templates: Templates = Templates.MAX,
    ) -> TemplateGallery:
        """Groups (n, d) raw embeddings by identity. ValueError for an empty gallery, and for an embedding without
        direction, which it names by its row."""
        if not identities:
            raise ValueError("a gallery needs at least one template")
        order = sorted(range(len(identities)), key=lambda row: identities[row])
        people = tuple(sorted(set(identities)))
        number = {name: index for index, name in enumerate(people)}
        owners = np.array([number[identities[row]] for row in order], dtype=np.intp)
        photos = unit_rows(embeddings)[order]
        wide = unit_rows(np.empty((0, embeddings.shape[1]), dtype=np.float32) if cohort is None else cohort)
        if templates is Templates.MAX:
            return cls(people, photos, owners, photos, owners, wide)
        sums = np.add.reduceat(photos.astype(np.float64), np.searchsorted(owners, np.arange(len(people))), axis=0)
        return cls(people, photos, owners, unit_rows(sums.astype(np.float32)), np.arange(len(people)), wide)


def unit_rows(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1, so that a dot product is a cosine. ValueError names a row that has no direction."""
    rows = np.empty(embeddings.shape, dtype=np.float32)
    for start in range(0, len(rows), PART):
        part = embeddings[start : start + PART]
        sizes = lengths(part)
        wrong = np.flatnonzero(~np.isfinite(sizes) | (sizes == 0))
        if len(wrong):
            raise ValueError(f"embedding {start + wrong[0]} of {len(rows)} is zero or not a number")
        rows[start : start + PART] = part / sizes[:, None]
    return rows
