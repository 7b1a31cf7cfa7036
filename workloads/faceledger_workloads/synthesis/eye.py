"""Finding and encoding faces in pictures, one after the other, as a worker does: what generators are judged by.

In: pictures. Out: the embeddings of the faces that were found, and in which pictures. Invariant: a row a face.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.embedding.encoder import load_encoder
from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.face import FaceFinder
from faceledger_workloads.runspec import Encoder
from faceledger_workloads.synthesis.portraits import Portrait, PortraitFinder

__all__ = ["Eye"]

CHIP_SIDE = 150
"""Pixels of an aligned face."""


class Eye:
    """Finds and encodes faces on the processor."""

    def __init__(self, encoder: Encoder | None = None) -> None:
        self._finder = PortraitFinder(FaceFinder())
        self._encoder = load_encoder(encoder or Encoder(), "cpu")

    def encode(self, images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> tuple[Embeddings, list[int]]:
        """(n, 128) of the images in which a face was found, and the numbers of these images."""
        looked = self._finder.look(list(images), CHIP_SIDE)
        where = [number for number, one in enumerate(looked) if isinstance(one, Portrait)]
        return self._encoder.encode([one.chip for one in looked if isinstance(one, Portrait)]), where
