"""A photo is decoded only as far as somebody looks at it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from faceledger_workloads.images.picture import SMALLEST_SIDE, EncodedPicture, PixelPicture, Turned
from faceledger_workloads.images.rejects import ImageReject, RejectedImage
from PIL import Image


def jpeg(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_picture_grows_with_the_questions_and_is_not_decoded_again_for_a_smaller_one() -> None:
    picture = EncodedPicture(jpeg(800, 400), 10**6)
    assert picture.at_least(100).shape == (50, 100, 3)
    large = picture.at_least(300)
    assert large.shape == (200, 400, 3)
    assert picture.at_least(100) is large


def test_no_picture_is_larger_than_its_file() -> None:
    assert EncodedPicture(jpeg(80, 40), 10**6).at_least(1000).shape == (40, 80, 3)


@pytest.mark.parametrize("size", [(SMALLEST_SIDE - 1, 400), (400, SMALLEST_SIDE - 1)])
def test_a_sliver_is_too_small(size: tuple[int, int]) -> None:
    with pytest.raises(RejectedImage) as caught:
        EncodedPicture(jpeg(*size), 10**6)
    assert caught.value.reason is ImageReject.TOO_SMALL


def test_the_smallest_picture_is_taken() -> None:
    assert EncodedPicture(jpeg(SMALLEST_SIDE, SMALLEST_SIDE), 10**6).width == SMALLEST_SIDE


@pytest.mark.parametrize(("quarters", "width"), [(1, 2), (2, 3), (3, 2)])
def test_a_turned_picture_exchanges_its_sides(quarters: int, width: int) -> None:
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    turned = Turned(PixelPicture(pixels), quarters)
    assert (turned.width, turned.height) == (width, 5 - width)
    assert np.array_equal(turned.at_least(1), np.rot90(pixels, quarters))
