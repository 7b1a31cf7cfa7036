"""Turns the bytes of an image file, which anybody may have made, into upright RGB pixels.

In: a file and its limits. Out: (height, width, 3) uint8 and the file's digest. Invariant: the limits on bytes and
pixels are checked before memory of that size is taken, and every file that cannot be used is a `RejectedImage`.
"""

from __future__ import annotations

import io
import stat
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from faceledger_workloads.images.rejects import ImageReject, RejectedImage

__all__ = ["FORMATS", "Pixels", "decode_image", "read_file"]

Pixels = NDArray[np.uint8]
"""(height, width, 3), RGB."""

FORMATS = ("JPEG", "PNG", "WEBP", "PPM", "BMP", "GIF", "TIFF", "AVIF")
"""What is decoded. Pillow knows more, some through outside programs, which a stranger's file must not reach."""

# The limit of this module is checked in its place, on every image, and is the user's to choose.
Image.MAX_IMAGE_PIXELS = None


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


def decode_image(data: bytes, max_pixels: int) -> Pixels:
    """Pixels as the photographer saw them: EXIF orientation applied, first frame, alpha dropped, 8 bits a channel."""
    try:
        # Pillow warns of damage that it can live with, in words that quote the file.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise RejectedImage(ImageReject.TOO_MANY_PIXELS)
            image.load()
            return _rgb(_upright(image))
    except RejectedImage:
        raise
    except UnidentifiedImageError as error:
        raise RejectedImage(ImageReject.NOT_AN_IMAGE) from error
    except MemoryError as error:
        raise RejectedImage(ImageReject.TOO_MANY_PIXELS) from error
    except Exception as error:  # a decoder may raise anything for bytes that it does not expect
        raise RejectedImage(ImageReject.UNREADABLE) from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged metadata of a sound image: it is shown as it lies
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
