"""How bright each pixel is.

In: RGB pixels. Out: luma by the weights of ITU-R BT.601 in 256ths. Invariant: integers, the same everywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.images.decode import Pixels

__all__ = ["luma"]

_WEIGHTS = np.array([77, 150, 29], dtype=np.int64)


def luma(pixels: Pixels) -> NDArray[np.int64]:
    """(height, width), 0 to 255."""
    shown: NDArray[np.int64] = pixels.astype(np.int64) @ _WEIGHTS >> 8
    return shown
