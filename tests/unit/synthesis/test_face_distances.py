"""Distances between sets of faces are what their papers define, on sets for which one can say what they must be."""

from __future__ import annotations

import numpy as np
import pytest
from faceledger_workloads.synthesis.distances import compare_manifolds, frechet_distance, share_closer_than


def normal(mean: float, deviation: float = 1.0, count: int = 4000) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(5).normal(mean, deviation, (count, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(normal(0), normal(0), 0.0, id="a set is at no distance from itself"),
        pytest.param(normal(0), normal(2), 12.0, id="means apart by 2 in three dimensions"),
        pytest.param(normal(0), normal(0, 3), 12.0, id="deviations apart by 2 in three dimensions"),
    ],
)
def test_the_frechet_distance_is_that_of_normal_distributions(first: object, second: object, expected: float) -> None:
    assert frechet_distance(first, second) == pytest.approx(expected, abs=0.6)  # type: ignore[arg-type]


def test_precision_falls_with_what_is_not_real_and_recall_with_what_is_missing() -> None:
    left, right = normal(0, 0.1, 60), normal(5, 0.1, 60)
    both = np.concatenate([left, right])
    same = compare_manifolds(both, both)
    assert (same.precision, same.recall, same.coverage) == (1.0, 1.0, 1.0)
    missing, invented = compare_manifolds(both, left), compare_manifolds(left, both)
    assert (missing.precision, missing.recall, missing.coverage) == (1.0, 0.5, 0.5)
    assert (invented.precision, invented.recall) == (0.5, 1.0)
    with pytest.raises(ValueError, match="more than 5 rows"):
        compare_manifolds(left[:5], both)


def test_spread_counts_the_pairs_that_could_be_one_person() -> None:
    rows = np.array([[0.0, 0], [0.1, 0], [9, 9]], dtype=np.float32)
    assert share_closer_than(rows) == pytest.approx(1 / 3)
    assert share_closer_than(rows[:1]) == 0.0
