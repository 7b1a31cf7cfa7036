"""Five landmarks by default; 68 for whoever asks and accepts the licence of their model."""

from __future__ import annotations

import pytest
from faceledger_workloads.face import Face, FaceFinder
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.runspec import FaceSearch
from pydantic import ValidationError


def test_sixty_eight_landmarks_need_the_licence() -> None:
    with pytest.raises(ValidationError, match="acceptLicense must be true"):
        FaceSearch(landmarks="SixtyEightPoint")


def test_sixty_eight_landmarks_lie_in_the_photo_and_change_no_chip(portrait: Pixels) -> None:
    (five,) = FaceFinder().in_pixels([portrait], 150)
    (many,) = FaceFinder(FaceSearch(landmarks="SixtyEightPoint", accept_license=True)).in_pixels([portrait], 150)
    assert isinstance(five, Face)
    assert isinstance(many, Face)
    assert (len(five.landmarks), len(many.landmarks)) == (5, 68)
    assert all(0 <= x < 246 and 0 <= y < 300 for x, y in many.landmarks)
    assert many.chip_png == five.chip_png
    assert many.quality == five.quality
