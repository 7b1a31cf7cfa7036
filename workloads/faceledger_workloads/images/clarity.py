"""How sharp a face chip is: the clarity value that stands beside every recognised face.

In: a chip. Out: the variance of its Laplacian (Pech-Pacheco et al., ICPR 2000), which falls as blur takes the edges
away. Invariant: computed in integers up to the last division, so every machine gives the same value.
"""

from __future__ import annotations

from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.luma import luma

__all__ = ["clarity"]


def clarity(chip: Pixels) -> float:
    """0 for an even surface, some tens for a blurred face, hundreds and more for a sharp one; two decimals."""
    y = luma(chip)
    edges = y[:-2, 1:-1] + y[2:, 1:-1] + y[1:-1, :-2] + y[1:-1, 2:] - 4 * y[1:-1, 1:-1]
    count = edges.size
    spread: int = count * int((edges * edges).sum()) - int(edges.sum()) ** 2
    return round(spread / float(count) ** 2, 2)
