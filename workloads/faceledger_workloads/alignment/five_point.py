"""Turns a detected face into a chip: upright, centred, of one size, as dlib's get_face_chip makes it.

In: pixels and the face's box. Out: a square chip (padding 0.25) and five landmarks (outer and inner corner of each
eye, base of the nose), in the photo's and in the chip's pixels. 68 landmarks come beside them where they are asked
for: the chip is aligned by the five all the same, so that no embedding depends on a model whose training data (iBUG
300-W) forbids commerce.

`align` does all of it on the CPU, and is what workers call. For photos that lie on a GPU, `locate` gives the frame of
the face, `cut_chips` of `chips.py` cuts all chips at once, byte for byte those of `align`, and the encoder takes them
there (`encode_on_device`); workers decode on the CPU, so none of them calls these.
"""

from __future__ import annotations

from dataclasses import dataclass

import dlib

from faceledger_workloads.alignment.frame import PADDING, Frame, frame_of
from faceledger_workloads.detection.box import Box
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.models import FIVE_POINTS, SIXTY_EIGHT_POINTS

__all__ = ["PADDING", "Aligned", "FaceAligner", "Located", "Points"]

Points = tuple[tuple[int, int], ...]
"""(x, y) pixels."""


@dataclass(frozen=True)
class Located:
    """Where a face is."""

    landmarks: Points
    """Five, in the pixels that were looked at."""
    frame: Frame
    """Of its chip, in the same pixels."""
    outline: Points
    """68, where they were asked for; else none."""


@dataclass(frozen=True)
class Aligned:
    """A face chip (size, size, 3) and where its landmarks are."""

    chip: Pixels
    landmarks: Points
    """In the pixels that were aligned."""
    chip_landmarks: Points
    """In the chip's pixels."""
    outline: Points = ()
    """68 landmarks in the pixels that were aligned, where they were asked for."""


class FaceAligner:
    """dlib's five-point shape predictor and chip extraction."""

    def __init__(self, outlines: bool = False) -> None:
        """With `outlines`, 68 points of each face too: the caller has accepted that model's licence.

        Raises `ModelFileError`.
        """
        self._predictor = dlib.shape_predictor(str(FIVE_POINTS.path()))
        self._outliner = dlib.shape_predictor(str(SIXTY_EIGHT_POINTS.path())) if outlines else None

    def align(self, pixels: Pixels, box: Box, size: int) -> Aligned:
        """The chip of `size` pixels square."""
        shape, outline = self._shapes(pixels, box)
        chip = dlib.get_face_chip(pixels, shape, size=size, padding=PADDING)
        frame, landmarks = frame_of(shape, size), _points(shape)
        inner = ((round(x), round(y)) for x, y in (frame.in_chip(*point, size) for point in landmarks))
        return Aligned(chip, landmarks, tuple(inner), outline)

    def locate(self, pixels: Pixels, box: Box, size: int) -> Located:
        """Where the chip of `size` pixels square is."""
        shape, outline = self._shapes(pixels, box)
        return Located(_points(shape), frame_of(shape, size), outline)

    def _shapes(self, pixels: Pixels, box: Box) -> tuple[dlib.full_object_detection, Points]:
        rectangle = dlib.rectangle(*box.edges)
        return self._predictor(pixels, rectangle), _points(self._outliner(pixels, rectangle)) if self._outliner else ()


def _points(shape: dlib.full_object_detection) -> Points:
    return tuple((point.x, point.y) for point in shape.parts())
