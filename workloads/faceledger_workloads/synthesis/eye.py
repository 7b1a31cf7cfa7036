"""Finding and encoding faces in pictures, one after the other, as a worker does: what generators are judged by.

In: pictures. Out: the embeddings of the faces that were found, and in which pictures. Invariant: a row a face.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.embedding.encoder import load_encoder
from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.face import Face, FaceFinder
from faceledger_workloads.images.scale import decode_png
from faceledger_workloads.runspec import Encoder

__all__ = ["Eye"]

CHIP_SIDE = 150
"""Pixels of an aligned face."""


class Eye:
    """Finds and encodes faces on the processor."""

    def __init__(self, encoder: Encoder | None = None) -> None:
        self._finder = FaceFinder()
        self._encoder = load_encoder(encoder or Encoder(), "cpu")

    def encode(self, images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> tuple[Embeddings, list[int]]:
        """(n, 128) of the images in which a face was found, and the numbers of these images."""
        found = list(self._finder.in_pixels(list(images), CHIP_SIDE))
        where = [number for number, face in enumerate(found) if isinstance(face, Face)]
        chips = [decode_png(face.chip_png) for face in found if isinstance(face, Face)]
        return self._encoder.encode(chips), where
