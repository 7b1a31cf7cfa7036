"""Where a face chip lies in its photo: a square, turned about its centre.

In: dlib's answer to where a face's landmarks belong. Out: maps from the chip's pixels to the photo's and back.
Invariant: the chip's first pixel is the frame's left top corner, its last one the right bottom one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import dlib

__all__ = ["PADDING", "Frame", "frame_of"]

PADDING = 0.25
"""Margin around the face as a share of its width: what the embedding network was trained with."""


@dataclass(frozen=True)
class Frame:
    """Edges before the turn, in the photo's pixels, and the turn in radians."""

    left: float
    top: float
    right: float
    bottom: float
    angle: float

    @property
    def area(self) -> float:
        """As dlib counts it: the edges belong to the frame."""
        return (self.right - self.left + 1) * (self.bottom - self.top + 1)

    def turned(self, x: float, y: float) -> tuple[float, float]:
        """A point of the upright frame, after the turn."""
        centre_x, centre_y = (self.left + self.right) / 2, (self.top + self.bottom) / 2
        sine, cosine = math.sin(self.angle), math.cos(self.angle)
        x, y = x - centre_x, y - centre_y
        return cosine * x - sine * y + centre_x, sine * x + cosine * y + centre_y

    def in_chip(self, x: float, y: float, size: int) -> tuple[float, float]:
        """A point of the photo in the pixels of the frame's chip, `size` pixels square."""
        x, y = Frame(self.left, self.top, self.right, self.bottom, -self.angle).turned(x, y)
        scale = size - 1
        return (
            (x - self.left) / (self.right - self.left) * scale,
            (y - self.top) / (self.bottom - self.top) * scale,
        )

    def moved(self, x: float, y: float) -> Frame:
        return Frame(self.left + x, self.top + y, self.right + x, self.bottom + y, self.angle)

    def halved(self) -> Frame:
        """In the pixels of the photo's half, as `chips.halved` makes it."""
        return Frame(
            self.left / 2 - 1.25, self.top / 2 - 0.75, self.right / 2 - 1.25, self.bottom / 2 - 0.75, self.angle
        )


def frame_of(shape: dlib.full_object_detection, size: int) -> Frame:
    """The frame that brings a face's landmarks closest to those of dlib's mean face, for a chip of `size` pixels."""
    details = dlib.get_face_chip_details(shape, size, PADDING)
    rect = details.rect
    return Frame(rect.left(), rect.top(), rect.right(), rect.bottom(), details.angle)
