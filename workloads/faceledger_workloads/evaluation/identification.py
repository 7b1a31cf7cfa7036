"""One against many, open set: how many enrolled people are found where few strangers are (NISTIR 8271's FNIR and FPIR).

In: weighted trials. Out: true- and false-positive-identification rates. Invariant: only searches whose person is not
enrolled, or counts as such, can be false positives, and only those in whose photo a face was found.

Strangers are such searches. Where there are fewer than `ENOUGH`, every enrolled person's probe serves as one more, with
its own person left out of its ranking.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.evaluation.trials import Trials
from faceledger_workloads.evaluation.weights import Figure, Weighted, passing_score
from faceledger_workloads.matching.calibration import RULE_OF_THREE

__all__ = [
    "ENOUGH",
    "false_positive_rate_above",
    "strangers_alone",
    "true_positive_rate_above",
    "true_positive_rate_at",
]

ENOUGH = 300
"""Strangers' searches that a false-positive-identification rate of 0.01 takes."""


def strangers_alone(trials: Trials) -> bool:
    """Whether strangers' searches suffice."""
    return int((~trials.enrolled & np.isfinite(trials.other)).sum()) >= ENOUGH


def true_positive_rate_at(rate: float) -> Figure:
    """TPIR (rank 1) at FPIR `rate`."""

    def figure(weighted: Weighted) -> float | None:
        trials, negative = weighted.trials, _negatives(weighted.trials)
        scores, weights = trials.other[negative], weighted.searches[negative]
        if len(scores) * rate < RULE_OF_THREE or not weights.sum():
            return None
        order = np.argsort(-scores, kind="stable")
        return true_positive_rate_above(passing_score(scores[order], weights[order], rate))(weighted)

    return figure


def true_positive_rate_above(threshold: float) -> Figure:
    """Share of enrolled people's probes that are found first and above `threshold`."""

    def figure(weighted: Weighted) -> float | None:
        trials, mated = weighted.trials, weighted.searches * weighted.trials.enrolled
        found = (trials.rank == 1) & (trials.own > threshold)
        return float(mated[found].sum() / mated.sum()) if mated.sum() else None

    return figure


def false_positive_rate_above(threshold: float) -> Figure:
    """Share of searches without a right answer that somebody scores above `threshold` in."""

    def figure(weighted: Weighted) -> float | None:
        negative = _negatives(weighted.trials)
        weights = weighted.searches[negative]
        positive = weighted.trials.other[negative] > threshold
        return float(weights[positive].sum() / weights.sum()) if weights.sum() else None

    return figure


def _negatives(trials: Trials) -> NDArray[np.bool_]:
    searched: NDArray[np.bool_] = np.isfinite(trials.other)
    return searched & ~trials.enrolled if strangers_alone(trials) else searched
