"""Turns a detected face into a chip: upright, centred, of one size, as dlib's get_face_chip makes it.

In: pixels and the face's box. Out: a square chip (padding 0.25) and five landmarks (outer and inner corner of each
eye, base of the nose), in the photo's and in the chip's pixels. 68 landmarks come beside them where they are asked
for: the chip is aligned by the five all the same, so that no embedding depends on a model whose training data (iBUG
300-W) forbids commerce.

Landmarks are found on the CPU. Chips are cut by dlib, one after the other, or on a GPU, all at once (`chips.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dlib

from faceledger_workloads.alignment.frame import PADDING, Frame, frame_of
from faceledger_workloads.detection.box import Box
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.models import FIVE_POINTS, SIXTY_EIGHT_POINTS

__all__ = ["PADDING", "Aligned", "FaceAligner", "Points"]

Points = tuple[tuple[int, int], ...]
"""(x, y) pixels."""


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

    def __init__(self, outlines: bool = False, cut_on: str | None = None) -> None:
        """With `outlines`, 68 points of each face too: the caller has accepted that model's licence. `cut_on`: the
        torch device that chips are cut on; None: by dlib, which is faster on a CPU.

        Raises `ModelFileError`.
        """
        self._predictor = dlib.shape_predictor(str(FIVE_POINTS.path()))
        self._outliner = dlib.shape_predictor(str(SIXTY_EIGHT_POINTS.path())) if outlines else None
        self._cut_on = cut_on

    def align(self, faces: Sequence[tuple[Pixels, Box]], size: int) -> list[Aligned]:
        """The chip, `size` pixels square, of each face in its pixels."""
        shapes = [self._predictor(pixels, dlib.rectangle(*box.edges)) for pixels, box in faces]
        frames = [frame_of(shape, size) for shape in shapes]
        photos = [pixels for pixels, _ in faces]
        chips = self._cut(photos, shapes, frames, size)
        outlines = [self._outline(*face) for face in faces]
        return [
            Aligned(chip, _points(shape), _in_chip(frame, _points(shape), size), outline)
            for chip, shape, frame, outline in zip(chips, shapes, frames, outlines, strict=True)
        ]

    def _cut(
        self, photos: Sequence[Pixels], shapes: Sequence[dlib.full_object_detection], frames: Sequence[Frame], size: int
    ) -> Iterable[Pixels]:
        if self._cut_on is None:
            pairs = zip(photos, shapes, strict=True)
            return [dlib.get_face_chip(pixels, shape, size=size, padding=PADDING) for pixels, shape in pairs]
        import torch

        from faceledger_workloads.alignment.chips import cut_chips

        chips = cut_chips([torch.from_numpy(pixels).to(self._cut_on) for pixels in photos], frames, size)
        return list(chips.cpu().numpy())

    def _outline(self, pixels: Pixels, box: Box) -> Points:
        return _points(self._outliner(pixels, dlib.rectangle(*box.edges))) if self._outliner else ()


def _in_chip(frame: Frame, landmarks: Points, size: int) -> Points:
    return tuple((round(x), round(y)) for x, y in (frame.in_chip(*point, size) for point in landmarks))


def _points(shape: dlib.full_object_detection) -> Points:
    return tuple((point.x, point.y) for point in shape.parts())
