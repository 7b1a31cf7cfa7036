"""How often each trial counts: once, or as often as a resampled set of people holds those who take part in it.

In: trials and how often each person was drawn. Out: weights for searches and comparisons. Invariant: with everybody
drawn once, every trial counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.evaluation.trials import Trials
from faceledger_workloads.matching.entries import Scores
from faceledger_workloads.matching.intervals import resampled_people

__all__ = ["Figure", "Weighted", "drawn", "passing_score", "plain"]

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Weighted:
    """Trials with how often each counts."""

    trials: Trials
    searches: Weights
    """(n,)"""
    comparisons: Weights
    """(m,): the product of both people's, as in the vertex bootstrap of Snijders and Borgatti (1999)."""


Figure = Callable[[Weighted], float | None]
"""One figure, a pure function; None where nothing was drawn that it could be taken from."""


def plain(trials: Trials) -> Weighted:
    """Every trial once."""
    return Weighted(trials, np.ones(len(trials.faces)), np.ones(len(trials.impostor_scores)))


def drawn(trials: Trials) -> Iterator[Weighted]:
    """Resampled sets of the people who are in the trials; enrolled people and strangers are drawn apart."""
    for weights in resampled_people(trials.people, trials.identities - trials.people):
        searches = weights[trials.faces]
        yield Weighted(trials, searches, searches[trials.impostor_probes] * weights[trials.impostor_people])


def passing_score(falling: Scores, weights: Weights, rate: float) -> float:
    """Of scores (n,) in falling order, n > 0, the lowest one above which no more than `rate` of all `weights` (n,)
    lie."""
    reached = np.cumsum(weights)
    first_too_many = int(np.searchsorted(reached, rate * reached[-1], side="right"))
    return float(falling[min(first_too_many, len(falling) - 1)])
