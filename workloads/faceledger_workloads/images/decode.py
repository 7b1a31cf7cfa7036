"""Turns the bytes of an image file, which anybody may have made, into upright RGB pixels.

In: a file and its limits. Out: (height, width, 3) uint8 and the file's digest. Invariant: the limits on bytes and
pixels are checked before memory of that size is taken, and every file that cannot be used is a `RejectedImage`.
"""

from __future__ import annotations

import io
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from faceledger_workloads.images.rejects import ImageReject, RejectedImage

__all__ = ["FORMATS", "Pixels", "decode_at_least", "decode_image", "measure", "read_file"]

Pixels = NDArray[np.uint8]
"""(height, width, 3), RGB."""

FORMATS = ("JPEG", "PNG", "WEBP", "PPM", "BMP", "GIF", "TIFF", "AVIF", "HEIF")
"""What is decoded. Pillow knows more, some through outside programs, which a stranger's file must not reach."""

# The limit of this module is checked in its place, on every image, and is the user's to choose.
Image.MAX_IMAGE_PIXELS = None

register_heif_opener()

_SIDEWAYS = frozenset({5, 6, 7, 8})
"""EXIF orientations that exchange width and height."""


def read_file(path: Path, max_bytes: int) -> bytes:
    """The file's bytes. Raises `RejectedImage` for no bytes, too many, or a file or folder that cannot be read."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise RejectedImage(ImageReject.UNREADABLE)
        if not stat.S_ISREG(status.st_mode):
            raise RejectedImage(ImageReject.NOT_AN_IMAGE)
        if status.st_size > max_bytes:
            raise RejectedImage(ImageReject.TOO_MANY_BYTES)
        data = path.read_bytes()
    except OSError as error:
        raise RejectedImage(ImageReject.UNREADABLE) from error
    if not data:
        raise RejectedImage(ImageReject.EMPTY)
    return data


def measure(data: bytes, max_pixels: int) -> tuple[int, int]:
    """Width and height of the upright image, by its header. Raises `RejectedImage` for no image or too many pixels."""
    with _opened(data) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise RejectedImage(ImageReject.TOO_MANY_PIXELS)
        return (height, width) if _orientation(image) in _SIDEWAYS else (width, height)


def decode_at_least(data: bytes, side: int) -> Pixels:
    """Pixels as the photographer saw them: EXIF orientation applied, first frame, alpha dropped, 8 bits a channel.

    A JPEG is decoded at the smallest of its scales that leaves the longer side `side` pixels. Raises `RejectedImage`;
    limits are checked by `measure`.
    """
    with _opened(data) as image:
        longer = max(image.size)
        if side < longer:
            # Pillow takes a scale that leaves both sides at least so long; formats without scales ignore it.
            image.draft(None, (max(1, image.width * side // longer), max(1, image.height * side // longer)))
        image.load()
        return _rgb(_upright(image))


def decode_image(data: bytes, max_pixels: int) -> Pixels:
    """The whole image. Raises `RejectedImage`."""
    return decode_at_least(data, max(measure(data, max_pixels)))


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Whatever a decoder says of bytes that it does not expect becomes the reason of a reject."""
    try:
        # Pillow warns of damage that it can live with, in words that quote the file.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            yield image
    except RejectedImage:
        raise
    except UnidentifiedImageError as error:
        raise RejectedImage(ImageReject.NOT_AN_IMAGE) from error
    except MemoryError as error:
        raise RejectedImage(ImageReject.TOO_MANY_PIXELS) from error
    except Exception as error:  # a decoder may raise anything
        raise RejectedImage(ImageReject.UNREADABLE) from error


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata of a sound image: it is shown as it lies
        return 1


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # as above
        return image


def _rgb(image: Image.Image) -> Pixels:
    if image.mode.startswith("I") or image.mode == "F":
        grey = _eight_bits(np.asarray(image))
        return np.repeat(grey[:, :, None], 3, axis=2)
    return np.array(image.convert("RGB"))


def _eight_bits(grey: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Sixteen-bit grey keeps its high byte; anything that fits eight bits is taken as it is."""
    values = np.clip(np.nan_to_num(grey.astype(np.float64)), 0, 65535)
    return (values / 257 if values.max(initial=0) > 255 else values).round().astype(np.uint8)
