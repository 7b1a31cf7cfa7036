"""What is known of one photo once a worker has looked at it.

In: a photo (or generated pixels). Out: a `Face` or an `Unfit` with the reason, both plain data that travel between Ray
processes. `FaceFinder` is the way from the one to the other: decode, detect, choose, align, assess.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faceledger_contracts.canonical import sha256_digest

from faceledger_workloads.alignment.five_point import PADDING, Aligned, FaceAligner, Points
from faceledger_workloads.detection.box import Box, Detection, FaceDetector
from faceledger_workloads.detection.choice import chosen_faces, uses_mmod
from faceledger_workloads.detection.in_step import Course, in_step
from faceledger_workloads.detection.search import ENLARGED_SIDE, FaceSearcher
from faceledger_workloads.device import usable_device
from faceledger_workloads.images.decode import Pixels, read_file
from faceledger_workloads.images.picture import EncodedPicture, Picture, PixelPicture, Turned
from faceledger_workloads.images.rejects import ImageReject, RejectedImage
from faceledger_workloads.images.scale import encode_png, enlarged
from faceledger_workloads.quality import Fault, Quality, assess
from faceledger_workloads.runspec import FaceSearch, FacesPolicy
from faceledger_workloads.shards import cut

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
    """One a process: the models are loaded once. Several photos are looked at together where the detector gains by it;
    what is found in one does not depend on the others."""

    def __init__(self, search: FaceSearch | None = None, device: str = "cpu") -> None:
        """`device` (`cpu` or `cuda`), as the run asks for it, is what `Auto` chooses by; `Mmod` runs, and chips are
        cut, there where this process has it. Raises `ModelFileError`."""
        asked = search or FaceSearch()
        self.detector = _detector(asked, device)
        self._policy = asked.faces
        self._searcher = FaceSearcher(asked.rotations, thorough=asked.faces is FacesPolicy.ALL)
        used = usable_device(device)
        self._aligner = FaceAligner(asked.landmarks == "SixtyEightPoint", cut_on=None if used == "cpu" else used)

    def in_file(self, path: Path, max_bytes: int, max_pixels: int, size: int) -> Face | Unfit:
        """The face in an image file, aligned to `size` pixels square; of several that the policy takes, the largest."""
        (found,) = self.all_in_files([path], max_bytes, max_pixels, size)
        return found if isinstance(found, Unfit) else found[0]

    def all_in_files(
        self, paths: Sequence[Path], max_bytes: int, max_pixels: int, size: int
    ) -> Iterator[tuple[Face, ...] | Unfit]:
        """Of each file every face that the policy takes, the largest first; one or more."""
        for some in cut(paths, self.detector.at_once):
            yield from self._faces([self._in_file(path, max_bytes, max_pixels, size) for path in some], size)

    def in_pixels(self, images: Sequence[Pixels], size: int) -> Iterator[Face | Unfit]:
        """The face in each image that a generator made."""
        for some in cut(images, self.detector.at_once):
            for found in self._faces([self._in_pixels(pixels, size) for pixels in some], size):
                yield found if isinstance(found, Unfit) else found[0]

    def _in_file(self, path: Path, max_bytes: int, max_pixels: int, size: int) -> Course[_Crops | Unfit]:
        digest = None
        try:
            data = read_file(path, max_bytes)
            digest = sha256_digest(data)
            return (yield from self._crops(EncodedPicture(data, max_pixels), digest, size))
        except RejectedImage as rejected:
            return Unfit(digest, rejected.reason)

    def _in_pixels(self, pixels: Pixels, size: int) -> Course[_Crops | Unfit]:
        digest = sha256_digest(pixels.tobytes())
        try:
            return (yield from self._crops(PixelPicture(pixels), digest, size))
        except RejectedImage as rejected:
            return Unfit(digest, rejected.reason)

    def _crops(self, picture: Picture, digest: str, size: int) -> Course[_Crops]:
        upright, detections = yield from self._searcher.search(picture)
        chosen = chosen_faces(detections, self._policy)
        return tuple(_crop(upright, detection, digest, size) for detection in chosen)

    def _faces(self, courses: Sequence[Course[_Crops | Unfit]], size: int) -> list[tuple[Face, ...] | Unfit]:
        seen = in_step(courses, self.detector)
        crops = [crop for crops in seen if not isinstance(crops, Unfit) for crop in crops]
        aligned = iter(self._aligner.align([(crop.pixels, crop.box) for crop in crops], size))
        return [one if isinstance(one, Unfit) else tuple(_face(crop, next(aligned)) for crop in one) for one in seen]


@dataclass(frozen=True)
class _Crop:
    """A detected face, and pixels of its photo in which it is large enough."""

    digest: str
    picture: Picture
    detection: Detection
    """In the photo's pixels."""
    pixels: Pixels

    @property
    def scale(self) -> float:
        """Pixels of the photo for each of `pixels`."""
        return self.picture.width / int(self.pixels.shape[1])

    @property
    def box(self) -> Box:
        """In `pixels`."""
        return self.detection.box.scaled(1 / self.scale)


_Crops = tuple[_Crop, ...]


def _crop(picture: Picture, detection: Detection, digest: str, size: int) -> _Crop:
    pixels = enlarged(picture.at_least(_needed_side(picture, detection.box, size)), ENLARGED_SIDE)[0]
    return _Crop(digest, picture, detection, pixels)


def _face(crop: _Crop, aligned: Aligned) -> Face:
    scale, picture = crop.scale, crop.picture
    return Face(
        digest=crop.digest,
        box=crop.detection.box,
        detection_score=round(crop.detection.score, 4),
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
