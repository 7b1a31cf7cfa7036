"""Whose face a photo shows, when it shows none, one or several."""

from __future__ import annotations

import pytest
from faceledger_workloads.detection.box import Box, Detection
from faceledger_workloads.detection.choice import chosen_faces
from faceledger_workloads.images.rejects import ImageReject, RejectedImage
from faceledger_workloads.runspec import FacesPolicy


def face(side: int, score: float) -> Detection:
    return Detection(Box(0, 0, side - 1, side - 1), score)


UNSURE, SURE, LARGER = face(100, 0.1), face(100, 2.0), face(150, 0.9)


@pytest.mark.parametrize(
    ("detections", "others_count"),
    [
        pytest.param([UNSURE], False, id="one, however unsure"),
        pytest.param([SURE, face(100, 0.5)], True, id="two"),
        pytest.param([SURE, face(50, 0.5)], True, id="one at half the width"),
        pytest.param([SURE, face(49, 2.0)], False, id="one in the background"),
        pytest.param([SURE, face(100, 0.49)], False, id="a false alarm beside it"),
        pytest.param([SURE, face(300, 0.49)], False, id="a large false alarm"),
    ],
)
def test_a_photo_is_rejected_when_a_second_face_counts(detections: list[Detection], others_count: bool) -> None:
    if not others_count:
        assert chosen_faces(detections, FacesPolicy.REJECT) == (detections[0],)
        return
    with pytest.raises(RejectedImage) as caught:
        chosen_faces(detections, FacesPolicy.REJECT)
    assert caught.value.reason is ImageReject.SEVERAL_FACES


def test_the_largest_is_taken_even_where_a_smaller_one_is_surer() -> None:
    assert chosen_faces([SURE, LARGER, UNSURE], FacesPolicy.LARGEST) == (LARGER,)


def test_all_are_taken_without_the_false_alarms_the_largest_first() -> None:
    small = face(20, 0.6)
    assert chosen_faces([SURE, LARGER, small, UNSURE], FacesPolicy.ALL) == (LARGER, SURE, small)


@pytest.mark.parametrize("policy", FacesPolicy)
def test_no_face_is_named_under_every_policy(policy: FacesPolicy) -> None:
    with pytest.raises(RejectedImage) as caught:
        chosen_faces([], policy)
    assert caught.value.reason is ImageReject.NO_FACE_FOUND
