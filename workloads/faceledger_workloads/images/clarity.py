"""How sharp a face chip is: the clarity value that stands beside every recognised face.

In: a chip. Out: the variance of its Laplacian (Pech-Pacheco et al., ICPR 2000), which falls as blur takes the edges
away. Invariant: computed in integers up to the last division, so every machine gives the same value.
"""

from __future__ import annotations

import numpy as np

from faceledger_workloads.images.decode import Pixels

__all__ = ["clarity"]


def clarity(chip: Pixels) -> float:
    """0 for an even surface, some tens for a blurred face, hundreds and more for a sharp one; two decimals."""
    luma = chip.astype(np.int64) @ np.array([77, 150, 29], dtype=np.int64) >> 8
    centre = luma[1:-1, 1:-1]
    edges = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * centre
    count = edges.size
    spread: int = count * int((edges * edges).sum()) - int(edges.sum()) ** 2
    return round(spread / float(count) ** 2, 2)
