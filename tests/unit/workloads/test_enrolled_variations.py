"""A variation of a real person is kept as that person, or left out with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from faceledger_workloads.augmentation import DrawnFace
from faceledger_workloads.detection.box import Box
from faceledger_workloads.enrolled_variations import EnrolledFace, vary_enrolled
from faceledger_workloads.face import Face, Unfit
from faceledger_workloads.images.rejects import ImageReject
from faceledger_workloads.images.source import Photo
from faceledger_workloads.manifest import Made
from faceledger_workloads.matching.gallery import unit_rows
from faceledger_workloads.quality import Quality
from faceledger_workloads.runspec import Screening, Synthesis
from faceledger_workloads.synthesis.screening import ScreeningReason
from faceledger_workloads.work import VariationOrder
from numpy.typing import NDArray

FACES = [EnrolledFace(4, "ada", Photo("ada/1", "ada"), 0), EnrolledFace(9, "bob", Photo("all/1", "bob"), 1)]
PEOPLE = np.eye(2, 128, dtype=np.float32)
SOMEBODY = np.eye(1, 128, 5, dtype=np.float32)[0]
POINTS = ((0, 0),) * 5
FOUND = Face(
    digest="sha256:" + "f" * 64,
    box=Box(0, 0, 63, 63),
    detection_score=1.0,
    landmarks=POINTS,
    chip_landmarks=POINTS,
    quality=Quality(eye_distance=30, clarity=100, roll=0, turn=0, brightness=128, clipped=0),
    chip_png=b"png",
)


def test_each_face_is_varied_as_often_as_asked_in_order_and_judged() -> None:
    asked: list[VariationOrder] = []

    def vary(orders: Iterable[VariationOrder], total: int) -> Iterator[DrawnFace]:
        assert total == 4
        for order in orders:
            asked.append(order)
            yield DrawnFace((order.number, order.variation), Unfit(None, ImageReject.NO_FACE_FOUND), None, "sha256:1")

    judged = list(vary_enrolled(Screening(), 2, Made.TRANSLATED, FACES, PEOPLE, vary))
    assert [(order.number, order.variation) for order in asked] == [(4, 1), (4, 2), (9, 1), (9, 2)]
    assert [(order.photo.path, order.place) for order in asked] == [("ada/1", 0)] * 2 + [("all/1", 1)] * 2
    assert {one.reason for one in judged} == {"Undetected"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param(PEOPLE[0], None, id="the person whom it was made from"),
        pytest.param(PEOPLE[0] + PEOPLE[1], ScreeningReason.NEAR_REAL_IDENTITY, id="as much somebody else"),
        pytest.param(PEOPLE[0] + SOMEBODY, ScreeningReason.IDENTITY_CHANGED, id="not that person any more"),
    ],
)
def test_a_variation_is_compared_with_its_person_and_with_the_others(
    row: NDArray[np.float32], reason: ScreeningReason | None
) -> None:
    def vary(orders: Iterable[VariationOrder], total: int) -> Iterator[DrawnFace]:
        for order in orders:
            yield DrawnFace((order.number, order.variation), FOUND, unit_rows(row[None])[0], None)

    first, _ = vary_enrolled(Screening(), 1, Made.AUGMENTED, FACES, PEOPLE, vary)
    assert first.reason is reason


@pytest.mark.parametrize("answers", [pytest.param(3, id="one too few"), pytest.param(5, id="one too many")])
def test_no_variation_is_judged_that_nobody_can_tell_whose_it_is(answers: int) -> None:
    def vary(orders: Iterable[VariationOrder], total: int) -> Iterator[DrawnFace]:
        for number in range(answers):
            yield DrawnFace((number, 1), Unfit(None, ImageReject.NO_FACE_FOUND), None, None)

    with pytest.raises(ValueError, match="zip"):
        list(vary_enrolled(Screening(), 2, Made.AUGMENTED, FACES, PEOPLE, vary))


def test_cyclegan_cannot_be_asked_for_people() -> None:
    settings = {"generator": "CycleGAN", "checkpoint": {"bundled": "any"}, "faces": 3, "truncation": 1, "seed": 0}
    with pytest.raises(ValueError, match="CycleGAN translates faces and makes no people: faces must be 0"):
        Synthesis.model_validate(settings)
