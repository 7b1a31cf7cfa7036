"""Did a generator copy the people that it was trained on? Numbers only: no picture of a neighbour is ever shown.

Each generated face and each held-out real one is compared with its nearest training face. A generator that copies is
nearer to its training set than people who have nothing to do with it are.
Invariant: pure; the same templates give the same report.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MemorisationReport", "report_memorisation"]

QUANTILE = 0.999
"""A generated face counts as memorised above this quantile of the held-out faces' similarities."""


@dataclass(frozen=True)
class MemorisationReport:
    """Similarities (cosines) to the nearest training face."""

    generated: int
    """Faces that were looked at."""
    threshold: float
    """The 99.9th percentile of the held-out faces."""
    memorised: float
    """Share of generated faces above it; 0.001 is what people who were never seen have."""
    generated_median: float
    generated_highest: float
    held_out_median: float
    held_out_highest: float


def report_memorisation(
    generated: NDArray[np.float32], training: NDArray[np.float32], held_out: NDArray[np.float32]
) -> MemorisationReport:
    """All (n, d) of unit length and not empty; raises ValueError naming the one that is."""
    for name, rows in (("generated", generated), ("training", training), ("held_out", held_out)):
        if not len(rows):
            raise ValueError(f"{name}: no templates to compare")
    ours, theirs = _nearest(generated, training), _nearest(held_out, training)
    threshold = float(np.quantile(theirs, QUANTILE))
    return MemorisationReport(
        generated=len(generated),
        threshold=threshold,
        memorised=float((ours > threshold).mean()),
        generated_median=float(np.median(ours)),
        generated_highest=float(ours.max()),
        held_out_median=float(np.median(theirs)),
        held_out_highest=float(theirs.max()),
    )


def _nearest(rows: NDArray[np.float32], training: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,): in blocks, so that memory does not grow with both."""
    starts = range(0, len(rows), 256)
    return np.concatenate([(rows[start : start + 256] @ training.T).max(axis=1) for start in starts])
