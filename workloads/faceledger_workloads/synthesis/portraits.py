"""Finding the face in images that a generator made: portraits, because it was trained on aligned faces.

In: pixels. Out: for each image a `Portrait`, or why there is none. The one large face of a portrait is found in an
image of 100 px; where it is not, or not it alone, the image is searched as any photo is.
Invariant: what the search of a photo finds is found, and a chip is cut as a photo's is. `make bench B=synthesis` says
how often the decision on a face differs from the one after a photo's search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from faceledger_contracts.canonical import sha256_digest

from faceledger_workloads.alignment.five_point import FaceAligner
from faceledger_workloads.detection.box import Detection
from faceledger_workloads.detection.hog import HogDetector
from faceledger_workloads.detection.search import ENLARGED_SIDE
from faceledger_workloads.face import Face, FaceFinder, Unfit
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.scale import decode_png, encode_png, enlarged, resized
from faceledger_workloads.quality import assess
from faceledger_workloads.runspec import FaceSearch

__all__ = ["LOOKED_SIDE", "Portrait", "PortraitFinder"]

LOOKED_SIDE = 100
"""Pixels of the longer side in the first look: the face of a portrait just fills the detector's window of 80. The look
costs a sixth of the one at 224 px that a photo's search begins with."""


@dataclass(frozen=True)
class Portrait:
    """A face and its chip as pixels, which the encoder takes. A worker packs each for the driver, which decides after
    that what is kept, so the PNG of what is left out is written, too; that takes as long as encoding."""

    face: Face
    """Its `chip_png` may be empty."""
    chip: Pixels

    def packed(self) -> Face:
        """The face with its PNG."""
        return self.face if self.face.chip_png else replace(self.face, chip_png=encode_png(self.chip))


class PortraitFinder:
    """One a process; `finder` searches what the first look leaves, and all where `search` asks for what it is not: the
    CNN, or 68 landmarks."""

    def __init__(self, finder: FaceFinder, search: FaceSearch | None = None) -> None:
        self._finder = finder
        self._aligner = FaceAligner()
        five = (search or FaceSearch()).landmarks == "FivePoint"
        self._small = finder.detector if five and isinstance(finder.detector, HogDetector) else None

    def look(self, images: Sequence[Pixels], size: int) -> list[Portrait | Unfit]:
        """One answer an image, with chips of `size` pixels square."""
        looked = [self._look(pixels, size) for pixels in images]
        left = [pixels for pixels, portrait in zip(images, looked, strict=True) if portrait is None]
        searched = iter(self._finder.in_pixels(left, size))
        return [portrait or _unpacked(next(searched)) for portrait in looked]

    def _look(self, pixels: Pixels, size: int) -> Portrait | None:
        """None where it is not a small image with one face that the first look finds."""
        longer = max(pixels.shape[:2])
        if self._small is None or longer > ENLARGED_SIDE:
            return None
        factor = LOOKED_SIDE / longer
        height, width = (max(1, round(edge * factor)) for edge in pixels.shape[:2])
        (found,) = self._small.detect([resized(pixels, width, height)])
        return self._portrait(pixels, found[0], factor, size) if len(found) == 1 else None

    def _portrait(self, pixels: Pixels, found: Detection, factor: float, size: int) -> Portrait:
        large, enlargement = enlarged(pixels, ENLARGED_SIDE)
        (aligned,) = self._aligner.align([(large, found.box.scaled(enlargement / factor))], size)
        face = Face(
            digest=sha256_digest(pixels.tobytes()),
            box=found.box.scaled(1 / factor),
            detection_score=round(found.score, 4),
            landmarks=tuple((round(x / enlargement), round(y / enlargement)) for x, y in aligned.landmarks),
            chip_landmarks=aligned.chip_landmarks,
            quality=assess(aligned.chip, aligned.landmarks, 1 / enlargement),
            chip_png=b"",
        )
        return Portrait(face, aligned.chip)


def _unpacked(found: Face | Unfit) -> Portrait | Unfit:
    return found if isinstance(found, Unfit) else Portrait(found, decode_png(found.chip_png))
