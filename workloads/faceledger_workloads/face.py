"""What is known of one photo once a worker has looked at it.

In: a photo (or generated pixels). Out: a `Face` or an `Unfit` with the reason, both plain data that travel between Ray
processes. `FaceFinder` is the way from the one to the other: decode, detect, choose, align, assess.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faceledger_contracts.canonical import sha256_digest

from faceledger_workloads.alignment.five_point import PADDING, FaceAligner, Points
from faceledger_workloads.detection.box import Box, Detection, FaceDetector
from faceledger_workloads.detection.choice import chosen_faces, uses_mmod
from faceledger_workloads.detection.search import ENLARGED_SIDE, FaceSearcher
from faceledger_workloads.device import usable_device
from faceledger_workloads.images.decode import Pixels, read_file
from faceledger_workloads.images.picture import EncodedPicture, Picture, PixelPicture, Turned
from faceledger_workloads.images.rejects import ImageReject, RejectedImage
from faceledger_workloads.images.scale import encode_png, enlarged
from faceledger_workloads.quality import Fault, Quality, assess
from faceledger_workloads.runspec import FaceSearch, FacesPolicy

__all__ = ["Face", "FaceFinder", "Unfit"]


@dataclass(frozen=True)
class Face:
    """A face of a photo."""

    digest: str
    """Of the file's bytes, or of the generated pixels: `sha256:<hex>`."""
    box: Box
    """In the photo's upright pixels, as are the landmarks."""
    detection_score: float
    landmarks: Points
    """Five, or 68 where the run asks for them."""
    chip_landmarks: Points
    """Five, in the chip's pixels."""
    quality: Quality
    chip_png: bytes
    turned: int = 0
    """Degrees counter-clockwise by which the photo had to be turned, beyond its EXIF orientation, to be upright."""

    @property
    def clarity(self) -> float:
        """The value that stands beside a recognised face."""
        return self.quality.clarity


@dataclass(frozen=True)
class Unfit:
    """A photo without a usable face. `digest` is None when the bytes were not read."""

    digest: str | None
    reason: ImageReject | Fault


class FaceFinder:
    """One a process: the models are loaded once."""

    def __init__(self, search: FaceSearch | None = None, device: str = "cpu") -> None:
        """`device` (`cpu` or `cuda`), as the run asks for it, is what `Auto` chooses by; `Mmod` runs there where this
        process has it. Raises `ModelFileError`."""
        asked = search or FaceSearch()
        self.detector = _detector(asked, device)
        self._policy = asked.faces
        self._searcher = FaceSearcher(self.detector, asked.rotations, thorough=asked.faces is FacesPolicy.ALL)
        self._aligner = FaceAligner(outlines=asked.landmarks == "SixtyEightPoint")

    def in_file(self, path: Path, max_bytes: int, max_pixels: int, size: int) -> Face | Unfit:
        """The face in an image file, aligned to `size` pixels square; of several that the policy takes, the largest."""
        found = self.all_in_file(path, max_bytes, max_pixels, size)
        return found if isinstance(found, Unfit) else found[0]

    def all_in_file(self, path: Path, max_bytes: int, max_pixels: int, size: int) -> tuple[Face, ...] | Unfit:
        """Every face that the policy takes, the largest first; one or more."""
        digest = None
        try:
            data = read_file(path, max_bytes)
            digest = sha256_digest(data)
            return tuple(self._find(EncodedPicture(data, max_pixels), digest, size))
        except RejectedImage as rejected:
            return Unfit(digest, rejected.reason)

    def in_pixels(self, pixels: Pixels, size: int) -> Face | Unfit:
        """The face in pixels that a generator made."""
        digest = sha256_digest(pixels.tobytes())
        try:
            return next(self._find(PixelPicture(pixels), digest, size))
        except RejectedImage as rejected:
            return Unfit(digest, rejected.reason)

    def _find(self, picture: Picture, digest: str, size: int) -> Iterator[Face]:
        upright, detections = self._searcher.find(picture)
        for detection in chosen_faces(detections, self._policy):
            yield self._face(upright, detection, digest, size)

    def _face(self, picture: Picture, detection: Detection, digest: str, size: int) -> Face:
        pixels = enlarged(picture.at_least(_needed_side(picture, detection.box, size)), ENLARGED_SIDE)[0]
        scale = picture.width / pixels.shape[1]
        aligned = self._aligner.align(pixels, detection.box.scaled(1 / scale), size)
        return Face(
            digest=digest,
            box=detection.box,
            detection_score=round(detection.score, 4),
            landmarks=tuple((round(x * scale), round(y * scale)) for x, y in aligned.outline or aligned.landmarks),
            chip_landmarks=aligned.chip_landmarks,
            quality=assess(aligned.chip, aligned.landmarks, scale),
            chip_png=encode_png(aligned.chip),
            turned=90 * picture.quarters if isinstance(picture, Turned) else 0,
        )


def _detector(search: FaceSearch, device: str) -> FaceDetector:
    """torch is loaded for the CNN alone."""
    if uses_mmod(search, device):
        from faceledger_workloads.detection.mmod import MmodDetector

        return MmodDetector(usable_device(device))
    from faceledger_workloads.detection.hog import HogDetector

    return HogDetector()


def _needed_side(picture: Picture, box: Box, size: int) -> int:
    """Of the longer side, so that the chip is not made of fewer pixels than it has, where the photo has them."""
    return math.ceil(max(picture.width, picture.height) * size / (box.width * (1 + 2 * PADDING)))
