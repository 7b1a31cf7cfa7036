"""What an embedding is, for code that computes with it and loads no network.

Invariant: raw rows as dlib gives them, float32; length carries information, so they are stored and compared as they
are told.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["DIMENSIONS", "Embeddings", "joined"]

DIMENSIONS = 128

Embeddings = NDArray[np.float32]
"""(n, 128)."""


def joined(parts: list[Embeddings]) -> Embeddings:
    """All rows of all parts; (0, 128) for none."""
    return np.concatenate([np.empty((0, DIMENSIONS), dtype=np.float32), *parts])
