"""Chips and where they lie: dlib's own, and ours cut on any device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dlib
import numpy as np
import pytest
import torch
from faceledger_workloads.alignment.chips import halved
from faceledger_workloads.alignment.five_point import FaceAligner
from faceledger_workloads.alignment.frame import PADDING, Frame
from faceledger_workloads.detection.box import Box
from faceledger_workloads.images.decode import Pixels
from PIL import Image

Photo = tuple[Pixels, Box]
Photos = Callable[[int, int, float], Photo]


@pytest.fixture(scope="module")
def photo(orl_photo: Callable[[int, int], Path]) -> Photos:
    """(person, height in pixels, degrees of a turn) -> an ORL photo and the box of its face."""
    detector = dlib.get_frontal_face_detector()

    def make(person: int, height: int, turn: float) -> Photo:
        image = Image.open(orl_photo(person, 1)).convert("RGB").resize((height * 92 // 112, height))
        pixels = np.array(image.rotate(turn, Image.Resampling.BICUBIC))
        found = detector(pixels)[0]
        return pixels, Box(found.left(), found.top(), found.right(), found.bottom())

    return make


@pytest.fixture(scope="module")
def aligner() -> FaceAligner:
    return FaceAligner()


@pytest.fixture(scope="module")
def own_cutter() -> FaceAligner:
    """The way of workers with a GPU, on whatever torch has here."""
    return FaceAligner(cut_on="cpu")


@pytest.mark.parametrize("size", [96, 150])
def test_chips_cut_by_us_are_dlibs_byte_for_byte(
    aligner: FaceAligner, own_cutter: FaceAligner, photo: Photos, size: int
) -> None:
    photos = [photo(1, 200, 0), photo(2, 300, 12), photo(3, 450, -8), photo(4, 700, 5), photo(6, 1000, 0)]
    for ours, dlibs in zip(own_cutter.align(photos, size), aligner.align(photos, size), strict=True):
        assert np.array_equal(ours.chip, dlibs.chip)
        assert (ours.landmarks, ours.chip_landmarks) == (dlibs.landmarks, dlibs.chip_landmarks)


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(np.s_[:, 100:], id="the left is missing"),
        pytest.param(np.s_[120:], id="the top is missing"),
        pytest.param(np.s_[:250, :200], id="right and bottom are missing"),
        pytest.param(np.s_[:8], id="a sliver is left"),
    ],
)
def test_what_lies_outside_the_photo_is_black_as_with_dlib(
    aligner: FaceAligner, own_cutter: FaceAligner, photo: Photos, kept: tuple[slice, ...]
) -> None:
    pixels, box = photo(5, 400, 10)
    faces = [(np.ascontiguousarray(pixels[kept]), box)]
    (expected,), (ours,) = aligner.align(faces, 150), own_cutter.align(faces, 150)
    assert (expected.chip == 0).all(axis=2).any()
    assert np.array_equal(ours.chip, expected.chip)


def test_no_faces_are_no_chips(aligner: FaceAligner, own_cutter: FaceAligner) -> None:
    assert aligner.align([], 150) == own_cutter.align([], 150) == []


def test_an_even_grey_keeps_its_value_when_halved() -> None:
    half = halved(torch.full((21, 14, 3), 77, dtype=torch.uint8))
    assert half.shape == (9, 5, 3)
    assert (half == 77).all()


@pytest.mark.parametrize("shape", [(8, 100), (100, 8)])
def test_a_sliver_has_no_half(shape: tuple[int, int]) -> None:
    assert halved(torch.zeros(*shape, 3, dtype=torch.uint8)).numel() == 0


def test_landmarks_are_where_the_chip_shows_them(aligner: FaceAligner, photo: Photos) -> None:
    pixels, box = photo(7, 500, 9)
    (aligned,) = aligner.align([(pixels, box)], 150)
    margin = round(150 * PADDING / (1 + 2 * PADDING))
    (seen,) = aligner.align([(aligned.chip, Box(margin, margin, 149 - margin, 149 - margin))], 150)
    assert np.abs(np.array(seen.landmarks) - np.array(aligned.chip_landmarks)).max() <= 3


def test_a_frames_corners_are_the_chips_corners() -> None:
    frame = Frame(10, 20, 110, 120, 0.3)
    corners = [frame.in_chip(*frame.turned(x, y), 150) for x, y in ((10, 20), (110, 20), (10, 120), (110, 120))]
    assert np.allclose(corners, [(0, 0), (149, 0), (0, 149), (149, 149)])


def test_sixty_eight_points_are_given_on_request_and_change_no_chip(aligner: FaceAligner, photo: Photos) -> None:
    pixels, box = photo(8, 400, 0)
    (plain,), (outlined,) = (one.align([(pixels, box)], 150) for one in (aligner, FaceAligner(outlines=True)))
    assert plain.outline == ()
    assert len(outlined.outline) == 68
    assert np.array_equal(plain.chip, outlined.chip)
    assert plain.landmarks == outlined.landmarks
