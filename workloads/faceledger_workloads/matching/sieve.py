"""The cheap pass over a gallery: which of its entries may score above a floor.

In: a block of entries, queries and a floor for each. Out: the pairs at or above their floor, scored in float32 by numpy
or in bfloat16 by torch. Invariant: a cheap score lies within `slack` of the exact one, so a floor that is lowered by it
loses nobody. The bounds are Higham's (Accuracy and Stability of Numerical Algorithms, 2002, chapter 3) for sums, and
Cauchy-Schwarz over the measured rounding errors of both vectors for bfloat16.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from faceledger_workloads.matching.entries import PART, Entries, Hits, Queries, Scores, lengths

if TYPE_CHECKING:
    import torch

__all__ = ["ArraySieve", "HalfSieve", "Sieve", "half_is_fast"]

_FLOAT32_UNIT = 2.0**-24
_BFLOAT16_UNIT = 2.0**-8


class Sieve(Protocol):
    """One arithmetic."""

    def slack(self, queries: Queries) -> Scores:
        """(p,): how far a cheap score may lie from the exact one."""
        ...

    def above(self, queries: Queries, block: slice, floors: Scores) -> Hits:
        """The entries of `block` whose cheap score is at least the query's floor (p,)."""
        ...


@dataclass(frozen=True)
class ArraySieve:
    """float32 by numpy: reads the gallery where it lies and loads nothing."""

    entries: Entries

    def slack(self, queries: Queries) -> Scores:
        """Twice the error of a float32 sum of d products and of what follows."""
        entries = self.entries
        sizes = lengths(queries.rows) * entries.longest * (queries.weights + entries.greatest_gain)
        slack: Scores = 2 * _FLOAT32_UNIT * ((queries.rows.shape[1] + 4) * sizes + 2 * entries.greatest_offset)
        return slack

    def above(self, queries: Queries, block: slice, floors: Scores) -> Hits:
        """See `Sieve`."""
        entries = self.entries
        scores = queries.rows @ entries.rows[block].T
        if entries.greatest_gain or entries.greatest_offset or np.any(queries.weights != 1):
            scores = scores * (queries.weights[:, None] + entries.gains[block]) - entries.offsets[block]
        near = np.flatnonzero(scores.max(axis=1) >= floors)
        query, entry = np.nonzero(scores[near] >= floors[near, None])
        return Hits(near[query], entry + block.start, scores[near[query], entry].astype(np.float64))


class HalfSieve:
    """bfloat16 by torch: half the memory to read, and the matrix units of the processor or GPU."""

    def __init__(self, entries: Entries, device: str) -> None:
        """Keeps a bfloat16 copy of the rows on `device`: 2 d bytes an entry."""
        import torch

        self._entries = entries
        self._device = device
        self._rows = torch.empty(entries.rows.shape, dtype=torch.bfloat16, device=device)
        self._gains = torch.from_numpy(np.array(entries.gains)).to(device)
        self._offsets = torch.from_numpy(np.array(entries.offsets)).to(device)
        self._rounding = 0.0
        for start in range(0, len(entries.rows), PART):
            whole = torch.from_numpy(np.array(entries.rows[start : start + PART]))
            self._rounding = max(self._rounding, float(_rounding(whole).max()))
            self._rows[start : start + PART] = whole.bfloat16().to(device)

    def slack(self, queries: Queries) -> Scores:
        """|q.g - q'.g'| <= |q - q'| |g| + |q'| |g - g'|, then the product rounded, then what float32 adds."""
        import torch

        rounding = _rounding(torch.from_numpy(queries.rows)).numpy()
        sizes, longest = lengths(queries.rows) + rounding, self._entries.longest + self._rounding
        products = rounding * longest + sizes * self._rounding + _BFLOAT16_UNIT * sizes * longest
        slack: Scores = products * (queries.weights + self._entries.greatest_gain)
        return slack + 2 * ArraySieve(self._entries).slack(queries)

    def above(self, queries: Queries, block: slice, floors: Scores) -> Hits:
        """See `Sieve`."""
        import torch

        # The next float32 below: rounding a floor must not raise it.
        lowered = np.nextafter(floors.astype(np.float32), np.float32(-np.inf))
        limits = torch.from_numpy(lowered).to(self._device)
        scores = self._scores(queries, block)
        near = (scores.amax(dim=1) >= limits).nonzero()[:, 0]
        query, entry = torch.nonzero(scores[near] >= limits[near, None], as_tuple=True)
        query = near[query]
        found = scores[query, entry].double().cpu().numpy()
        return Hits(query.cpu().numpy(), entry.cpu().numpy() + block.start, found)

    def _scores(self, queries: Queries, block: slice) -> torch.Tensor:
        import torch

        rows = torch.from_numpy(queries.rows).to(self._device).bfloat16()
        products = torch.mm(rows, self._rows[block].T)
        weights = torch.from_numpy(queries.weights).to(self._device)
        if not (self._entries.greatest_gain or self._entries.greatest_offset or bool((weights != 1).any())):
            return products
        return products.float().mul_(weights[:, None] + self._gains[block]).sub_(self._offsets[block])


def half_is_fast(device: str) -> bool:
    """Whether `device` multiplies bfloat16 in hardware: without it, float32 is the faster one."""
    import torch

    return device != "cpu" or bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def _rounding(rows: torch.Tensor) -> torch.Tensor:
    """(n,): length of what each row loses by being rounded to bfloat16."""
    lost: torch.Tensor = (rows.bfloat16().double() - rows.double()).norm(dim=1)
    return lost
