"""Which generated faces are left out, and why."""

from __future__ import annotations

import numpy as np
import pytest
from faceledger_workloads.synthesis.screening import (
    Candidate,
    Decision,
    Screening,
    ScreeningReason,
    ScreeningThresholds,
    calibrate_max_similarity_to_real,
    screen_variation,
)

THRESHOLDS = ScreeningThresholds(
    min_detection_score=0.5, min_sharpness=10.0, max_similarity_to_real=0.9, max_similarity_to_synthetic=0.95
)


def _unit(degrees: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A template; two of them have the cosine of the angle between them as similarity."""
    radians = np.deg2rad(degrees)
    return np.array([np.cos(radians), np.sin(radians)], np.float32)


REAL = np.stack([_unit(90)])


def _candidate(
    index: int = 0, *, score: float | None = 1.0, sharpness: float | None = 50.0, degrees: float | None = 0.0
) -> Candidate:
    return Candidate(index, score, sharpness, None if degrees is None else _unit(degrees))


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        pytest.param(_candidate(), None, id="a clear face unlike any other is accepted"),
        pytest.param(Candidate(0), ScreeningReason.UNDETECTED, id="no face was found"),
        pytest.param(_candidate(score=0.49), ScreeningReason.UNDETECTED, id="the detector is not sure enough"),
        pytest.param(_candidate(score=0.5), None, id="a detection score at the threshold is enough"),
        pytest.param(_candidate(sharpness=9.9), ScreeningReason.LOW_QUALITY, id="the face is blurred"),
        pytest.param(_candidate(sharpness=10.0), None, id="sharpness at the threshold is enough"),
        pytest.param(_candidate(degrees=70), ScreeningReason.NEAR_REAL_IDENTITY, id="the face is a real person's"),
        pytest.param(_candidate(degrees=60), None, id="some likeness to a real person is tolerated"),
        pytest.param(
            _candidate(score=0.1, sharpness=0, degrees=90), ScreeningReason.UNDETECTED, id="the first reason counts"
        ),
        pytest.param(_candidate(sharpness=0, degrees=90), ScreeningReason.LOW_QUALITY, id="quality before likeness"),
    ],
)
def test_a_face_is_accepted_or_left_out_for_a_reason(candidate: Candidate, reason: ScreeningReason | None) -> None:
    assert Screening(REAL, THRESHOLDS).judge([candidate]) == (Decision(0, reason),)


def test_of_two_faces_alike_the_one_with_the_lower_index_stays() -> None:
    alike = [_candidate(2, degrees=0), _candidate(4, degrees=1), _candidate(9, degrees=-40)]
    expected = (Decision(2, None), Decision(4, ScreeningReason.DUPLICATE), Decision(9, None))
    assert Screening(REAL, THRESHOLDS).judge(alike) == expected


@pytest.mark.parametrize("at_once", [1, 32, 70, 300])
def test_decisions_do_not_depend_on_how_many_faces_come_at_once(at_once: int) -> None:
    # Every third face is the likeness of one that was accepted 150 faces before, every seventh was not found.
    templates = np.eye(300, dtype=np.float32)
    templates[150::3] = templates[:150:3]
    faces = [Candidate(i, 1.0, 50.0, row) if i % 7 else Candidate(i) for i, row in enumerate(templates)]
    screening = Screening(np.empty((0, 300), np.float32), THRESHOLDS)
    judged = [one for start in range(0, 300, at_once) for one in screening.judge(faces[start : start + at_once])]
    twice = {i for i in range(150, 300, 3) if i % 7 and (i - 150) % 7}
    found = [None if i % 7 else ScreeningReason.UNDETECTED for i in range(300)]
    reasons = [ScreeningReason.DUPLICATE if i in twice else reason for i, reason in enumerate(found)]
    assert judged == [Decision(i, reason) for i, reason in enumerate(reasons)]


def test_a_face_left_out_is_no_reason_to_leave_out_its_likeness() -> None:
    blurred, clear = _candidate(0, sharpness=0), _candidate(1)
    assert Screening(REAL, THRESHOLDS).judge([blurred, clear])[1] == Decision(1, None)


def test_without_real_faces_likeness_to_them_is_no_reason() -> None:
    nobody = np.empty((0, 2), np.float32)
    assert Screening(nobody, THRESHOLDS).judge([_candidate(degrees=90)]) == (Decision(0, None),)


def test_the_threshold_to_real_people_is_their_highest_likeness_to_each_other() -> None:
    templates = np.stack([_unit(0), _unit(1), _unit(60), _unit(100)])
    limit = calibrate_max_similarity_to_real(templates, ["ann", "ann", "bob", "cleo"])
    assert limit == pytest.approx(np.cos(np.deg2rad(40)), abs=1e-6)


@pytest.mark.parametrize("identities", [[], ["ann", "ann"]], ids=["nobody", "one person"])
def test_too_few_people_teach_no_threshold(identities: list[str]) -> None:
    templates = np.stack([_unit(0)] * len(identities)) if identities else np.empty((0, 2), np.float32)
    assert calibrate_max_similarity_to_real(templates, identities) == 1.0


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        pytest.param(_candidate(degrees=0), None, id="the same as the person it varies, and yet no duplicate"),
        pytest.param(_candidate(degrees=20), None, id="still that person"),
        pytest.param(_candidate(degrees=30), ScreeningReason.IDENTITY_CHANGED, id="somebody else"),
        pytest.param(_candidate(degrees=None), ScreeningReason.UNDETECTED, id="no face"),
        pytest.param(_candidate(degrees=70), ScreeningReason.NEAR_REAL_IDENTITY, id="a real person"),
    ],
)
def test_a_variation_keeps_the_person_or_is_left_out(candidate: Candidate, reason: ScreeningReason | None) -> None:
    assert screen_variation(candidate, _unit(0), REAL, THRESHOLDS) == Decision(0, reason)
