"""Latents by address: (seed, index, variation) -> z, without a stream that somebody else could have advanced.

NumPy freezes the numbers of its legacy RandomState for good, which it does not promise for the newer generators.
Invariant: the same address gives the same latent in every process, on every machine, in every order.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["latent"]


def latent(seed: int, index: int, variation: int, length: int) -> NDArray[np.float64]:
    """(length,) standard normal numbers; variation 0 is the face itself. Raises ValueError for a negative number."""
    for name, number in (("seed", seed), ("index", index), ("variation", variation)):
        if number < 0:
            raise ValueError(f"{name} {number}: must not be negative")
    address = hashlib.sha256(f"faceledger-latent:{seed}:{index}:{variation}".encode()).digest()
    return np.random.RandomState(np.frombuffer(address, dtype=">u4").astype(np.uint32)).standard_normal(length)
