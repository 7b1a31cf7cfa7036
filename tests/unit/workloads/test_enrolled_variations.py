"""A variation of a real person is kept as that person, or left out with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from faceledger_workloads.augmentation import DrawnFace
from faceledger_workloads.enrolled_variations import EnrolledFace, vary_enrolled
from faceledger_workloads.face import Unfit
from faceledger_workloads.images.rejects import ImageReject
from faceledger_workloads.runspec import Synthesis
from faceledger_workloads.work import VariationOrder

SYNTHESIS = Synthesis.model_validate(
    {
        "generator": "CycleGAN",
        "checkpoint": {"bundled": "any"},
        "faces": 0,
        "variationsPerIdentity": 2,
        "truncation": 1,
        "seed": 0,
    }
)


def test_each_face_is_varied_as_often_as_asked_in_order_and_judged() -> None:
    faces = [EnrolledFace(4, "ada", b"a"), EnrolledFace(9, "bob", b"b")]
    asked: list[VariationOrder] = []

    def vary(orders: Sequence[VariationOrder]) -> Iterator[DrawnFace]:
        asked.extend(orders)
        for order in orders:
            yield DrawnFace((order.number, order.variation), Unfit(None, ImageReject.NO_FACE_FOUND), None, "sha256:1")

    embeddings = np.eye(2, 128, dtype=np.float32)
    judged = list(vary_enrolled(SYNTHESIS, faces, embeddings, vary))
    assert [(order.number, order.variation) for order in asked] == [(4, 1), (4, 2), (9, 1), (9, 2)]
    assert [order.chip_png for order in asked] == [b"a", b"a", b"b", b"b"]
    assert {one.reason for one in judged} == {"Undetected"}


def test_cyclegan_cannot_be_asked_for_people() -> None:
    with pytest.raises(ValueError, match="CycleGAN translates faces and makes no people: faces must be 0"):
        Synthesis.model_validate(SYNTHESIS.model_dump() | {"faces": 3})
