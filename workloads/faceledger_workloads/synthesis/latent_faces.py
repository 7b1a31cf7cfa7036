"""Faces of the generators whose only input is a latent: ProGAN and MGAN.

One face is computed at a time and in double precision: its rounding errors are some ten orders of magnitude below one
grey level, so batches, threads, workers and kinds of processors do not show in the bytes. Truncation, which moves
styles towards their mean, means nothing to these models and is not looked at.
Invariant: a face is a function of (checkpoint sha256, seed, index, variation) alone.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from faceledger_workloads.synthesis.latent import latent
from faceledger_workloads.synthesis.model import CannotVaryError, Latent, Subject

__all__ = ["LatentFaces", "grey_levels"]

VARIED_ANGLE = math.radians(20)
"""How far a variation turns the latent towards another one: small enough to stay the same person, mostly."""


class LatentFaces(ABC):
    """A `FaceGenerator`; a subclass says what image belongs to a latent."""

    architecture: str

    def __init__(self, network: nn.Module, sha256: str, z_dim: int, resolution: int) -> None:
        self.sha256 = sha256
        self.resolution = resolution
        self._z_dim = z_dim
        self._network = network.double().eval().requires_grad_(False)

    def sample(self, seed: int, indices: Sequence[int], truncation: float) -> NDArray[np.uint8]:
        """(len(indices), resolution, resolution, 3), RGB. Raises ValueError naming a number out of range."""
        return self.draw([(Latent(seed, index, truncation), 0) for index in indices])

    def draw(self, faces: Sequence[tuple[Latent, int]]) -> NDArray[np.uint8]:
        """(len(faces), resolution, resolution, 3): what `vary` gives for each (face, variation)."""
        images = [self.vary(*face) for face in faces]
        return np.stack(images) if images else np.empty((0, self.resolution, self.resolution, 3), np.uint8)

    @torch.no_grad()
    def vary(self, subject: Subject, variation: int) -> NDArray[np.uint8]:
        """(resolution, resolution, 3): a face nearby, a different one for each `variation`; 0 is the face itself."""
        if not isinstance(subject, Latent):
            raise CannotVaryError(f"{self.architecture} varies faces that it made, not images")
        z = latent(subject.seed, subject.index, 0, self._z_dim)
        if variation:
            other = latent(subject.seed, subject.index, variation, self._z_dim)
            z = math.cos(VARIED_ANGLE) * z + math.sin(VARIED_ANGLE) * other
        return grey_levels(self._image(torch.from_numpy(z).unsqueeze(0), subject)[0])

    @abstractmethod
    def _image(self, z: torch.Tensor, subject: Latent) -> torch.Tensor:
        """(1, 3, resolution, resolution) for z (1, z_dim)."""


def grey_levels(image: torch.Tensor) -> NDArray[np.uint8]:
    """(r, r, 3) of an image (3, r, r) in [-1, 1]."""
    levels = ((image.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    pixels: NDArray[np.uint8] = levels.contiguous().numpy()
    return pixels
