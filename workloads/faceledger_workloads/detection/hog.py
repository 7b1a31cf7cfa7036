"""Finds frontal faces with dlib's HOG detector: the one for CPUs.

In: RGB pixels. Out: boxes with scores, the best first. The detector looks at luma alone, which costs three quarters of
what colour does and finds the same faces.
"""

from __future__ import annotations

from collections.abc import Sequence

import dlib
import numpy as np
from PIL import Image

from faceledger_workloads.detection.box import Box, Detection, best_first
from faceledger_workloads.images.decode import Pixels

__all__ = ["HogDetector"]


class HogDetector:
    """dlib's frontal face detector; releases the interpreter lock while it works."""

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()

    at_once = 1

    def detect(self, images: Sequence[Pixels]) -> list[list[Detection]]:
        """Faces that fill dlib's window of 80 px, image by image."""
        return [self._look(pixels) for pixels in images]

    def _look(self, pixels: Pixels) -> list[Detection]:
        found, scores, _ = self._detector.run(np.asarray(Image.fromarray(pixels).convert("L")), 0, 0.0)
        boxes = (Box(one.left(), one.top(), one.right(), one.bottom()) for one in found)
        return best_first([Detection(box, score) for box, score in zip(boxes, scores, strict=True)])
