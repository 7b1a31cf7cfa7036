"""From a photo to a face: found, chosen, aligned and assessed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from faceledger_workloads.alignment.five_point import FaceAligner
from faceledger_workloads.detection import mmod
from faceledger_workloads.detection.hog import HogDetector
from faceledger_workloads.face import Face, FaceFinder, Unfit
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.rejects import ImageReject
from faceledger_workloads.images.scale import decode_png, encode_png, resized
from faceledger_workloads.runspec import FaceSearch, FacesPolicy
from PIL import Image

OrlPhoto = Callable[[int, int], Path]


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture
def pair(portrait: Pixels, tmp_path: Path) -> Path:
    """The same person at two sizes, side by side."""
    canvas = np.full((300, 520, 3), 128, dtype=np.uint8)
    canvas[:, :246] = portrait
    canvas[100:, 280:444] = resized(portrait, 164, 200)
    file = tmp_path / "pair.png"
    file.write_bytes(encode_png(canvas))
    return file


def test_a_chip_is_upright_and_its_landmarks_lie_in_it(portrait: Pixels) -> None:
    ((found,),) = HogDetector().detect([portrait])
    (aligned,) = FaceAligner().align([(portrait, found.box)], 128)
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
    assert 25 < face.quality.eye_distance < 45
    assert face.turned == 0


def test_the_same_photo_gives_the_same_face(finder: FaceFinder, orl_photo: OrlPhoto) -> None:
    assert finder.in_file(orl_photo(3, 1), 10**6, 10**6, 96) == FaceFinder().in_file(orl_photo(3, 1), 10**6, 10**6, 96)


def test_a_jpeg_that_is_decoded_small_gives_the_face_of_the_whole_one(
    finder: FaceFinder, portrait: Pixels, tmp_path: Path
) -> None:
    large = resized(portrait, 984, 1200)
    file = tmp_path / "large.jpg"
    Image.fromarray(large).save(file, quality=95)
    reduced, (whole,) = finder.in_file(file, 10**7, 10**7, 150), finder.in_pixels([large], 150)
    assert isinstance(reduced, Face)
    assert isinstance(whole, Face)
    assert (
        max(
            abs(a - b)
            for one, other in zip(reduced.landmarks, whole.landmarks, strict=True)
            for a, b in zip(one, other, strict=True)
        )
        <= 12
    )
    difference = decode_png(reduced.chip_png).astype(float) - decode_png(whole.chip_png)
    assert np.abs(difference).mean() < 4


def test_a_photo_that_lies_on_its_side_is_turned(finder: FaceFinder, portrait: Pixels) -> None:
    upright, turned = finder.in_pixels([portrait, np.ascontiguousarray(np.rot90(portrait))], 150)
    assert isinstance(upright, Face)
    assert isinstance(turned, Face)
    assert turned.turned == 270
    assert turned.chip_png == upright.chip_png


@pytest.mark.parametrize(
    ("policy", "outcome"),
    [
        pytest.param(FacesPolicy.REJECT, ImageReject.SEVERAL_FACES, id="Reject"),
        pytest.param(FacesPolicy.LARGEST, 1, id="Largest"),
        pytest.param(FacesPolicy.ALL, 2, id="All"),
    ],
)
def test_two_people_side_by_side_are_treated_as_the_policy_says(
    pair: Path, policy: FacesPolicy, outcome: ImageReject | int
) -> None:
    (found,) = FaceFinder(FaceSearch(faces=policy)).all_in_files([pair], 10**7, 10**7, 128)
    if isinstance(found, Unfit):
        assert found.reason is outcome
        return
    assert len(found) == outcome
    assert found[0].box.right < 246
    assert [face.box.area for face in found] == sorted((face.box.area for face in found), reverse=True)


def test_an_unfit_file_keeps_its_digest_where_its_bytes_were_read(finder: FaceFinder, tmp_path: Path) -> None:
    file = tmp_path / "notes.jpg"
    file.write_text("no photo")
    digest = f"sha256:{hashlib.sha256(b'no photo').hexdigest()}"
    assert finder.in_file(file, 10**6, 10**6, 128) == Unfit(digest, ImageReject.NOT_AN_IMAGE)
    assert finder.in_file(file, 4, 10**6, 128) == Unfit(None, ImageReject.TOO_MANY_BYTES)


def test_a_photo_of_a_wall_has_no_face(finder: FaceFinder, tmp_path: Path) -> None:
    file = tmp_path / "wall.jpg"
    Image.new("RGB", (640, 480), (90, 120, 140)).save(file)
    found = finder.in_file(file, 10**6, 10**6, 128)
    assert isinstance(found, Unfit)
    assert found.reason is ImageReject.NO_FACE_FOUND


def test_photos_that_are_looked_at_together_are_found_as_alone(
    pair: Path, orl_photo: OrlPhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged, wall = tmp_path / "damaged.png", tmp_path / "wall.png"
    damaged.write_bytes(pair.read_bytes()[:-2000])
    wall.write_bytes(encode_png(np.full((300, 520, 3), 99, dtype=np.uint8)))
    files = [orl_photo(1, 1), damaged, pair, wall, orl_photo(2, 1)]
    finder = FaceFinder(FaceSearch(detector="Mmod", faces=FacesPolicy.ALL))
    alone = list(finder.all_in_files(files, 10**6, 10**6, 150))
    monkeypatch.setitem(mmod._AT_ONCE, "cpu", 4)
    together = list(finder.all_in_files(files, 10**6, 10**6, 150))
    reasons = [one.reason if isinstance(one, Unfit) else len(one) for one in together]
    assert reasons == [1, ImageReject.UNREADABLE, 2, ImageReject.NO_FACE_FOUND, 1]
    assert [shown(one) for one in together] == [shown(one) for one in alone]


def shown(found: tuple[Face, ...] | Unfit) -> object:
    return found if isinstance(found, Unfit) else [(face.box, face.chip_png) for face in found]
