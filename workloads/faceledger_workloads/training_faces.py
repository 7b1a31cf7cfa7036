"""The faces that a generator is trained on, gathered while photographs are looked at.

In: faces, in the order of the files. Out: their chips at the generator's resolution, in one array. Small chips are few
bytes, and a generator learns nothing more from further ones, so there are at most `MAX_FACES`.
Invariant: the array is a function of the faces and their order; nothing is kept where nothing is trained.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceledger_workloads.face import Face
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.scale import decode_png, resized
from faceledger_workloads.runspec import Training

__all__ = ["MAX_FACES", "TrainingFaces"]

MAX_FACES = 50_000
"""At 64 px they are 600 MB of the driver's memory; later ones are left out."""


class TrainingFaces:
    """Gathers for `training`; None gathers nothing."""

    def __init__(self, training: Training | None) -> None:
        self._training = training
        self._chips: list[Pixels] = []

    def add_own(self, face: Face) -> None:
        """A face of the data set itself, which counts where no other folder is named."""
        if self._training is not None and self._training.images is None:
            self.add(face)

    def add(self, face: Face) -> None:
        """One more face to train on."""
        if self._training is not None and len(self._chips) < MAX_FACES:
            side = self._training.resolution
            self._chips.append(resized(decode_png(face.chip_png), side, side))

    def pixels(self) -> Pixels:
        """(n, r, r, 3), and an end to the gathering: the chips are not held twice."""
        chips: Sequence[Pixels] = self._chips
        self._chips = []
        return np.stack(chips) if chips else np.empty((0, 1, 1, 3), dtype=np.uint8)
