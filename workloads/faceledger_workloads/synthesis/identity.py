"""The identity-similarity loss: generated people shall differ among themselves and resemble real ones as real ones do.

Faces pass through the differentiable dlib network, and the energy distance between the embeddings of a generated batch
and those of the training set is minimised: it draws generated people to where training people are, and drives them
apart. It is zero exactly when both are distributed alike (Szekely and Rizzo, "Energy statistics", 2013).
Invariant: the network's own weights never change, and nothing of a training image but its embedding is kept.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import dlib
import numpy as np
import torch
from torch.nn import functional

from faceledger_workloads.alignment.five_point import PADDING
from faceledger_workloads.embedding.dlib_file import read_resnet
from faceledger_workloads.embedding.network import CHIP_SIZE, FaceResNet
from faceledger_workloads.images.scale import enlarged
from faceledger_workloads.models import FACE_RESNET, FIVE_POINTS

__all__ = ["FaceFrame", "IdentityLoss", "energy_distance", "find_face_frame"]

ENLARGED_SIDE = 300
"""Pixels to which training images are enlarged before faces are looked for: dlib's window is 80 px."""

REFERENCE_IMAGES = 2000
"""About as many training images stand for all of them: more would not move the distance."""

JITTER = 0.03
"""Largest shift of the frame, as a share of its side: a generator cannot tune single pixels to a frame that moves."""


@dataclass(frozen=True)
class FaceFrame:
    """Where the square that dlib encodes lies in an aligned image; shares of the image's side."""

    centre_x: float
    centre_y: float
    side: float


def find_face_frame(pixels: torch.Tensor, count: int = 100) -> FaceFrame:
    """The median frame of the first `count` faces of aligned images (n, 3, r, r), uint8.

    Raises ValueError when no face is found in them.
    """
    detector, predictor = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(FIVE_POINTS.path()))
    frames = []
    for image in pixels[:count].permute(0, 2, 3, 1).contiguous().numpy():
        large, _ = enlarged(image, ENLARGED_SIDE)
        for box in detector(large)[:1]:
            chip = dlib.get_face_chip_details(predictor(large, box), CHIP_SIZE, PADDING).rect
            frames.append(tuple(np.array([chip.dcenter().x, chip.dcenter().y, chip.width()]) / len(large)))
    if not frames:
        raise ValueError("no face was found in the training images: the identity loss needs faces")
    centre_x, centre_y, side = (statistics.median(values) for values in zip(*frames, strict=True))
    return FaceFrame(float(centre_x), float(centre_y), float(side))


class IdentityLoss:
    """Energy distance, in the space of dlib's embeddings, between a generated batch and the training images."""

    def __init__(self, pixels: torch.Tensor, frame: FaceFrame, dtype: torch.dtype, device: torch.device) -> None:
        self._frame = frame
        self._dtype = dtype
        network = FaceResNet(read_resnet(FACE_RESNET.read())).eval().requires_grad_(False)
        self._network = network.cast(dtype).to(device)
        random = torch.Generator().manual_seed(0)
        chosen = pixels[:: max(1, len(pixels) // REFERENCE_IMAGES)]
        batches = torch.split(chosen, 64)
        with torch.no_grad():
            rows = [self.embed(batch.to(device).float() / 127.5 - 1, random) for batch in batches]
        self.real = torch.cat(rows)

    def __call__(self, images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """A scalar with a graph to `images` (n, 3, r, r) in [-1, 1], n > 1; `random` is a CPU generator."""
        return energy_distance(self.embed(images, random), self.real)

    def embed(self, images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """(n, 128), raw, of the frame in each image, moved a little and mirrored by a coin."""
        chips = self._frame_chips(images.float(), random)
        embeddings: torch.Tensor = self._network((chips + 1) * 127.5)
        return embeddings

    def _frame_chips(self, images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """(n, 3, 150, 150)."""
        count, frame = len(images), self._frame
        shift = (torch.rand(count, 2, generator=random) * 2 - 1) * JITTER * frame.side
        mirror = torch.where(torch.rand(count, generator=random) < 0.5, -1.0, 1.0)
        rows = torch.zeros(count, 2, 3)
        # affine_grid counts from -1 to 1 over the image.
        rows[:, 0, 0] = frame.side * mirror
        rows[:, 1, 1] = frame.side
        rows[:, 0, 2] = 2 * (frame.centre_x + shift[:, 0]) - 1
        rows[:, 1, 2] = 2 * (frame.centre_y + shift[:, 1]) - 1
        grid = functional.affine_grid(rows.to(images), [count, 3, CHIP_SIZE, CHIP_SIZE], align_corners=False)
        return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def energy_distance(generated: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """2 E|x - y| - E|x - x'| - E|y - y'| of `generated` x (n, d) and `real` y (m, d), unbiased, n and m > 1."""
    across = torch.cdist(generated, real).mean()
    return 2 * across - _mean_distance(generated) - _mean_distance(real)


def _mean_distance(rows: torch.Tensor) -> torch.Tensor:
    """Between two different rows; `pdist` has no gradient trouble at the zeros of a diagonal."""
    return functional.pdist(rows).mean()
