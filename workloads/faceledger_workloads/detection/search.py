"""Where in a photo, and at which size, faces are looked for.

In: a picture. Out: the faces, and the picture as it has to be turned to show them upright; in between, the images that
somebody has to look at (`in_step.py`), shrunk before they are turned. A photo is searched small first, which costs a
sixteenth of the search at full size and finds whoever stands in front of a camera, and larger only where that found
nothing; then, if asked, lying on its sides and on its head. What is too small for the search that found a face is not
looked for: it is in the background, unless the search is `thorough`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

import numpy as np

from faceledger_workloads.detection.box import Detection
from faceledger_workloads.detection.in_step import Course
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.picture import Picture, Turned
from faceledger_workloads.images.scale import resized

__all__ = ["ENLARGED_SIDE", "SEARCH_SIDES", "FaceSearcher", "Sighted"]

Sighted = tuple[Picture, list[Detection]]
"""The picture, upright, and the faces in its pixels, the best first; none if there is none in any direction."""

SEARCH_SIDES = (224, 512)
"""Pixels of the longer side in the searches before the one at full size. The detectors' window is 80 px, so the first
finds faces from a third of the longer side on; each search costs about a quarter of the next, so that a photo without a
face costs a third more than one search at full size."""

FULL_SIDE = 1600
"""Pixels of the longer side in the last search: keeps a 40 megapixel photo without a face below half a second."""

ENLARGED_SIDE = 300
"""Photos whose longer side has fewer pixels are enlarged to it: the window misses their faces."""

TURNED_SCORE = 0.5
"""A face found in a turned photo must have this score: three searches more make three times as many false alarms."""


class FaceSearcher:
    """`rotations`: look at turned photos too. `thorough`: at full size at once, for small faces beside large ones."""

    def __init__(self, rotations: bool = True, thorough: bool = False) -> None:
        self._rotations = rotations
        self._thorough = thorough

    def search(self, picture: Picture) -> Course[Sighted]:
        """The search of one picture. Raises `RejectedImage` where it turns out to be damaged."""
        sides = list(self._sides(picture))
        for side in sides:
            (found,) = yield [_shrunk(picture, side)]
            if found:
                return picture, _in_photo(found, picture, side)
        if self._rotations:
            # Not at full size: three more of these would make most of the cost of every photo without a face.
            for side in takewhile(lambda side: side <= SEARCH_SIDES[-1], sides):
                if (best := (yield from _search_turned(picture, side))) is not None:
                    return best
        return picture, []

    def _sides(self, picture: Picture) -> Iterator[int]:
        full = min(max(picture.width, picture.height, ENLARGED_SIDE), FULL_SIDE)
        if not self._thorough:
            yield from takewhile(lambda side: side < full, SEARCH_SIDES)
        yield full


def _search_turned(picture: Picture, side: int) -> Course[Sighted | None]:
    """The direction with the surest face."""
    shrunk, directions = _shrunk(picture, side), (1, 2, 3)
    looks = yield [np.ascontiguousarray(np.rot90(shrunk, quarters)) for quarters in directions]
    seen = [(found[0].score, quarters, found) for quarters, found in zip(directions, looks, strict=True) if found]
    if not seen:
        return None
    score, quarters, found = max(seen, key=lambda look: look[0])
    return (Turned(picture, quarters), _in_photo(found, picture, side)) if score >= TURNED_SCORE else None


def _shrunk(picture: Picture, side: int) -> Pixels:
    """`side` pixels on its longer side."""
    factor = _factor(picture, side)
    width, height = (max(1, round(edge * factor)) for edge in (picture.width, picture.height))
    return resized(picture.at_least(side), width, height)


def _in_photo(found: list[Detection], picture: Picture, side: int) -> list[Detection]:
    """In the pixels of the photo, what was found where its longer side had `side`."""
    return [one.scaled(1 / _factor(picture, side)) for one in found]


def _factor(picture: Picture, side: int) -> float:
    return side / max(picture.width, picture.height)
