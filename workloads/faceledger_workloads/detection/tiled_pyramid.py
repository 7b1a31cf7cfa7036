"""Where the levels of an image pyramid lie when they are laid out in one plane, as dlib's CNN detector wants them.

In: an image's size. Out: the plane's size and a place for each level; boxes found in the plane, in the image's pixels.
Invariant: the arithmetic is that of dlib's `pyramid_down<6>` and `compute_tiled_image_pyramid_details`, roundings
included, so that the network sees the same surroundings at every edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from faceledger_workloads.detection.box import Box

__all__ = ["TiledPyramid", "lay_out"]

_RATE = 5 / 6
"""Size of a level as a share of the one before it."""

_SHIFT = 0.3
"""dlib's offset between the pixels of two levels."""

_SMALLEST_HEIGHT = 5
_PADDING = 10
_OUTER_PADDING = 11


@dataclass(frozen=True)
class Level:
    """One size of the image and its place in the plane."""

    left: int
    top: int
    width: int
    height: int

    def distance(self, x: float, y: float) -> float:
        """0 within."""
        beside = max(self.left - x, 0, x - (self.left + self.width - 1))
        above = max(self.top - y, 0, y - (self.top + self.height - 1))
        return math.hypot(beside, above)


@dataclass(frozen=True)
class TiledPyramid:
    """The plane; the first level is the image itself."""

    width: int
    height: int
    levels: tuple[Level, ...]

    def in_image(self, x: float, y: float, width: int, height: int) -> Box:
        """The box of that size around a point of the plane, in the image's pixels."""
        number = min(range(len(self.levels)), key=lambda at: self.levels[at].distance(x, y))
        level = self.levels[number]
        across, down = (width - 1) / 2, (height - 1) / 2
        edges = [x - level.left - across, y - level.top - down, x - level.left + across, y - level.top + down]
        for _ in range(number):
            edges = [edge / _RATE + _SHIFT for edge in edges]
        return Box(*(_nearest(edge) for edge in edges))


def lay_out(width: int, height: int) -> TiledPyramid:
    """Levels go down a first column, and then up again to its right where they are narrow enough."""
    sizes = _sizes(width, height)
    column, lowest = _first_column(sizes)
    levels = []
    top = _OUTER_PADDING
    for level_width, level_height in sizes[:column]:
        levels.append(Level(_OUTER_PADDING, top, level_width, level_height))
        top += level_height + _PADDING
    bottom = top - _PADDING - 1
    for level_width, level_height in sizes[column:]:
        level = Level(_OUTER_PADDING + width - level_width, bottom - level_height + 1, level_width, level_height)
        if level.top < _OUTER_PADDING + height:
            break
        levels.append(level)
        bottom -= level_height + _PADDING
    return TiledPyramid(width + 2 * _OUTER_PADDING, lowest + 2 * _OUTER_PADDING, tuple(levels))


def _sizes(width: int, height: int) -> list[tuple[int, int]]:
    sizes = [(width, height)]
    while True:
        width, height = math.floor(_RATE * width), math.floor(_RATE * height)
        if width == 0 or height < _SMALLEST_HEIGHT:
            return sizes
        sizes.append((width, height))


def _first_column(sizes: list[tuple[int, int]]) -> tuple[int, int]:
    """How many levels the first column holds, and its height: the rest must fit beside its lower part."""
    full_width, full_height = sizes[0]
    total = sum(height + _PADDING for _, height in sizes) - 2 * _PADDING
    column, previous = 0, 0
    for number, (width, height) in enumerate(sizes):
        if width <= full_width - previous - _PADDING and (column - full_height) * 2 >= total - full_height:
            return number, column - _PADDING
        column += height + _PADDING
        previous = width
    return len(sizes), column - _PADDING


def _nearest(edge: float) -> int:
    """Halves go away from zero, as C's lround takes them."""
    return int(math.copysign(math.floor(abs(edge) + 0.5), edge))
