"""Faces that dlib's HOG detector finds, in photos of every size and direction."""

from __future__ import annotations

import numpy as np
import pytest
from faceledger_workloads.detection.box import Box
from faceledger_workloads.detection.hog import HogDetector
from faceledger_workloads.detection.in_step import in_step
from faceledger_workloads.detection.search import FaceSearcher, Sighted
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.picture import Picture, PixelPicture
from faceledger_workloads.images.scale import resized


@pytest.fixture(scope="module")
def searcher() -> FaceSearcher:
    return FaceSearcher()


def find(searcher: FaceSearcher, picture: Picture) -> Sighted:
    (found,) = in_step([searcher.search(picture)], HogDetector())
    return found


def on_canvas(portrait: Pixels, width: int, height: int, left: int, top: int) -> Pixels:
    canvas = np.full((height, width, 3), 128, dtype=np.uint8)
    canvas[top : top + portrait.shape[0], left : left + portrait.shape[1]] = portrait
    return canvas


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.right, other.right) - max(one.left, other.left) + 1
    height = min(one.bottom, other.bottom) - max(one.top, other.top) + 1
    common = max(0, width) * max(0, height)
    return common / (one.area + other.area - common)


def box_in(searcher: FaceSearcher, pixels: Pixels) -> Box:
    (found,) = find(searcher, PixelPicture(pixels))[1]
    return found.box


def test_a_large_photo_is_searched_small_and_the_box_is_given_at_full_size(
    searcher: FaceSearcher, portrait: Pixels
) -> None:
    small = box_in(searcher, portrait)
    large = box_in(searcher, resized(portrait, portrait.shape[1] * 4, portrait.shape[0] * 4))
    assert overlap(large, small.scaled(4)) > 0.6


def test_a_face_too_small_for_the_first_search_is_found_at_full_size(searcher: FaceSearcher, portrait: Pixels) -> None:
    alone = box_in(searcher, portrait)
    found = box_in(searcher, on_canvas(portrait, 1200, 1000, 600, 500))
    assert overlap(found, Box(alone.left + 600, alone.top + 500, alone.right + 600, alone.bottom + 500)) > 0.6


def test_a_thorough_search_finds_a_small_face_beside_a_large_one(portrait: Pixels) -> None:
    canvas = on_canvas(resized(portrait, 738, 900), 1100, 900, 0, 0)
    canvas[:300, 800:1046] = portrait
    first, thorough = FaceSearcher(), FaceSearcher(thorough=True)
    assert len(find(first, PixelPicture(canvas))[1]) == 1
    assert len(find(thorough, PixelPicture(canvas))[1]) == 2


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_photo_is_put_upright(searcher: FaceSearcher, portrait: Pixels, quarters: int) -> None:
    turned = np.ascontiguousarray(np.rot90(portrait, -quarters))
    picture, (found,) = find(searcher, PixelPicture(turned))
    assert np.array_equal(picture.at_least(1), portrait)
    assert (picture.width, picture.height) == (portrait.shape[1], portrait.shape[0])
    assert overlap(found.box, box_in(searcher, portrait)) > 0.9


def test_a_turned_photo_has_no_face_where_nobody_asked_for_rotations(portrait: Pixels) -> None:
    turned = PixelPicture(np.ascontiguousarray(np.rot90(portrait)))
    assert find(FaceSearcher(rotations=False), turned) == (turned, [])


def test_an_even_surface_has_no_face_in_any_direction(searcher: FaceSearcher) -> None:
    assert find(searcher, PixelPicture(np.full((400, 300, 3), 77, dtype=np.uint8)))[1] == []
