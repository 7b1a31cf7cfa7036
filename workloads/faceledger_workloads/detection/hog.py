"""Finds frontal faces with dlib's HOG detector.

In: RGB pixels. Out: boxes with scores, the best first. A photo larger than 320 px is searched small and grey first,
which costs a twelfth, and at full size only where that found nothing; both sides of the schedule are dlib's own
detector.
"""

from __future__ import annotations

from dataclasses import dataclass

import dlib
import numpy as np

from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.rejects import ImageReject, RejectedImage
from faceledger_workloads.images.scale import resized

__all__ = ["SEARCH_SIDE", "Box", "Detection", "FaceDetector", "the_face"]

SEARCH_SIDE = 320
"""Pixels of the longer side in the first search. dlib's window is 80 px: smaller faces are found at full size."""

FULL_SIDE = 1600
"""Pixels of the longer side in the second search: keeps a 40 megapixel photo without a face below a second."""

SECOND_FACE_AREA = 0.25
"""A second face counts when it has at least this share of the first one's area: not a passer-by in the background."""

SECOND_FACE_SCORE = 0.5
"""... and at least this detection score: dlib's false alarms lie below, true frontal faces mostly above."""


@dataclass(frozen=True)
class Box:
    """Pixel edges; right and bottom belong to the box. May reach over the image's edge."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        return (self.right - self.left + 1) * (self.bottom - self.top + 1)

    def scaled(self, factor: float) -> Box:
        return Box(*(round(edge * factor) for edge in (self.left, self.top, self.right, self.bottom)))


@dataclass(frozen=True)
class Detection:
    """A face and the detector's confidence in it (0 is its usual threshold)."""

    box: Box
    score: float


class FaceDetector:
    """dlib's frontal face detector; releases the interpreter lock while it works."""

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Faces in pixel coordinates of `pixels`, ordered by falling score, then by place."""
        longer = max(pixels.shape[:2])
        if longer <= SEARCH_SIDE:
            return self._search(pixels, 1.0)
        return self._search(pixels, SEARCH_SIDE / longer) or self._search(pixels, min(1.0, FULL_SIDE / longer))

    def _search(self, pixels: Pixels, factor: float) -> list[Detection]:
        height, width = pixels.shape[:2]
        searched = grey(resized(pixels, max(1, round(width * factor)), max(1, round(height * factor))))
        found, scores, _ = self._detector.run(searched, 0, 0.0)
        detections = [
            Detection(Box(box.left(), box.top(), box.right(), box.bottom()).scaled(1 / factor), score)
            for box, score in zip(found, scores, strict=True)
        ]
        return sorted(detections, key=lambda one: (-one.score, one.box.left, one.box.top))


def the_face(detections: list[Detection]) -> Detection:
    """The one face of a photo that is meant to show one person. Raises `RejectedImage` for none and for several."""
    if not detections:
        raise RejectedImage(ImageReject.NO_FACE_FOUND)
    best, *others = detections
    for other in others:
        if other.score >= SECOND_FACE_SCORE and other.box.area >= SECOND_FACE_AREA * best.box.area:
            raise RejectedImage(ImageReject.SEVERAL_FACES)
    return best


def grey(pixels: Pixels) -> Pixels:
    """(height, width) luma, in integers so that every machine rounds alike."""
    weighted = pixels.astype(np.uint32) @ np.array([77, 150, 29], dtype=np.uint32)
    return (weighted >> 8).astype(np.uint8)
