"""The clarity value orders chips by sharpness."""

from __future__ import annotations

import numpy as np
from faceledger_workloads.images.clarity import clarity
from faceledger_workloads.images.scale import decode_png, encode_png, enlarged, resized
from PIL import Image, ImageFilter

NOISE = np.random.default_rng(7).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_an_even_surface_has_no_clarity() -> None:
    assert clarity(np.full((64, 64, 3), 90, dtype=np.uint8)) == 0.0


def test_blur_lowers_clarity() -> None:
    blurred = [np.asarray(Image.fromarray(NOISE).filter(ImageFilter.GaussianBlur(radius))) for radius in (1, 2, 4)]
    values = [clarity(chip) for chip in (NOISE, *blurred)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == len(values)


def test_clarity_is_the_variance_of_the_laplacian() -> None:
    chip = np.zeros((3, 4, 3), dtype=np.uint8)
    chip[1, 1] = 100
    # The two inner pixels: -4 * 100 in place and 100 beside it.
    assert clarity(chip) == np.var([-400, 100])


def test_small_pixels_are_enlarged_to_the_asked_side() -> None:
    pixels, factor = enlarged(NOISE[:32], 128)
    assert pixels.shape == (64, 128, 3)
    assert factor == 2.0


def test_large_pixels_are_left_alone() -> None:
    pixels, factor = enlarged(NOISE, 64)
    assert pixels is NOISE
    assert factor == 1.0


def test_a_png_gives_back_its_pixels_and_equal_bytes() -> None:
    assert np.array_equal(decode_png(encode_png(NOISE)), NOISE)
    assert encode_png(NOISE) == encode_png(NOISE.copy())


def test_resizing_to_the_same_size_changes_nothing() -> None:
    assert resized(NOISE, 64, 64) is NOISE
