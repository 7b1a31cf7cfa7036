"""Scores between probes and enrolled people."""

from __future__ import annotations

import numpy as np
import pytest
from faceledger_workloads.matching.gallery import TemplateGallery, unit_rows
from faceledger_workloads.matching.scores import CosineScorer, NormalisedScorer, make_scorer
from faceledger_workloads.runspec import Cosine
from numpy.typing import NDArray

PEOPLE = 30


def people(
    seed: int, count: int = PEOPLE, photos: int = 3, spread: float = 0.2
) -> tuple[NDArray[np.float32], list[str]]:
    """(count * photos, 16) embeddings, in which a person's photos lie around their own direction."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(count, 1, 16))
    rows = centres + spread * random.normal(size=(count, photos, 16))
    return rows.reshape(-1, 16).astype(np.float32), [f"p{person:02d}" for person in range(count) for _ in range(photos)]


def gallery(*rows: tuple[float, ...], names: str, cohort: list[tuple[float, ...]] | None = None) -> TemplateGallery:
    wide = np.array(cohort, dtype=np.float32) if cohort else None
    return TemplateGallery.build(np.array(rows, dtype=np.float32), list(names), wide)


def test_a_person_is_as_like_as_the_likest_of_their_templates() -> None:
    scorer = CosineScorer(gallery((1, 0), (0, 1), (0, -1), names="aab"))
    assert scorer.probe_scores(np.array([[0, 2]], dtype=np.float32)).tolist() == [[1.0, -1.0]]


def test_the_order_of_enrolment_does_not_matter() -> None:
    rows, names = people(1)
    shuffled = np.random.default_rng(2).permutation(len(names))
    one = TemplateGallery.build(rows, names)
    other = TemplateGallery.build(rows[shuffled], [names[row] for row in shuffled])
    probes = people(3)[0]
    assert one.people == other.people
    assert np.allclose(CosineScorer(one).probe_scores(probes), CosineScorer(other).probe_scores(probes), atol=1e-6)


def test_impostor_scores_are_every_photo_against_every_other_person() -> None:
    scorer = CosineScorer(gallery((1, 0), (0, 1), (0.6, 0.8), names="aab"))
    assert sorted(scorer.impostor_scores().tolist()) == pytest.approx([0.6, 0.8, 0.8])


def test_an_impostor_scores_as_a_stranger_probe_would() -> None:
    rows, names = people(1)
    others = [row for row, name in enumerate(names) if name != "p00"]
    without = TemplateGallery.build(rows[others], [names[row] for row in others])
    for score in Cosine:
        scored = make_scorer(score, without).probe_scores(rows[:1])
        among_impostors = make_scorer(score, TemplateGallery.build(rows, names)).impostor_scores()[: PEOPLE - 1]
        tolerance = 1e-5 if score is Cosine.COSINE else 0.35  # a template's own cohort lacks one person there
        assert np.abs(scored[0] - among_impostors).max() <= tolerance


def test_normalising_lowers_the_score_of_a_face_that_is_like_everybody() -> None:
    rows, names = people(4, spread=0.3)
    scorer = NormalisedScorer(TemplateGallery.build(rows, names))
    average = rows.mean(axis=0, keepdims=True)
    own = rows[:1]
    assert scorer.probe_scores(own).max() > scorer.probe_scores(average).max()


def test_normalised_scores_are_the_definition_of_as_norm() -> None:
    scorer = NormalisedScorer(gallery((1, 0), (0.8, 0.6), (0, 1), (-1, 0), names="abcd"))
    probe = np.array([[0.96, 0.28]], dtype=np.float32)
    cosines = [0.96, 0.936, 0.28, -0.96]
    mean, spread = np.mean(cosines[1:]), np.std(cosines[1:])  # the likest one, a, is left out
    for_a = [0.0, -1.0]  # a's cohort is b, c, d; its likest one, b with 0.8, is left out
    by_template = (0.96 - np.mean(for_a)) / np.std(for_a)
    expected = ((0.96 - mean) / spread + by_template) / 2
    assert scorer.probe_scores(probe)[0, 0] == pytest.approx(expected, rel=1e-5)


def test_synthetic_faces_widen_the_cohort_and_are_nobody() -> None:
    narrow = gallery((1, 0), (0.8, 0.6), (0, 1), names="abc")
    wide = gallery((1, 0), (0.8, 0.6), (0, 1), names="abc", cohort=[(0.6, 0.8), (0.0, -1.0)])
    probe = np.array([[0.96, 0.28]], dtype=np.float32)
    assert NormalisedScorer(wide).probe_scores(probe).shape == (1, 3)
    assert not np.allclose(NormalisedScorer(wide).probe_scores(probe), NormalisedScorer(narrow).probe_scores(probe))
    assert np.array_equal(CosineScorer(wide).probe_scores(probe), CosineScorer(narrow).probe_scores(probe))


@pytest.mark.parametrize("score", list(Cosine))
def test_no_probes_have_no_scores(score: Cosine) -> None:
    rows, names = people(5)
    assert make_scorer(score, TemplateGallery.build(rows, names)).probe_scores(rows[:0]).shape == (0, PEOPLE)


@pytest.mark.parametrize("row", [pytest.param([0.0, 0.0], id="zero"), pytest.param([np.nan, 1.0], id="not a number")])
def test_an_embedding_without_direction_is_refused(row: list[float]) -> None:
    with pytest.raises(ValueError, match="zero or not a number"):
        unit_rows(np.array([row], dtype=np.float32))


def test_an_empty_gallery_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one template"):
        TemplateGallery.build(np.empty((0, 2), dtype=np.float32), [])
