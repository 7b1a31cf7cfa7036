"""What is searched, what is looked for, and what the score of the two is.

In: rows of a gallery and of probes with the terms of their scores. Out: pairs and their exact scores. Invariant: the
exact score of a pair depends on the pair alone, to the last bit, not on what else is scored beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["PART", "Entries", "Hits", "Queries", "Scores", "exact_scores", "lengths"]

PART = 65_536
"""Rows or pairs that are computed in float64 at a time."""

Scores = NDArray[np.float64]
"""Similarity scores; the higher, the more alike."""


@dataclass(frozen=True)
class Entries:
    """Templates. One's score for a query is (their dot product) x (the query's weight + its gain) - its offset."""

    rows: NDArray[np.float32]
    """(n, d); may be memory-mapped."""
    gains: NDArray[np.float32]
    """(n,), at least 0; 0 for a plain dot product."""
    offsets: NDArray[np.float32]
    """(n,)"""

    @classmethod
    def plain(cls, rows: NDArray[np.float32]) -> Entries:
        """Scored by their dot product."""
        zeros = np.zeros(len(rows), dtype=np.float32)
        return cls(rows, zeros, zeros)

    @cached_property
    def longest(self) -> float:
        """The greatest length of a row; 0 where there is none."""
        parts = (self.rows[start : start + PART] for start in range(0, len(self.rows), PART))
        return max((float(lengths(part).max()) for part in parts), default=0.0)

    @cached_property
    def greatest_gain(self) -> float:
        """Of all rows; 0 where there is none."""
        return float(self.gains.max(initial=0.0))

    @cached_property
    def greatest_offset(self) -> float:
        """Its size, of all rows; 0 where there is none."""
        return float(np.abs(self.offsets).max(initial=0.0))


@dataclass(frozen=True)
class Queries:
    """What is looked for."""

    rows: NDArray[np.float32]
    """(p, d)"""
    weights: NDArray[np.float32]
    """(p,), at least 0; 1 for a plain dot product."""

    @classmethod
    def plain(cls, rows: NDArray[np.float32]) -> Queries:
        """Scored by their dot product."""
        return cls(rows, np.ones(len(rows), dtype=np.float32))

    def __getitem__(self, part: slice) -> Queries:
        return Queries(self.rows[part], self.weights[part])

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Hits:
    """Pairs of a query and an entry, as indices, and a score for each."""

    queries: NDArray[np.intp]
    entries: NDArray[np.intp]
    scores: Scores

    def __getitem__(self, chosen: NDArray[np.intp]) -> Hits:
        return Hits(self.queries[chosen], self.entries[chosen], self.scores[chosen])


def exact_scores(entries: Entries, queries: Queries, query: NDArray[np.intp], entry: NDArray[np.intp]) -> Scores:
    """(m,): the score of each pair, given as indices (m,), in float64."""
    scores = np.empty(len(query))
    for start in range(0, len(scores), PART):
        part = slice(start, start + PART)
        left, right = queries.rows[query[part]], entries.rows[entry[part]]
        products = np.einsum("nd,nd->n", left.astype(np.float64), right.astype(np.float64))
        factors = queries.weights[query[part]].astype(np.float64) + entries.gains[entry[part]]
        scores[part] = products * factors - entries.offsets[entry[part]]
    return scores


def lengths(rows: NDArray[np.float32]) -> Scores:
    """(n,): Euclidean length of each row."""
    found: Scores = np.linalg.norm(rows.astype(np.float64), axis=1)
    return found
