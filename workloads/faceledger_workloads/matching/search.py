"""The likest owners of a query among up to ten million entries, exactly.

In: entries grouped by owner, queries and k. Out: for each query its k owners of the highest scores; an owner is as like
as the likest of their entries. Invariant: the answer is that of comparing everything in float64, whatever arithmetic
the cheap pass uses and however it is cut.

    block of entries -> Sieve: who may reach the k-th owner's floor? -> Candidates: floors rise -> ... -> k owners

Memory: the entries (which may be a memory map), for bfloat16 a copy of half their size, one block of products and
the candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.device import usable_device
from faceledger_workloads.matching.candidates import Candidates, Nearest
from faceledger_workloads.matching.entries import Entries, Queries, Scores, exact_scores
from faceledger_workloads.matching.sieve import ArraySieve, HalfSieve, Sieve, half_is_fast

__all__ = ["Index"]

BATCH = 256
"""Queries that share a pass over the entries."""

BLOCK = 32_768
"""Entries a product: 64 queries make 4 MiB of bfloat16 scores, about a processor's second cache."""

FIRST_BLOCK = 512
"""Blocks double from here up to `BLOCK`: all of the very first one are candidates, and set the floors."""

LARGE = 50_000
"""Entries from which on torch is loaded: below, numpy needs less time than the loading takes."""

FEWEST_FOR_HALF = 8
"""Queries from which on a processor gains from bfloat16: fewer are bound by reading, which numpy does as well."""


class Index:
    """Entries that can be searched."""

    def __init__(self, entries: Entries, owners: NDArray[np.intp], device: str = "cpu") -> None:
        """`owners` (n,) are 0, 1, 2, ... in order, each at least once. `device` is `cpu` or `cuda`."""
        self.entries, self.owners, self._device = entries, owners, device
        self.people = int(owners[-1]) + 1 if len(owners) else 0
        self._starts = np.searchsorted(owners, np.arange(self.people + 1))

    def search(self, queries: Queries, k: int) -> Nearest:
        """The `k` likest owners of each query."""
        width = min(k, self.people)
        found = Nearest(np.empty((len(queries), width), dtype=np.intp), np.empty((len(queries), width)))
        for start in range(0, len(queries) if width else 0, BATCH):
            part = slice(start, start + BATCH)
            best = self._search_batch(queries[part], width)
            found.owners[part], found.scores[part] = best.owners, best.scores
        return found

    def compare(self, queries: Queries, owners: NDArray[np.intp]) -> Scores:
        """(p,): the score of each query and its one owner of `owners` (p,)."""
        if not len(owners):
            return np.empty(0)
        firsts = self._starts[owners]
        sizes = self._starts[owners + 1] - firsts
        begins = np.cumsum(sizes) - sizes
        entry = np.arange(sizes.sum()) + np.repeat(firsts - begins, sizes)
        exact = exact_scores(self.entries, queries, np.repeat(np.arange(len(owners)), sizes), entry)
        best: Scores = np.maximum.reduceat(exact, begins)
        return best

    def _search_batch(self, queries: Queries, k: int) -> Nearest:
        sieve = self._half if self._use_half(len(queries)) else ArraySieve(self.entries)
        slack = sieve.slack(queries)
        candidates = Candidates(self.entries, self.owners, queries, k)
        for block in _blocks(len(self.owners)):
            hits = sieve.above(queries, block, candidates.floors - slack)
            if len(hits.scores):
                candidates.add(hits, slack)
        return candidates.nearest()

    def _use_half(self, queries: int) -> bool:
        if len(self.owners) < LARGE:
            return False
        device = usable_device(self._device)
        return (queries >= FEWEST_FOR_HALF or device != "cpu") and half_is_fast(device)

    @cached_property
    def _half(self) -> Sieve:
        return HalfSieve(self.entries, usable_device(self._device))


def _blocks(count: int) -> Iterator[slice]:
    start, size = 0, FIRST_BLOCK
    while start < count:
        yield slice(start, min(start + size, count))
        start, size = start + size, min(2 * size, BLOCK)
