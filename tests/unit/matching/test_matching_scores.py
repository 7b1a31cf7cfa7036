"""Scores between probes and enrolled people."""

from __future__ import annotations

import numpy as np
import pytest
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.matching import impostors, normalisation
from faceledger_workloads.matching.entries import Scores
from faceledger_workloads.matching.gallery import TemplateGallery, unit_rows
from faceledger_workloads.matching.impostors import gather_impostors, others
from faceledger_workloads.matching.normalisation import NOBODY
from faceledger_workloads.matching.scores import Scorer, make_scorer
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import Score, Templates
from numpy.typing import NDArray

PEOPLE = 40
Rows = NDArray[np.float32]


def people(seed: int, count: int = PEOPLE, photos: int = 3, spread: float = 0.2) -> tuple[Rows, list[str]]:
    """(count * photos, 16) embeddings, in which a person's photos lie around their own direction."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(count, 1, 16))
    rows = centres + spread * random.normal(size=(count, photos, 16))
    return rows.reshape(-1, 16).astype(np.float32), [f"p{person:02d}" for person in range(count) for _ in range(photos)]


def gallery(
    *rows: tuple[float, ...], names: str, cohort: list[tuple[float, ...]] | None = None, rule: Templates = Templates.MAX
) -> TemplateGallery:
    wide = np.array(cohort, dtype=np.float32) if cohort else None
    return TemplateGallery.build(np.array(rows, dtype=np.float32), list(names), wide, rule)


def table(scorer: Scorer, embeddings: Rows) -> Scores:
    """(p, people): each probe with each person."""
    probes, count = scorer.prepare(embeddings), len(scorer.gallery.people)
    pairs = np.repeat(np.arange(len(embeddings)), count)
    return scorer.compare(probes[pairs], np.tile(np.arange(count), len(embeddings))).reshape(-1, count)


@pytest.fixture
def tiny_cohorts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalisation, "SMALLEST_COHORT", 1)


def test_a_person_is_as_like_as_the_likest_of_their_templates() -> None:
    scorer = make_scorer(Score.COSINE, gallery((1, 0), (0, 1), (0, -1), names="aab"))
    assert table(scorer, np.array([[0, 2]], dtype=np.float32)).tolist() == [[1.0, -1.0]]


def test_or_as_like_as_the_mean_direction_of_them() -> None:
    scorer = make_scorer(Score.COSINE, gallery((2, 0), (0, 1), (0, -1), names="aab", rule=Templates.MEAN))
    assert table(scorer, np.array([[0, 2]], dtype=np.float32)) == pytest.approx(np.array([[np.sqrt(0.5), -1.0]]))


def test_the_order_of_enrolment_does_not_matter() -> None:
    rows, names = people(1)
    shuffled = np.random.default_rng(2).permutation(len(names))
    one = TemplateGallery.build(rows, names)
    other = TemplateGallery.build(rows[shuffled], [names[row] for row in shuffled])
    probes = people(3)[0]
    assert one.people == other.people
    scores = (table(make_scorer(Score.COSINE, each), probes) for each in (one, other))
    assert np.array_equal(*scores)


@pytest.mark.parametrize("score", list(Score))
@pytest.mark.parametrize("rule", list(Templates))
def test_the_search_ranks_as_the_comparisons_do(score: Score, rule: Templates) -> None:
    rows, names = people(1)
    scorer = make_scorer(score, TemplateGallery.build(rows, names, people(7)[0], rule))
    probes = people(3)[0]
    nearest, scores = scorer.search(scorer.prepare(probes), 5), table(scorer, probes)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    assert np.array_equal(nearest.owners, expected)
    assert np.allclose(nearest.scores, np.take_along_axis(scores, expected, axis=1), rtol=0, atol=1e-9)


@pytest.mark.parametrize("score", list(Score))
def test_an_impostor_scores_exactly_as_a_stranger_probe_would(score: Score) -> None:
    rows, names = people(1)
    without = make_scorer(score, TemplateGallery.build(rows[3:], names[3:]))
    scored = table(without, rows[:1])[0]
    trials = gather_impostors(make_scorer(score, TemplateGallery.build(rows, names)), synthetic=False)
    among_impostors = trials.pair_scores[: PEOPLE - 1]
    # Under AS-norm p00 is in the cohorts of the other people's templates.
    assert np.abs(scored - among_impostors).max() <= (1e-9 if score is Score.COSINE else 0.15)


def test_impostors_are_every_photo_with_every_other_person_and_its_best() -> None:
    trials = gather_impostors(
        make_scorer(Score.COSINE, gallery((1, 0), (0, 1), (0.6, 0.8), names="aab")), synthetic=False
    )
    assert trials.pair_scores.tolist() == pytest.approx([0.6, 0.8, 0.8])
    assert (trials.pair_faces.tolist(), trials.pair_people.tolist()) == ([0, 0, 1], [1, 1, 0])
    assert trials.best_scores.tolist() == pytest.approx([0.6, 0.8, 0.8])


def test_synthetic_faces_are_impostors_when_asked_for() -> None:
    scorer = make_scorer(Score.COSINE, gallery((1, 0), (0, 1), names="ab", cohort=[(0.8, 0.6)]))
    trials = gather_impostors(scorer, synthetic=True)
    assert trials.pair_scores.tolist() == pytest.approx([0.0, 0.0, 0.8, 0.6], abs=1e-6)
    assert trials.best_scores.tolist() == pytest.approx([0.0, 0.0, 0.8], abs=1e-6)
    assert trials.pair_faces.tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize("rule", list(Templates))
def test_people_of_one_photo_each_are_impostors_of_all_others(rule: Templates) -> None:
    scorer = make_scorer(Score.COSINE, gallery((1, 0), (0, 1), (0.6, 0.8), names="abc", rule=rule))
    trials = gather_impostors(scorer, synthetic=False)
    assert trials.pair_scores.tolist() == pytest.approx([0.0, 0.6, 0.0, 0.8, 0.6, 0.8], abs=1e-6)
    assert trials.best_scores.tolist() == pytest.approx([0.6, 0.8, 0.8])


def test_one_person_alone_gives_no_impostors() -> None:
    trials = gather_impostors(make_scorer(Score.COSINE, gallery((1, 0), (0, 1), names="aa")), synthetic=False)
    assert (len(trials.pair_scores), len(trials.best_scores)) == (0, 0)


def test_a_big_gallery_is_sampled_evenly_and_nobody_is_their_own_impostor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impostors, "MOST_SEARCHES", 50)
    monkeypatch.setattr(impostors, "MOST_PAIRS", 500)
    rows, names = people(1)
    trials = gather_impostors(make_scorer(Score.COSINE, TemplateGallery.build(rows, names)), synthetic=False)
    again = gather_impostors(make_scorer(Score.COSINE, TemplateGallery.build(rows, names)), synthetic=False)
    assert (len(trials.pair_scores), len(trials.best_scores)) == (500, 50)
    assert np.all(trials.pair_faces != trials.pair_people)
    assert np.array_equal(trials.pair_scores, again.pair_scores)


def test_drawn_people_are_any_but_the_own_one() -> None:
    face, person = others(np.array([0, 3, 4, NOBODY]), 5, 2000, np.random.default_rng(0))
    drawn = [sorted(set(person[face == row].tolist())) for row in range(4)]
    assert drawn == [[1, 2, 3, 4], [0, 1, 2, 4], [0, 1, 2, 3], [0, 1, 2, 3, 4]]


def test_normalising_lowers_the_score_of_a_face_that_is_like_everybody() -> None:
    rows, names = people(4, spread=0.3)
    scorer = make_scorer(Score.ASNORM, TemplateGallery.build(rows, names))
    average = rows.mean(axis=0, keepdims=True)
    assert table(scorer, rows[:1]).max() > table(scorer, average).max()


@pytest.mark.usefixtures("tiny_cohorts")
def test_normalised_scores_are_the_definition_of_as_norm() -> None:
    scorer = make_scorer(Score.ASNORM, gallery((1, 0), (0.8, 0.6), (0, 1), (-1, 0), names="abcd"))
    probe = np.array([[0.96, 0.28]], dtype=np.float32)
    mean, spread = np.mean([0.936, 0.28]), np.std([0.936, 0.28])  # the likest one, a, is left out
    for_a = [0.0, -1.0]  # a's cohort is b, c, d; its likest one, b with 0.8, is left out
    by_template = (0.96 - np.mean(for_a)) / np.std(for_a)
    expected = ((0.96 - mean) / spread + by_template) / 2
    assert table(scorer, probe)[0, 0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("tiny_cohorts")
def test_synthetic_faces_widen_the_cohort_and_are_nobody() -> None:
    faces = ((1.0, 0.0), (0.8, 0.6), (0.0, 1.0))
    narrow = gallery(*faces, names="abc")
    wide = gallery(*faces, names="abc", cohort=[(0.6, 0.8), (0.0, -1.0)])
    probe = np.array([[0.96, 0.28]], dtype=np.float32)
    normalised = [table(make_scorer(Score.ASNORM, each), probe) for each in (narrow, wide)]
    plain = [table(make_scorer(Score.COSINE, each), probe) for each in (narrow, wide)]
    assert normalised[1].shape == (1, 3)
    assert not np.allclose(*normalised)
    assert np.array_equal(*plain)


def test_a_cohort_is_bounded_and_spread_over_the_gallery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalisation, "COHORT_LIMIT", 25)
    rows, names = people(5)
    scorer = make_scorer(Score.ASNORM, TemplateGallery.build(rows, names))
    assert np.all(np.isfinite(table(scorer, people(6)[0])))


def test_too_small_a_cohort_is_refused_by_name() -> None:
    rows, names = people(5, count=6)
    with pytest.raises(RunFailed) as caught:
        make_scorer(Score.ASNORM, TemplateGallery.build(rows, names))
    assert caught.value.failure.reason is FailureReason.GALLERY_TOO_SMALL
    assert "needs 7 people or synthetic faces" in caught.value.failure.message


@pytest.mark.parametrize("score", list(Score))
def test_no_probes_have_no_scores(score: Score) -> None:
    rows, names = people(5)
    scorer = make_scorer(score, TemplateGallery.build(rows, names))
    assert scorer.search(scorer.prepare(rows[:0]), 3).owners.shape == (0, 3)


@pytest.mark.parametrize("row", [pytest.param([0.0, 0.0], id="zero"), pytest.param([np.nan, 1.0], id="not a number")])
def test_an_embedding_without_direction_is_refused_by_its_row(row: list[float]) -> None:
    with pytest.raises(ValueError, match="embedding 1 of 2 is zero or not a number"):
        unit_rows(np.array([[1.0, 0.0], row], dtype=np.float32))


def test_an_empty_gallery_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one template"):
        TemplateGallery.build(np.empty((0, 2), dtype=np.float32), [])
