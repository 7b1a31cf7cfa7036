"""Which draws join a data set, whatever the generator draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from faceledger_workloads.augmentation import MAX_DRAWS, Augmentation, DrawnFace, Judged, drawn_faces
from faceledger_workloads.detection.box import Box
from faceledger_workloads.face import Face, Unfit
from faceledger_workloads.images.rejects import ImageReject
from faceledger_workloads.matching.gallery import unit_rows
from faceledger_workloads.quality import Quality
from faceledger_workloads.runspec import Synthesis
from faceledger_workloads.synthesis.screening import ScreeningReason
from faceledger_workloads.work import Draw, Encoded, Seen
from numpy.typing import NDArray

CHECKPOINT = "sha256:" + "c" * 64
REAL = np.eye(128, dtype=np.float32)[:3]
"""Three real people who are nothing like each other."""

Drawer = Callable[[Sequence[Draw]], Iterator[DrawnFace]]


def face(score: float = 1.0) -> Face:
    points = ((0, 0),) * 5
    quality = Quality(eye_distance=30, clarity=100, roll=0, turn=0, brightness=128, clipped=0)
    return Face("sha256:" + "f" * 64, Box(0, 0, 63, 63), score, points, points, quality, b"png")


def drawn(draw: Draw, row: NDArray[np.float32] | None) -> DrawnFace:
    if row is None:
        return DrawnFace(draw, Unfit(None, ImageReject.NO_FACE_FOUND), None, CHECKPOINT)
    return DrawnFace(draw, face(), unit_rows(row[None])[0], CHECKPOINT)


def own_direction(draw: Draw) -> NDArray[np.float32]:
    """A template for each index that is like no other; variations are close to it."""
    row = np.zeros(128, dtype=np.float32)
    row[10 + draw[0]] = 1.0
    row[100 + draw[1]] = 0.1
    return row


def generator(every: int = 1, asked: list[Draw] | None = None) -> Drawer:
    """A generator of which only each `every`th face is found."""

    def draw(draws: Sequence[Draw]) -> Iterator[DrawnFace]:
        for one in draws:
            if asked is not None:
                asked.append(one)
            yield drawn(one, None if one[0] % every else own_direction(one))

    return draw


def augment(draw: Drawer, faces: int, variations: int = 0, **screening: str) -> list[Judged]:
    synthesis = Synthesis.model_validate(
        {
            "generator": "StyleGAN2",
            "checkpoint": {"bundled": "faces-64"},
            "faces": faces,
            "variationsPerIdentity": variations,
            "truncation": "0.7",
            "seed": 42,
            "screening": screening,
        }
    )
    return list(Augmentation(synthesis, REAL, ["ada", "ben", "cleo"], draw).run())


def accepted(judged: list[Judged]) -> list[Draw]:
    return [one.face.draw for one in judged if one.reason is None]


def test_as_many_faces_join_as_were_asked_for() -> None:
    assert accepted(augment(generator(), 5)) == [(index, 0) for index in range(5)]


def test_no_faces_need_no_draws() -> None:
    asked: list[Draw] = []
    assert augment(generator(asked=asked), 0) == []
    assert asked == []


def test_a_face_that_was_left_out_is_replaced_by_the_next_index() -> None:
    judged = augment(generator(every=2), 4)
    assert accepted(judged) == [(0, 0), (2, 0), (4, 0), (6, 0)]
    assert [one.face.draw[0] for one in judged] == list(range(7))
    assert {one.reason for one in judged if one.face.draw[0] % 2} == {ScreeningReason.UNDETECTED}


def test_a_generator_that_finds_nothing_is_given_up() -> None:
    judged = augment(generator(every=10**6), 3)
    assert len(judged) == 3 * MAX_DRAWS
    assert len(accepted(judged)) == 1


def test_variations_fill_up_what_was_asked_for() -> None:
    judged = augment(generator(), 7, variations=2)
    assert accepted(judged) == [(0, 0), (1, 0), (2, 0), (0, 1), (0, 2), (1, 1), (1, 2)]


def test_only_accepted_faces_are_varied() -> None:
    asked: list[Draw] = []
    augment(generator(every=2, asked=asked), 4, variations=1)
    assert [draw for draw in asked if draw[1]] == [(0, 1), (2, 1)]


def test_a_face_too_near_a_real_person_is_left_out() -> None:
    judged = augment(lambda draws: (drawn(draw, REAL[0] + own_direction(draw)) for draw in draws), 1)
    assert {one.reason for one in judged} == {ScreeningReason.NEAR_REAL_IDENTITY}


def test_a_threshold_of_the_users_own_decides_instead() -> None:
    judged = augment(
        lambda draws: (drawn(draw, REAL[0] + own_direction(draw)) for draw in draws), 1, maxSimilarityToReal="0.9"
    )
    assert accepted(judged) == [(0, 0)]


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_answers_are_matched_to_draws_however_they_were_cut(cut: int) -> None:
    draws = [(index, 0) for index in range(5)]
    found = [Unfit(None, ImageReject.NO_FACE_FOUND) if index in (0, 3) else face() for index in range(5)]
    rows = np.stack([own_direction(draw) for draw in draws if draw[0] not in (0, 3)])
    shards = []
    for start in range(0, 5, cut):
        part = found[start : start + cut]
        count = sum(isinstance(one, Face) for one in part)
        before = sum(isinstance(one, Face) for one in found[:start])
        shards.append(Encoded(Seen(tuple(part), checkpoint=CHECKPOINT), rows[before : before + count]))
    answers = list(drawn_faces(draws, shards))
    assert [one.draw for one in answers] == draws
    assert [one.template is None for one in answers] == [True, False, False, True, False]
    templates = np.stack([one.template for one in answers if one.template is not None])
    assert np.allclose(templates, unit_rows(rows))


def test_a_variation_that_became_somebody_else_is_left_out() -> None:
    def draw(draws: Sequence[Draw]) -> Iterator[DrawnFace]:
        for index, variation in draws:
            yield drawn((index, variation), own_direction((index + 50 * (variation == 2), variation)))

    judged = augment(draw, 6, variations=2)
    reasons = {one.face.draw: one.reason for one in judged}
    assert reasons[0, 1] is None
    assert reasons[0, 2] is ScreeningReason.IDENTITY_CHANGED
