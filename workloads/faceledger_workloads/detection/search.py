"""Where in a photo, and at which size, faces are looked for.

In: a picture and a detector. Out: the faces, and the picture as it has to be turned to show them upright. A photo is
searched small first, which costs a sixteenth of the search at full size and finds whoever stands in front of a camera,
and larger only where that found nothing; then, if asked, lying on its sides and on its head. What is too small for the
search that found a face is not looked for: it is in the background, unless the search is `thorough`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from faceledger_workloads.detection.box import Detection, FaceDetector
from faceledger_workloads.images.picture import Picture, Turned
from faceledger_workloads.images.scale import resized

__all__ = ["ENLARGED_SIDE", "SEARCH_SIDES", "FaceSearcher"]

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

    def __init__(self, detector: FaceDetector, rotations: bool = True, thorough: bool = False) -> None:
        self._detector = detector
        self._rotations = rotations
        self._thorough = thorough

    def find(self, picture: Picture) -> tuple[Picture, list[Detection]]:
        """The picture, upright, and the faces in its pixels, the best first; none if there is none in any direction."""
        sides = list(self._sides(picture))
        for side in sides:
            if found := self._look(picture, side):
                return picture, found
        if self._rotations:
            # Not at full size: three more of these would make most of the cost of every photo without a face.
            for side in takewhile(lambda side: side <= SEARCH_SIDES[-1], sides):
                if (best := self._look_turned(picture, side)) is not None:
                    return best
        return picture, []

    def _sides(self, picture: Picture) -> Iterator[int]:
        full = min(max(picture.width, picture.height, ENLARGED_SIDE), FULL_SIDE)
        if not self._thorough:
            yield from takewhile(lambda side: side < full, SEARCH_SIDES)
        yield full

    def _look(self, picture: Picture, side: int) -> list[Detection]:
        factor = side / max(picture.width, picture.height)
        width, height = (max(1, round(edge * factor)) for edge in (picture.width, picture.height))
        searched = resized(picture.at_least(side), width, height)
        return [one.scaled(1 / factor) for one in self._detector.detect(searched)]

    def _look_turned(self, picture: Picture, side: int) -> tuple[Picture, list[Detection]] | None:
        """The direction with the surest face."""
        views = [Turned(picture, quarters) for quarters in (1, 2, 3)]
        looks = [(view, found) for view in views if (found := self._look(view, side))]
        if not looks:
            return None
        view, found = max(looks, key=lambda look: look[1][0].score)
        return (view, found) if found[0].score >= TURNED_SCORE else None
