"""Generated faces are found small and fast, and what is found is what the search of a photo finds."""

from __future__ import annotations

import numpy as np
import pytest
from faceledger_workloads.face import Face, FaceFinder, Unfit
from faceledger_workloads.images.scale import decode_png
from faceledger_workloads.runspec import FaceSearch
from faceledger_workloads.synthesis.generator import Precision, bundled_checkpoint, load_checkpoint
from faceledger_workloads.synthesis.portraits import Portrait, PortraitFinder
from numpy.typing import NDArray

SIZE = 150


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture(scope="module")
def images() -> list[NDArray[np.uint8]]:
    generator = load_checkpoint(bundled_checkpoint("faces-64"), precision=Precision.FAST)
    return list(generator.sample(7, range(24), 1.0))


def test_the_same_faces_are_found_at_the_same_place(finder: FaceFinder, images: list[NDArray[np.uint8]]) -> None:
    looked, searched = PortraitFinder(finder).look(images, SIZE), list(finder.in_pixels(images, SIZE))
    assert [isinstance(one, Portrait) for one in looked] == [isinstance(one, Face) for one in searched]
    for one, other in zip(looked, searched, strict=True):
        assert isinstance(one, Portrait)
        assert isinstance(other, Face)
        assert one.face.digest == other.digest
        assert np.abs(np.subtract(one.face.box.edges, other.box.edges)).max() <= 6
        assert np.abs(np.subtract(one.face.landmarks, other.landmarks)).max() <= 3
        assert one.chip.shape == decode_png(other.chip_png).shape


def test_a_portrait_is_packed_without_loss(finder: FaceFinder, images: list[NDArray[np.uint8]]) -> None:
    (portrait,) = PortraitFinder(finder).look(images[:1], SIZE)
    assert isinstance(portrait, Portrait)
    assert np.array_equal(decode_png(portrait.packed().chip_png), portrait.chip)


def beside_itself(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([image, image], axis=1)


def far_away(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    frame = np.full((240, 240, 3), 127, dtype=np.uint8)
    frame[80:144, 80:144] = image
    return frame


def nothing(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.zeros_like(image)


@pytest.mark.parametrize(
    ("search", "change"),
    [
        pytest.param(FaceSearch(), beside_itself, id="two people"),
        pytest.param(FaceSearch(), far_away, id="a face too small for the first look"),
        pytest.param(FaceSearch(), nothing, id="no face"),
        pytest.param(
            FaceSearch(landmarks="SixtyEightPoint", accept_license=True), np.ascontiguousarray, id="68 landmarks"
        ),
    ],
)
def test_what_is_no_portrait_is_searched_as_a_photo(
    search: FaceSearch, change: object, images: list[NDArray[np.uint8]]
) -> None:
    assert callable(change)
    image, finder = change(images[0]), FaceFinder(search)
    (looked,), (searched,) = PortraitFinder(finder, search).look([image], SIZE), finder.in_pixels([image], SIZE)
    assert (looked if isinstance(looked, Unfit) else looked.packed()) == searched
