"""How well a rate is known.

In: who was in the trials and which of them were hits. Out: a 95 % interval. Invariant: it is never narrower than that
of independent trials, and wider where few people bring many hits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["REPLICATES", "pair_interval", "resampled_people", "single_interval", "wilson_interval"]

REPLICATES = 500
"""Resampled sets of people: the ends of the interval are the 12th and 488th of them."""

_SEED = 20_190_521
_NORMAL_95 = 1.959963984540054


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a proportion of independent trials (Wilson, 1927)."""
    share, z2 = hits / trials, _NORMAL_95**2
    centre = share + z2 / (2 * trials)
    margin = _NORMAL_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, (centre - margin) / (1 + z2 / trials)), min(1.0, (centre + margin) / (1 + z2 / trials))


def pair_interval(
    faces: NDArray[np.intp], people: NDArray[np.intp], hit: NDArray[np.bool_], enrolled: int
) -> tuple[float, float]:
    """For pairs (m,) of a face, who may be enrolled (below `enrolled`) or not, and an enrolled person. A pair counts
    as often as both of its people are drawn (the vertex bootstrap of Snijders and Borgatti, 1999)."""
    counts = np.bincount(faces, minlength=enrolled).astype(np.float64)
    inside = np.arange(len(counts)) < enrolled
    hit_faces, hit_people = faces[hit], people[hit]
    rates = np.zeros(REPLICATES)
    for number, weights in enumerate(resampled_people(enrolled, len(counts) - enrolled)):
        # Pairs of each face, times how often the people whom it may meet are drawn on average.
        met = (enrolled - np.where(inside, weights, 0)) / (enrolled - inside)
        total = float((weights * counts * met).sum())
        rates[number] = (weights[hit_faces] * weights[hit_people]).sum() / total if total else 0.0
    return _wider(rates, int(hit.sum()), len(hit))


def single_interval(faces: NDArray[np.intp], hit: NDArray[np.bool_], enrolled: int) -> tuple[float, float]:
    """For trials (s,) of one face each: people are drawn with all of their trials."""
    trials = np.bincount(faces, minlength=enrolled).astype(np.float64)
    hits = np.bincount(faces[hit], minlength=len(trials)).astype(np.float64)
    rates = np.zeros(REPLICATES)
    for number, weights in enumerate(resampled_people(enrolled, len(trials) - enrolled)):
        rates[number] = (weights * hits).sum() / max(1.0, float((weights * trials).sum()))
    return _wider(rates, int(hit.sum()), len(hit))


def resampled_people(enrolled: int, others: int) -> Iterator[NDArray[np.float64]]:
    """`REPLICATES` times how often each person is drawn, with replacement and by a fixed seed: (enrolled + others,).
    The enrolled are drawn among themselves and the others among themselves, so that their numbers stay."""
    random = np.random.default_rng(_SEED)
    for _ in range(REPLICATES):
        drawn = [random.integers(0, size, size) for size in (enrolled, others)]
        yield np.concatenate([np.bincount(picks, minlength=len(picks)) for picks in drawn]).astype(np.float64)


def _wider(rates: NDArray[np.float64], hits: int, trials: int) -> tuple[float, float]:
    low, high = wilson_interval(hits, trials)
    resampled = np.quantile(rates, [0.025, 0.975])
    return min(low, float(resampled[0])), max(high, float(resampled[1]))
