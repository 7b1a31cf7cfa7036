"""How alike two sets of faces are, by their embeddings: Fréchet distance, precision, recall, density, coverage, spread.

Heusel et al. 2017 (Fréchet distance); Kynkäänniemi et al. 2019 (precision, recall); Naeem et al. 2020 (density,
coverage). All are taken in the space of dlib's face network, where distances are between people, not pictures.
Pure. Invariant: a figure is a function of the two sets alone, in any order of their rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SAME_PERSON", "ManifoldFigures", "compare_manifolds", "frechet_distance", "share_closer_than"]

NEIGHBOURS = 5
"""The k of the k-nearest-neighbour balls, as Naeem et al. recommend."""

SAME_PERSON = 0.6
"""dlib's distance below which two raw embeddings are taken for one person."""

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class ManifoldFigures:
    """Shares from 0 to 1; density may exceed 1."""

    precision: float
    """Made faces that lie within the real ones' neighbourhoods."""
    recall: float
    """Real faces that lie within the made ones' neighbourhoods."""
    density: float
    """Real neighbourhoods that a made face lies in, over k."""
    coverage: float
    """Real faces with a made one in their neighbourhood."""


def frechet_distance(first: Rows, second: Rows) -> float:
    """Between normal distributions with the means and covariances of (n, d) and (m, d); ValueError for n or m < 2."""
    if min(len(first), len(second)) < 2:
        raise ValueError("a covariance needs at least two rows")
    one, two = first.astype(np.float64), second.astype(np.float64)
    shift = float(np.square(one.mean(axis=0) - two.mean(axis=0)).sum())
    cov_one, cov_two = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    # tr sqrt(AB) = tr sqrt(sqrt(A) B sqrt(A)), which is symmetric and so has a stable root.
    root = _root(cov_one)
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ cov_two @ root), 0, None)).sum()
    return max(0.0, shift + float(np.trace(cov_one) + np.trace(cov_two) - 2 * cross))


def compare_manifolds(real: Rows, made: Rows, neighbours: int = NEIGHBOURS) -> ManifoldFigures:
    """Raises ValueError where a set has no `neighbours` beside each row."""
    if min(len(real), len(made)) <= neighbours:
        raise ValueError(f"each set needs more than {neighbours} rows")
    real_radius, made_radius = _radii(real, neighbours), _radii(made, neighbours)
    between = _distances(real, made)
    inside_real, inside_made = between <= real_radius[:, None], between <= made_radius[None, :]
    return ManifoldFigures(
        precision=float(inside_real.any(axis=0).mean()),
        recall=float(inside_made.any(axis=1).mean()),
        density=float(inside_real.sum(axis=0).mean() / neighbours),
        coverage=float((between.min(axis=1) <= real_radius).mean()),
    )


def share_closer_than(rows: Rows, distance: float = SAME_PERSON) -> float:
    """Pairs of different rows that are closer than `distance`, as a share of all; 0 for fewer than two rows."""
    if len(rows) < 2:
        return 0.0
    upper = np.triu_indices(len(rows), 1)
    return float((_distances(rows, rows)[upper] < distance).mean())


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    root: NDArray[np.float64] = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root


def _radii(rows: Rows, neighbours: int) -> NDArray[np.float64]:
    """Distance of each row to its k-th neighbour; the row itself is the 0-th."""
    radii: NDArray[np.float64] = np.partition(_distances(rows, rows), neighbours, axis=1)[:, neighbours]
    return radii


def _distances(first: Rows, second: Rows) -> NDArray[np.float64]:
    """(n, m) Euclidean distances."""
    one, two = first.astype(np.float64), second.astype(np.float64)
    squared = np.square(one).sum(axis=1)[:, None] + np.square(two).sum(axis=1)[None, :] - 2 * one @ two.T
    distances: NDArray[np.float64] = np.sqrt(np.clip(squared, 0, None))
    return distances
