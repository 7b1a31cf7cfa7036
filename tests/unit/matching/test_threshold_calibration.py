"""Where T comes from, and when a gallery is too small to tell."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.matching.calibration import determine_threshold, trials_needed
from faceledger_workloads.matching.impostors import Impostors
from faceledger_workloads.matching.intervals import pair_interval, single_interval, wilson_interval
from faceledger_workloads.runreport import Calibration, FailureReason
from faceledger_workloads.runspec import Matching
from pydantic import ValidationError

DIGEST = "sha256:" + "a" * 64
PEOPLE = 10


def trials(pairs: np.ndarray, searches: np.ndarray | None = None) -> Impostors:
    """Ten people in turns, each with the next one."""
    best = np.empty(0) if searches is None else searches
    faces, singles = np.arange(len(pairs)) % PEOPLE, np.arange(len(best)) % PEOPLE
    return Impostors(PEOPLE, pairs, faces, (faces + 1) % PEOPLE, best, singles)


def calibrate(found: Impostors | np.ndarray, **matching: str) -> Calibration:
    impostors = trials(found, found) if isinstance(found, np.ndarray) else found
    return determine_threshold(Matching.model_validate(matching), impostors, 3 * PEOPLE, DIGEST)


def scores(count: int) -> np.ndarray:
    """0.000, 0.001, ... below 1, in no order."""
    return np.random.default_rng(0).permutation(np.arange(count) / count)


@pytest.mark.parametrize(
    ("rate", "threshold", "measured"),
    [
        pytest.param("0.01", "0.989", "0.01", id="one in a hundred lets ten of a thousand through"),
        pytest.param("0.0105", "0.989", "0.01", id="a rate between two counts takes the lower one"),
        pytest.param("0.5", "0.499", "0.5", id="one in two"),
    ],
)
def test_the_threshold_is_the_lowest_that_keeps_the_rate(rate: str, threshold: str, measured: str) -> None:
    calibration = calibrate(scores(1000), targetFalseMatchRate=rate)
    # Rounded up in the sixth decimal: 0.989 as a binary fraction lies just above or below.
    assert Decimal(0) <= calibration.threshold - Decimal(threshold) <= Decimal("0.000001")
    assert calibration.measured_false_match_rate == Decimal(measured)
    assert calibration.source == "GalleryImpostors"
    assert (calibration.impostor_pairs, calibration.impostor_searches) == (1000, 1000)
    assert (calibration.gallery_people, calibration.gallery_templates) == (PEOPLE, 3 * PEOPLE)
    assert calibration.gallery_digest == DIGEST
    assert calibration.false_match_rate_low is not None
    assert calibration.false_match_rate_high is not None
    assert calibration.false_match_rate_low < Decimal(measured) < calibration.false_match_rate_high


def test_a_rate_of_false_identifications_is_kept_over_searches_not_pairs() -> None:
    calibration = calibrate(trials(np.zeros(5000), scores(1000)), targetFalsePositiveIdentificationRate="0.01")
    assert float(calibration.threshold) == pytest.approx(0.989, abs=1e-6)
    assert calibration.measured_false_positive_identification_rate == Decimal("0.01")
    assert calibration.measured_false_match_rate == 0
    assert calibration.target_false_positive_identification_rate == Decimal("0.01")
    assert calibration.target_false_match_rate is None


def test_the_two_target_rates_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="targetFalseMatchRate excludes"):
        Matching.model_validate({"targetFalseMatchRate": "0.001", "targetFalsePositiveIdentificationRate": "0.01"})


def test_without_a_target_one_comparison_in_a_thousand_may_match() -> None:
    assert calibrate(scores(3000)).target_false_match_rate == Decimal("0.001")


def test_it_says_that_synthetic_faces_were_impostors() -> None:
    assert calibrate(scores(3000), impostors="GalleryAndSynthetic").source == "GalleryImpostorsAndSynthetic"


def test_equal_scores_never_let_more_through_than_the_rate() -> None:
    calibration = calibrate(np.array([0.9] * 50 + [0.1] * 950), targetFalseMatchRate="0.01")
    assert calibration.threshold >= Decimal("0.9")
    assert calibration.measured_false_match_rate == 0


@pytest.mark.parametrize(
    ("found", "field", "trial"),
    [
        pytest.param(trials(scores(2999)), "targetFalseMatchRate", "comparisons", id="pairs"),
        pytest.param(
            trials(scores(9000), scores(2999)), "targetFalsePositiveIdentificationRate", "searches", id="searches"
        ),
    ],
)
def test_a_gallery_that_cannot_support_the_rate_is_refused_with_the_number_it_takes(
    found: Impostors, field: str, trial: str
) -> None:
    with pytest.raises(RunFailed) as caught:
        calibrate(found, **{field: "0.001"})
    failure = caught.value.failure
    assert failure.reason is FailureReason.GALLERY_TOO_SMALL
    assert f"{field} 0.001 needs 3000 {trial}" in failure.message
    assert "gives 2999" in failure.message
    assert not failure.retryable


def test_a_gallery_of_just_the_needed_size_is_enough() -> None:
    assert calibrate(scores(3000), targetFalseMatchRate="0.001").impostor_pairs == 3000


def test_one_person_alone_cannot_calibrate() -> None:
    with pytest.raises(RunFailed, match="gives 0"):
        calibrate(np.empty(0))


def test_a_fixed_threshold_is_kept_and_measured() -> None:
    calibration = calibrate(scores(100), threshold="0.9")
    assert calibration.threshold == Decimal("0.9")
    assert calibration.source == "Fixed"
    assert calibration.target_false_match_rate is None
    assert calibration.measured_false_match_rate == Decimal("0.09")


def test_a_fixed_threshold_needs_no_impostors() -> None:
    calibration = calibrate(np.empty(0), threshold="0.9")
    assert calibration == Calibration(
        threshold=Decimal("0.9"), source="Fixed", gallery_people=10, gallery_templates=30, gallery_digest=DIGEST
    )


@pytest.mark.parametrize(("rate", "needed"), [("0.001", 3000), ("0.1", 30), ("0.7", 5)])
def test_three_expected_hits_are_needed(rate: str, needed: int) -> None:
    assert trials_needed(Decimal(rate)) == needed


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        pytest.param(0, 10, 0.0, 0.2775, id="none of ten"),
        pytest.param(10, 10, 0.7225, 1.0, id="all of ten"),
        pytest.param(5, 50, 0.0435, 0.2136, id="five of fifty"),
    ],
)
def test_independent_trials_have_wilsons_interval(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(hits, trials) == pytest.approx((low, high), abs=5e-5)


def test_hits_of_one_person_are_known_less_well_than_hits_of_many() -> None:
    faces, people = np.repeat(np.arange(30), 29), np.tile(np.arange(1, 30), 30)
    people = np.where(people == faces, 0, people)
    spread, one = people == (faces + 1) % 30, faces == 7
    assert spread.sum() > one.sum()
    for interval in (
        lambda hit: pair_interval(faces, people, hit, 30),
        lambda hit: single_interval(faces, hit, 30),
    ):
        wide, narrow = interval(one), interval(spread)
        assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


def test_no_hit_is_not_known_for_certain() -> None:
    low, high = pair_interval(np.array([0, 1]), np.array([1, 0]), np.array([False, False]), 2)
    assert (low, high) == pytest.approx(wilson_interval(0, 2))


def test_pair_rates_average_to_the_measured_one() -> None:
    """The resampled rates are centred: their denominators count the pairs that the drawn people make."""
    random = np.random.default_rng(4)
    faces, people = np.repeat(np.arange(40), 39), np.concatenate([np.delete(np.arange(40), i) for i in range(40)])
    low, high = pair_interval(faces, people, random.random(len(faces)) < 0.2, 40)
    assert low < 0.2 < high
    assert high - low < 0.08


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        pytest.param("1.01", "from 0 to 1 for score Cosine", id="a cosine above 1"),
        pytest.param("-0.2", "from 0 up", id="below 0"),
    ],
)
def test_a_threshold_that_no_score_can_mean_is_refused(threshold: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        calibrate(scores(4), threshold=threshold)


def test_a_normalised_score_may_have_a_threshold_above_1() -> None:
    assert calibrate(scores(4), score="ASNorm", threshold="3.5").threshold == Decimal("3.5")
