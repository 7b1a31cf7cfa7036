"""Where T comes from, and when a gallery is too small to tell."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.matching.calibration import comparisons_needed, determine_threshold, wilson_interval
from faceledger_workloads.runspec import Calibration, FailureReason, Matching

DIGEST = "sha256:" + "a" * 64


def calibrate(scores: np.ndarray, rate: str, threshold: str = "Auto") -> Calibration:
    matching = Matching.model_validate({"targetFalseMatchRate": rate, "threshold": threshold})
    return determine_threshold(matching, scores, DIGEST)


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
    calibration = calibrate(scores(1000), rate)
    # Rounded up in the sixth decimal: 0.989 as a binary fraction lies just above or below.
    assert Decimal(0) <= calibration.threshold - Decimal(threshold) <= Decimal("0.000001")
    assert calibration.measured_false_match_rate == Decimal(measured)
    assert calibration.source == "GalleryImpostors"
    assert calibration.impostor_pairs == 1000
    assert calibration.gallery_digest == DIGEST
    assert calibration.false_match_rate_low is not None
    assert calibration.false_match_rate_high is not None
    assert calibration.false_match_rate_low < Decimal(measured) < calibration.false_match_rate_high


def test_equal_scores_never_let_more_through_than_the_rate() -> None:
    calibration = calibrate(np.array([0.9] * 50 + [0.1] * 950), "0.01")
    assert calibration.threshold >= Decimal("0.9")
    assert calibration.measured_false_match_rate == 0


def test_the_order_of_the_scores_does_not_matter() -> None:
    assert calibrate(scores(1000), "0.01") == calibrate(np.sort(scores(1000)), "0.01")


def test_a_gallery_that_cannot_support_the_rate_is_refused_with_the_number_it_takes() -> None:
    with pytest.raises(RunFailed) as caught:
        calibrate(scores(2999), "0.001")
    failure = caught.value.failure
    assert failure.reason is FailureReason.GALLERY_TOO_SMALL
    assert "needs 3000 comparisons" in failure.message
    assert "gives 2999" in failure.message
    assert "targetFalseMatchRate" in failure.message
    assert not failure.retryable


def test_a_gallery_of_just_the_needed_size_is_enough() -> None:
    assert calibrate(scores(3000), "0.001").impostor_pairs == 3000


def test_a_fixed_threshold_is_kept_and_measured() -> None:
    calibration = calibrate(scores(100), "0.001", threshold="0.9")
    assert calibration.threshold == Decimal("0.9")
    assert calibration.source == "Fixed"
    assert calibration.target_false_match_rate is None
    assert calibration.measured_false_match_rate == Decimal("0.09")


def test_a_fixed_threshold_needs_no_impostors() -> None:
    calibration = calibrate(np.empty(0), "0.001", threshold="0.9")
    assert calibration == Calibration(threshold=Decimal("0.9"), source="Fixed", gallery_digest=DIGEST)


@pytest.mark.parametrize(("rate", "needed"), [("0.001", 3000), ("0.1", 30), ("0.7", 5)])
def test_three_expected_false_matches_are_needed(rate: str, needed: int) -> None:
    assert comparisons_needed(Decimal(rate)) == needed


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        pytest.param(0, 10, 0.0, 0.2775, id="none of ten"),
        pytest.param(10, 10, 0.7225, 1.0, id="all of ten"),
        pytest.param(5, 50, 0.0435, 0.2136, id="five of fifty"),
    ],
)
def test_the_interval_is_wilsons(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(hits, trials) == pytest.approx((low, high), abs=5e-5)
