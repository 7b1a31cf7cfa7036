"""Who may be among the k likest owners of a query, while the gallery is being read.

In: pairs with cheap scores and how far these may lie from the exact ones. Out: floors that rise, and in the end the
likest owners by exact scores. Invariant: an owner who belongs to the k likest is never dropped; equal scores are in the
order of the owners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.matching.entries import Entries, Hits, Queries, Scores, exact_scores

__all__ = ["MOST_CANDIDATES", "Candidates", "Nearest"]

MOST_CANDIDATES = 262_144
"""Pairs that are kept before they are settled exactly: there may be any number of equal entries."""


@dataclass(frozen=True)
class Nearest:
    """The likest owners of each query, the likest first: fewer than k columns where there are fewer owners."""

    owners: NDArray[np.intp]
    """(p, k)"""
    scores: Scores
    """(p, k)"""

    def __getitem__(self, chosen: NDArray[np.intp]) -> Nearest:
        return Nearest(self.owners[chosen], self.scores[chosen])


class Candidates:
    """Of one batch of queries, for `k` owners each. `owners` (n,) tells whose each entry is."""

    def __init__(self, entries: Entries, owners: NDArray[np.intp], queries: Queries, k: int) -> None:
        self.floors: Scores = np.full(len(queries), -np.inf)
        """(p,): what the k-th owner scores at least."""
        self._entries, self._owners, self._queries, self._k = entries, owners, queries, k
        nothing = np.empty(0, dtype=np.intp)
        self._pairs = Hits(nothing, nothing, np.empty(0))
        """Scored by the least that they may score."""
        self._most: Scores = np.empty(0)
        """What each of them scores at most."""

    def add(self, hits: Hits, slack: Scores) -> None:
        """`slack` (p,) is how far a query's scores may lie from the exact ones."""
        pairs, margin = self._pairs, slack[hits.queries]
        self._pairs = Hits(
            np.concatenate([pairs.queries, hits.queries]),
            np.concatenate([pairs.entries, hits.entries]),
            np.concatenate([pairs.scores, hits.scores - margin]),
        )
        self._most = np.concatenate([self._most, hits.scores + margin])
        self._raise_floors()
        self._keep(np.flatnonzero(self._most >= self.floors[self._pairs.queries]))
        if len(self._most) > MOST_CANDIDATES:
            self._settle()

    def nearest(self) -> Nearest:
        """The answer, once every entry that reaches its query's floor was added."""
        self._settle()
        shape = (len(self._queries), -1 if len(self._queries) else self._k)
        return Nearest(self._owners[self._pairs.entries].reshape(shape), self._pairs.scores.reshape(shape))

    def _settle(self) -> None:
        """Exact scores for bounds; the likest k owners' likest entries alone stay."""
        pairs = self._pairs
        exact = exact_scores(self._entries, self._queries, pairs.queries, pairs.entries)
        self._pairs, self._most = Hits(pairs.queries, pairs.entries, exact), exact
        self._keep(self._raise_floors())

    def _raise_floors(self) -> NDArray[np.intp]:
        """Answers the k best pairs of each query, one an owner, by query and falling score."""
        pairs, owners = self._pairs, self._owners[self._pairs.entries]
        order = np.lexsort((owners, -pairs.scores, pairs.queries))
        keys = pairs.queries[order] * (len(self._owners) + 1) + owners[order]
        best = order[np.sort(np.unique(keys, return_index=True)[1])]
        queries = pairs.queries[best]
        place = np.arange(len(best)) - np.searchsorted(queries, queries)
        last = best[place == self._k - 1]
        self.floors[pairs.queries[last]] = pairs.scores[last]
        chosen: NDArray[np.intp] = best[place < self._k]
        return chosen

    def _keep(self, kept: NDArray[np.intp]) -> None:
        self._pairs, self._most = self._pairs[kept], self._most[kept]
