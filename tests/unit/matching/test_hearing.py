"""What a run answers and counts, probe by probe."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from faceledger_workloads.detection.box import Box
from faceledger_workloads.embedding.rows import DIMENSIONS, Embeddings
from faceledger_workloads.evaluation.trials import RANKS
from faceledger_workloads.face import Face, Unfit
from faceledger_workloads.hearing import Hearing
from faceledger_workloads.images.rejects import ImageReject
from faceledger_workloads.images.source import Photo
from faceledger_workloads.judge import EncodeJudge, IdentifyJudge, VerifyJudge
from faceledger_workloads.matching.gallery import TemplateGallery
from faceledger_workloads.matching.scores import Scorer, make_scorer, search_faces
from faceledger_workloads.quality import Quality
from faceledger_workloads.results import ProbeOutcome
from faceledger_workloads.runspec import Score
from faceledger_workloads.work import Encoded, Matched, Seen

PEOPLE = ("ada", "ben", "cleo")
GALLERY: Embeddings = np.eye(DIMENSIONS, dtype=np.float32)[:3]
POINTS = ((0, 0),) * 5


def face(digest: str) -> Face:
    quality = Quality(eye_distance=60, clarity=1, roll=0, turn=0, brightness=128, clipped=0)
    return Face(digest, Box(0, 0, 9, 9), 1.0, POINTS, POINTS, quality, b"")


def shard(rows: Embeddings, *names: str | None) -> Encoded:
    """A face for each name, but none in those named `wall`."""
    photos = tuple(Photo(f"{name}/{number}.png" if name else "top.png", name) for number, name in enumerate(names))
    found = tuple(
        Unfit(None, ImageReject.NO_FACE_FOUND) if name == "wall" else face(f"photo-{number}")
        for number, name in enumerate(names)
    )
    return Encoded(Seen(found, photos), rows)


def compared(scorer: Scorer, rows: Embeddings, *names: str | None) -> Matched:
    """The same, looked for as a worker does it."""
    return Matched(shard(rows, *names), search_faces(scorer, rows, RANKS))


def told(hearing: Hearing, field: str) -> list[Any]:
    """What each line says in `field`."""
    return [json.loads(line).get(field) for line in hearing.lines]


@pytest.fixture
def scorer() -> Scorer:
    return make_scorer(Score.COSINE, TemplateGallery.build(GALLERY, PEOPLE))


def test_every_probe_has_a_line_and_named_ones_are_counted(scorer: Scorer) -> None:
    hearing = Hearing(scorer, IdentifyJudge(PEOPLE, 0.5, 2, include_scores=False), probes=4)
    hearing.hear(compared(scorer, GALLERY[[1, 0, 2]], "ben", "zoe", "wall", None))
    assert told(hearing, "outcome") == [
        ProbeOutcome.IDENTIFIED,
        ProbeOutcome.IDENTIFIED,
        ProbeOutcome.REJECTED,
        ProbeOutcome.IDENTIFIED,
    ]
    counted = hearing.answers.counted()
    assert (counted.enrolled_probes, counted.correctly_identified) == (1, 1)
    assert (counted.unenrolled_probes, counted.unenrolled_accepted) == (2, 1)
    trials = hearing.trials.trials()
    assert trials is not None
    assert len(trials.faces) == 3


def test_a_photo_of_the_gallery_is_answered_marked_and_left_out_of_every_figure(scorer: Scorer) -> None:
    judge = IdentifyJudge(PEOPLE, 0.5, 1, include_scores=False)
    hearing = Hearing(scorer, judge, probes=2, enrolled_photos={"photo-0"})
    hearing.hear(compared(scorer, GALLERY[[0, 1]], "ada", "ben"))
    assert told(hearing, "identity") == ["ada", "ben"]
    assert told(hearing, "enrolledPhoto") == [True, None]
    counted = hearing.answers.counted()
    assert (counted.enrolled_probes, counted.gallery_photos) == (1, 1)
    trials = hearing.trials.trials()
    assert trials is not None
    assert trials.faces.tolist() == [1]


def test_a_claim_is_compared_with_that_person_alone(scorer: Scorer) -> None:
    hearing = Hearing(scorer, VerifyJudge(0.5, include_scores=False), probes=3)
    hearing.hear(compared(scorer, GALLERY[[0, 0, 0]], "ada", "ben", "zoe"))
    assert told(hearing, "outcome") == [
        ProbeOutcome.MATCH,
        ProbeOutcome.NON_MATCH,
        ProbeOutcome.NON_MATCH,
    ]


def test_encoding_needs_nobody_to_compare_with() -> None:
    hearing = Hearing(None, EncodeJudge(), probes=2)
    hearing.hear(shard(GALLERY[:2], "ada", None))
    assert hearing.outcomes == {ProbeOutcome.ENCODED: 2}
    assert told(hearing, "row") == [0, 1]
    assert np.array_equal(np.concatenate(hearing.embeddings), GALLERY[:2])


def test_embeddings_of_those_who_are_compared_are_not_kept(scorer: Scorer) -> None:
    hearing = Hearing(scorer, VerifyJudge(0.5, include_scores=False), probes=1)
    hearing.hear(compared(scorer, GALLERY[:1], "ada"))
    assert not hearing.embeddings


def test_one_person_enrolled_alone_is_identified_by_a_fixed_threshold() -> None:
    alone = make_scorer(Score.COSINE, TemplateGallery.build(GALLERY[:1], ["ada"]))
    hearing = Hearing(alone, IdentifyJudge(("ada",), 0.5, 5, include_scores=False), probes=2)
    hearing.hear(compared(alone, GALLERY[:2], "ada", "ben"))
    assert told(hearing, "identity") == ["ada", None]


def test_an_embedding_that_is_not_a_number_is_named(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match="embedding 0 of 1 is zero or not a number"):
        compared(scorer, np.full((1, DIMENSIONS), np.nan, dtype=np.float32), "ada")
