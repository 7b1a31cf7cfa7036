"""Finds faces with dlib's CNN detector (max-margin object detection, King 2015) in torch: the one for GPUs.

In: RGB pixels. Out: boxes with scores, the best first; frontal and turned heads alike. Invariant: boxes equal those of
dlib's `cnn_face_detection_model_v1` within a pixel, on every device.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from faceledger_workloads.detection.box import Box, Detection, best_first
from faceledger_workloads.detection.mmod_file import MmodWeights, read_mmod
from faceledger_workloads.detection.tiled_pyramid import TiledPyramid, lay_out
from faceledger_workloads.embedding.convolution import FoldedConvolution
from faceledger_workloads.embedding.dlib_file import Convolution
from faceledger_workloads.embedding.dlib_stream import WeightsFileError
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.models import MMOD, ModelFileError
from faceledger_workloads.shards import cut

__all__ = ["MmodDetector", "MmodNetwork", "suppressed"]

_STRIDE, _OFFSET = 8, 14
"""Output position p of the network is centred at 8 p + 14 of its input: three unpadded 5x5 convolutions of stride 2."""

_AT_ONCE = {"cpu": 1, "cuda": 8}
"""Photos in a batch. A CPU gains nothing from more; for a GPU, searches of one small photo are too short. Eight photos
of 40 megapixels that no decoder can shrink are a gigabyte."""

_HALVING = 3
"""Of the hidden convolutions, the first three halve the resolution."""


class MmodDetector:
    """The network, its pyramid and its decision."""

    def __init__(self, device: str = "cpu") -> None:
        """Raises `ModelFileError`."""
        try:
            self._weights = read_mmod(MMOD.read())
        except WeightsFileError as error:
            raise ModelFileError(f"{MMOD.name}: {error}") from error
        self._device = device
        self._network = MmodNetwork(self._weights).eval().to(memory_format=torch.channels_last).to(device)

    @property
    def at_once(self) -> int:
        return _AT_ONCE[self._device]

    def detect(self, images: Sequence[Pixels]) -> list[list[Detection]]:
        """Faces of about 80 px and more. Images of one size go through the network together."""
        alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for number, pixels in enumerate(images):
            alike[pixels.shape].append(number)
        found: dict[int, list[Detection]] = {}
        for (height, width, _), numbers in alike.items():
            pyramid = lay_out(width, height)
            for batch in cut(numbers, self.at_once):
                scores = self._scores(np.stack([images[number] for number in batch]), pyramid)
                found |= zip(batch, (self._decided(one, pyramid) for one in scores), strict=True)
        return [found[number] for number in range(len(images))]

    def _scores(self, images: Pixels, pyramid: TiledPyramid) -> NDArray[np.float32]:
        """(n, rows, columns) for (n, height, width, 3)."""
        # TF32 would move scores by 1e-3, and with them the choice between neighbouring boxes.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            pixels = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2)
            scores: NDArray[np.float32] = self._network(pixels, pyramid)[:, 0].cpu().numpy()
        return scores

    def _decided(self, scores: NDArray[np.float32], pyramid: TiledPyramid) -> list[Detection]:
        width, height = self._weights.window
        found = [
            Detection(
                pyramid.in_image(_STRIDE * int(x) + _OFFSET, _STRIDE * int(y) + _OFFSET, width, height),
                float(scores[y, x]),
            )
            for y, x in np.argwhere(scores > 0)
        ]
        return suppressed(best_first(found), self._weights.nms_iou, self._weights.nms_covered)


class MmodNetwork(nn.Module):
    """Seven convolutions, 0.18 M parameters."""

    mean: Tensor

    def __init__(self, weights: MmodWeights) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(weights.mean_rgb).view(1, 3, 1, 1))
        self.hidden = nn.Sequential(
            *(FoldedConvolution(layer, 2 if at < _HALVING else 1) for at, layer in enumerate(weights.hidden))
        )
        ones, zeros = np.ones_like(weights.last_bias), np.zeros_like(weights.last_bias)
        self.last = FoldedConvolution(Convolution(weights.last_filters, weights.last_bias, ones, zeros), 1)

    def forward(self, images: Tensor, pyramid: TiledPyramid) -> Tensor:
        """(n, 3, height, width) pixel values 0..255 -> (n, 1, rows, columns) scores over the pyramid's plane."""
        x = self._tiled((images.float() - self.mean) / 256, pyramid)
        for layer in self.hidden:
            x = functional.relu(layer(x))
        scores: Tensor = self.last(x)
        return scores

    def _tiled(self, level: Tensor, pyramid: TiledPyramid) -> Tensor:
        """Each level is made of the one before it; between them is 0, which is the mean colour."""
        plane = level.new_zeros(level.shape[0], 3, pyramid.height, pyramid.width)
        for number, place in enumerate(pyramid.levels):
            if number:
                size = (place.height, place.width)
                level = functional.interpolate(level, size, mode="bilinear", align_corners=True)
            plane[:, :, place.top : place.top + place.height, place.left : place.left + place.width] = level
        return plane.contiguous(memory_format=torch.channels_last)


def suppressed(detections: list[Detection], most_shared: float, most_covered: float) -> list[Detection]:
    """Of detections of one face, the first alone: dlib's `test_box_overlap`."""
    kept: list[Detection] = []
    for one in detections:
        if not any(_same_face(one.box, other.box, most_shared, most_covered) for other in kept):
            kept.append(one)
    return kept


def _same_face(one: Box, other: Box, most_shared: float, most_covered: float) -> bool:
    """Measured against the box around both, not against their union."""
    width = min(one.right, other.right) - max(one.left, other.left) + 1
    height = min(one.bottom, other.bottom) - max(one.top, other.top) + 1
    if width <= 0 or height <= 0:
        return False
    both = Box(
        min(one.left, other.left), min(one.top, other.top), max(one.right, other.right), max(one.bottom, other.bottom)
    )
    inner = width * height
    return inner > most_shared * both.area or inner > most_covered * min(one.area, other.area)
