"""The faces that a generator is trained on, gathered while photographs are looked at.

In: faces, in the order of the files. Out: their chips at the generator's resolution, in one array. A generator learns
little more from further faces, so there are at most `MAX_FACES`, and fewer where they would need more than `MAX_BYTES`.
Invariant: the array is a function of the faces and their order; nothing is kept where nothing is trained.
"""

from __future__ import annotations

import numpy as np

from faceledger_workloads.face import Face
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.scale import decode_png, resized
from faceledger_workloads.runspec import Training

__all__ = ["MAX_BYTES", "MAX_FACES", "TrainingFaces", "most_faces"]

MAX_FACES = 50_000
"""At 64 px they are 600 MB of the driver's memory; later ones are left out."""

MAX_BYTES = 1 << 30
"""Of pixels, in the driver and once more in what it shares: 21,845 faces of 128 px, 341 of 1,024 px."""


def most_faces(resolution: int) -> int:
    """How many faces of this side are trained on at most."""
    return min(MAX_FACES, MAX_BYTES // (3 * resolution**2))


class TrainingFaces:
    """Gathers for `training`; None gathers nothing."""

    def __init__(self, training: Training | None) -> None:
        self._training = training
        side = training.resolution if training else 1
        # Pages that no face was written to take no memory.
        self._chips = np.empty((most_faces(side) if training else 0, side, side, 3), dtype=np.uint8)
        self._count = 0

    def add_own(self, face: Face) -> None:
        """A face of the data set itself, which counts where no other folder is named."""
        if self._training is not None and self._training.images is None:
            self.add(face)

    def add(self, face: Face) -> None:
        """One more face to train on."""
        if self._training is not None and self._count < len(self._chips):
            side = self._training.resolution
            self._chips[self._count] = resized(decode_png(face.chip_png), side, side)
            self._count += 1

    def pixels(self) -> Pixels:
        """(n, r, r, 3): what was gathered, and not a copy of it."""
        return self._chips[: self._count]
