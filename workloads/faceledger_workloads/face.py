"""What is known of one photo once a worker has looked at it.

In: a photo (or generated pixels). Out: a `Face` or an `Unfit` with the reason, both plain data that travel between Ray
processes. `FaceFinder` is the way from the one to the other: decode, detect, align.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faceledger_contracts.canonical import sha256_digest

from faceledger_workloads.alignment.five_point import FaceAligner, Points
from faceledger_workloads.detection.hog import Box, FaceDetector, the_face
from faceledger_workloads.images.clarity import clarity
from faceledger_workloads.images.decode import Pixels, decode_image, read_file
from faceledger_workloads.images.rejects import ImageReject, RejectedImage
from faceledger_workloads.images.scale import encode_png, enlarged

__all__ = ["SMALLEST_SIDE", "Face", "FaceFinder", "Unfit"]

SMALLEST_SIDE = 300
"""Photos whose longer side has fewer pixels are enlarged to it: dlib's 80 px window misses smaller faces."""


@dataclass(frozen=True)
class Face:
    """The one face of a photo."""

    digest: str
    """Of the file's bytes, or of the generated pixels: `sha256:<hex>`."""
    box: Box
    """In the photo's upright pixels, as are the landmarks."""
    detection_score: float
    landmarks: Points
    chip_landmarks: Points
    clarity: float
    chip_png: bytes


@dataclass(frozen=True)
class Unfit:
    """A photo without a usable face. `digest` is None when the bytes were not read."""

    digest: str | None
    reason: ImageReject


class FaceFinder:
    """Decode, detect, align. One a process: dlib's models are loaded once."""

    def __init__(self) -> None:
        self._detector = FaceDetector()
        self._aligner = FaceAligner()

    def in_file(self, path: Path, max_bytes: int, max_pixels: int, size: int) -> Face | Unfit:
        """The face in an image file, aligned to `size` pixels square."""
        digest = None
        try:
            data = read_file(path, max_bytes)
            digest = sha256_digest(data)
            return self._find(decode_image(data, max_pixels), digest, size)
        except RejectedImage as rejected:
            return Unfit(digest, rejected.reason)

    def in_pixels(self, pixels: Pixels, size: int) -> Face | Unfit:
        """The face in pixels that a generator made."""
        digest = sha256_digest(pixels.tobytes())
        try:
            return self._find(pixels, digest, size)
        except RejectedImage as rejected:
            return Unfit(digest, rejected.reason)

    def _find(self, photo: Pixels, digest: str, size: int) -> Face:
        pixels, factor = enlarged(photo, SMALLEST_SIDE)
        detection = the_face(self._detector.detect(pixels))
        aligned = self._aligner.align(pixels, detection.box, size)
        return Face(
            digest=digest,
            box=detection.box.scaled(1 / factor),
            detection_score=round(detection.score, 4),
            landmarks=tuple((round(x / factor), round(y / factor)) for x, y in aligned.landmarks),
            chip_landmarks=aligned.chip_landmarks,
            clarity=clarity(aligned.chip),
            chip_png=encode_png(aligned.chip),
        )
