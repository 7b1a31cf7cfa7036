"""A photo that is decoded only as far as somebody looks: small for the search, larger where a small face needs it.

In: the bytes of an image file, or pixels. Out: upright pixels of at least the size that is asked for. Invariant: what
is answered depends on the photo and the questions asked of it, and a photo is never decoded larger than it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from faceledger_workloads.images.decode import Pixels, decode_at_least, measure
from faceledger_workloads.images.rejects import ImageReject, RejectedImage

__all__ = ["SMALLEST_SIDE", "EncodedPicture", "Picture", "PixelPicture", "Turned"]

SMALLEST_SIDE = 24
"""Pixels of the shorter side below which no face can be told from another."""


class Picture(Protocol):
    """An upright photo of `width` x `height` pixels."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    def at_least(self, side: int) -> Pixels:
        """Pixels whose longer side has `side` pixels or more, or as many as there are. Raises `RejectedImage`."""
        ...


@dataclass(frozen=True)
class PixelPicture:
    """Pixels that are there already."""

    pixels: Pixels

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    def at_least(self, side: int) -> Pixels:
        return self.pixels


class EncodedPicture:
    """A file's bytes. A JPEG is decoded at an eighth, a quarter, half or all of its size, which saves most of the work;
    the largest decoding is kept."""

    def __init__(self, data: bytes, max_pixels: int) -> None:
        """Raises `RejectedImage` for what is no image, or one with too many or too few pixels; decodes nothing."""
        self._data = data
        self.width, self.height = measure(data, max_pixels)
        if min(self.width, self.height) < SMALLEST_SIDE:
            raise RejectedImage(ImageReject.TOO_SMALL)
        self._decoded: Pixels | None = None

    def at_least(self, side: int) -> Pixels:
        wanted = min(side, max(self.width, self.height))
        if self._decoded is None or max(self._decoded.shape) < wanted:
            self._decoded = decode_at_least(self._data, wanted)
        return self._decoded


@dataclass(frozen=True)
class Turned:
    """A picture turned by quarters, counter-clockwise."""

    picture: Picture
    quarters: int

    @property
    def width(self) -> int:
        return self.picture.height if self.quarters % 2 else self.picture.width

    @property
    def height(self) -> int:
        return self.picture.width if self.quarters % 2 else self.picture.height

    def at_least(self, side: int) -> Pixels:
        return np.ascontiguousarray(np.rot90(self.picture.at_least(side), self.quarters))
