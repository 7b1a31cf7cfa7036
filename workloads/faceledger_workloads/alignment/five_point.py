"""Turns a detected face into a chip: upright, centred, of one size, as dlib's get_face_chip makes it.

In: pixels and the face's box. Out: a square chip (padding 0.25) and five landmarks (outer and inner corner of each
eye, base of the nose), in the photo's and in the chip's pixels. The 68-point model is not used: its training data
forbids commerce.
"""

from __future__ import annotations

from dataclasses import dataclass

import dlib

from faceledger_workloads.detection.box import Box
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.models import FIVE_POINTS

__all__ = ["PADDING", "Aligned", "FaceAligner", "Points"]

PADDING = 0.25
"""Margin around the face as a share of its width: what the embedding network was trained with."""

Points = tuple[tuple[int, int], ...]
"""(x, y) pixels, five of them."""


@dataclass(frozen=True)
class Aligned:
    """A face chip (size, size, 3) and where its landmarks are."""

    chip: Pixels
    landmarks: Points
    """In the pixels that were aligned."""
    chip_landmarks: Points
    """In the chip's pixels."""


class FaceAligner:
    """dlib's five-point shape predictor and chip extraction."""

    def __init__(self) -> None:
        self._predictor = dlib.shape_predictor(str(FIVE_POINTS.path()))

    def align(self, pixels: Pixels, box: Box, size: int) -> Aligned:
        """The chip of `size` pixels square."""
        shape = self._predictor(pixels, dlib.rectangle(box.left, box.top, box.right, box.bottom))
        chip = dlib.get_face_chip(pixels, shape, size=size, padding=PADDING)
        margin = round(size * PADDING / (1 + 2 * PADDING))
        inner = dlib.rectangle(margin, margin, size - margin - 1, size - margin - 1)
        return Aligned(chip, _points(shape), _points(self._predictor(chip, inner)))


def _points(shape: dlib.full_object_detection) -> Points:
    return tuple((point.x, point.y) for point in shape.parts())
