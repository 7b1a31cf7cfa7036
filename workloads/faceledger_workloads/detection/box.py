"""Where a face is in an image.

In: edges in pixels and a detector's confidence. Out: the same at another scale, overlaps. Invariant: boxes follow
dlib's convention, in which the right and the bottom edge belong to the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from faceledger_workloads.images.decode import Pixels

__all__ = ["Box", "Detection", "FaceDetector", "best_first"]


@dataclass(frozen=True)
class Box:
    """Pixel edges; right and bottom belong to the box. May reach over the image's edge."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def edges(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom: the order in which boxes are written."""
        return self.left, self.top, self.right, self.bottom

    @property
    def width(self) -> int:
        return self.right - self.left + 1

    @property
    def area(self) -> int:
        return self.width * (self.bottom - self.top + 1)

    def scaled(self, factor: float) -> Box:
        return Box(*(round(edge * factor) for edge in self.edges))


@dataclass(frozen=True)
class Detection:
    """A face and the detector's confidence in it (0 is its usual threshold)."""

    box: Box
    score: float

    def scaled(self, factor: float) -> Detection:
        return Detection(self.box.scaled(factor), self.score)


class FaceDetector(Protocol):
    """Looks for faces of about 80 pixels and more in an image as it is."""

    @property
    def at_once(self) -> int:
        """How many photos it is worth holding in memory for it, so that it is asked about them together."""
        ...

    def detect(self, images: Sequence[Pixels]) -> list[list[Detection]]:
        """Faces of each (height, width, 3) RGB image in its own pixels, `best_first`: by that image alone."""
        ...


def best_first(detections: list[Detection]) -> list[Detection]:
    """By falling score, then by place."""
    return sorted(detections, key=lambda one: (-one.score, one.box.left, one.box.top))
