"""Faces that are found, and photos that show none or too many."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from faceledger_workloads.alignment.five_point import FaceAligner
from faceledger_workloads.detection.hog import Box, Detection, FaceDetector, the_face
from faceledger_workloads.face import Face, FaceFinder, Unfit
from faceledger_workloads.images.decode import Pixels, decode_image
from faceledger_workloads.images.rejects import ImageReject, RejectedImage
from faceledger_workloads.images.scale import decode_png, encode_png, enlarged, resized

OrlPhoto = Callable[[int, int], Path]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture
def portrait(orl_photo: OrlPhoto) -> Pixels:
    """246 x 300 pixels, one face."""
    return enlarged(decode_image(orl_photo(1, 1).read_bytes(), 10**6), 300)[0]


def on_canvas(portrait: Pixels, width: int, height: int, *places: tuple[int, int]) -> Pixels:
    canvas = np.full((height, width, 3), 128, dtype=np.uint8)
    for left, top in places:
        canvas[top : top + portrait.shape[0], left : left + portrait.shape[1]] = portrait
    return canvas


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.right, other.right) - max(one.left, other.left) + 1
    height = min(one.bottom, other.bottom) - max(one.top, other.top) + 1
    common = max(0, width) * max(0, height)
    return common / (one.area + other.area - common)


def detection(area_side: int, score: float) -> Detection:
    return Detection(Box(0, 0, area_side - 1, area_side - 1), score)


def test_a_large_photo_is_searched_small_and_the_box_is_given_at_full_size(
    detector: FaceDetector, portrait: Pixels
) -> None:
    (small,) = detector.detect(portrait)
    (large,) = detector.detect(resized(portrait, portrait.shape[1] * 4, portrait.shape[0] * 4))
    assert overlap(large.box, small.box.scaled(4)) > 0.6


def test_a_face_too_small_for_the_first_search_is_found_at_full_size(detector: FaceDetector, portrait: Pixels) -> None:
    (alone,) = detector.detect(portrait)
    (found,) = detector.detect(on_canvas(portrait, 1200, 1000, (600, 500)))
    edges = alone.box
    placed = Box(edges.left + 600, edges.top + 500, edges.right + 600, edges.bottom + 500)
    assert overlap(found.box, placed) > 0.6


def test_an_even_surface_has_no_face(detector: FaceDetector) -> None:
    assert detector.detect(np.full((400, 300, 3), 77, dtype=np.uint8)) == []


@pytest.mark.parametrize(
    ("detections", "outcome"),
    [
        pytest.param([], ImageReject.NO_FACE_FOUND, id="none"),
        pytest.param([detection(100, 0.1)], detection(100, 0.1), id="one, however unsure"),
        pytest.param([detection(100, 2.0), detection(100, 0.5)], ImageReject.SEVERAL_FACES, id="two"),
        pytest.param([detection(100, 2.0), detection(50, 0.5)], ImageReject.SEVERAL_FACES, id="one at half the width"),
        pytest.param([detection(100, 2.0), detection(49, 2.0)], detection(100, 2.0), id="one in the background"),
        pytest.param([detection(100, 2.0), detection(100, 0.49)], detection(100, 2.0), id="a false alarm beside it"),
    ],
)
def test_a_photo_shows_exactly_one_person(detections: list[Detection], outcome: Detection | ImageReject) -> None:
    if isinstance(outcome, Detection):
        assert the_face(detections) == outcome
        return
    with pytest.raises(RejectedImage) as caught:
        the_face(detections)
    assert caught.value.reason is outcome


def test_a_chip_is_upright_and_its_landmarks_lie_in_it(portrait: Pixels, detector: FaceDetector) -> None:
    (found,) = detector.detect(portrait)
    aligned = FaceAligner().align(portrait, found.box, 128)
    (right_outer, _, left_outer, _, nose) = aligned.chip_landmarks
    assert aligned.chip.shape == (128, 128, 3)
    assert abs(right_outer[1] - left_outer[1]) <= 6  # the eyes are level
    assert left_outer[0] < nose[0] < right_outer[0]  # dlib begins with the eye on the image's right
    assert nose[1] > right_outer[1]


def test_a_photo_of_one_person_becomes_a_face_in_the_photos_own_pixels(finder: FaceFinder, orl_photo: OrlPhoto) -> None:
    face = finder.in_file(orl_photo(2, 1), 10**6, 10**6, 128)
    assert isinstance(face, Face)
    assert all(0 <= x < 92 and 0 <= y < 112 for x, y in face.landmarks)
    assert decode_png(face.chip_png).shape == (128, 128, 3)
    assert face.clarity > 10


def test_the_same_photo_gives_the_same_face(finder: FaceFinder, orl_photo: OrlPhoto) -> None:
    assert finder.in_file(orl_photo(3, 1), 10**6, 10**6, 96) == FaceFinder().in_file(orl_photo(3, 1), 10**6, 10**6, 96)


def test_two_people_side_by_side_are_several_faces(finder: FaceFinder, portrait: Pixels, tmp_path: Path) -> None:
    file = tmp_path / "pair.png"
    file.write_bytes(encode_png(on_canvas(portrait, 520, 300, (0, 0), (270, 0))))
    found = finder.in_file(file, 10**7, 10**7, 128)
    assert isinstance(found, Unfit)
    assert found.reason is ImageReject.SEVERAL_FACES


def test_an_unfit_file_keeps_its_digest_where_its_bytes_were_read(finder: FaceFinder, tmp_path: Path) -> None:
    file = tmp_path / "notes.jpg"
    file.write_text("no photo")
    digest = f"sha256:{hashlib.sha256(b'no photo').hexdigest()}"
    assert finder.in_file(file, 10**6, 10**6, 128) == Unfit(digest, ImageReject.NOT_AN_IMAGE)
    assert finder.in_file(file, 4, 10**6, 128) == Unfit(None, ImageReject.TOO_MANY_BYTES)
