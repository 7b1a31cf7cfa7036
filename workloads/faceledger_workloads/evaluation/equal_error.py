"""Equal error rate: where as many right people are refused as others match.

In: weighted trials. Out: the mean of the two rates at the score where they are closest. Invariant: None without a
comparison of either kind.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from faceledger_workloads.evaluation.weights import Weighted

__all__ = ["equal_error_rate"]

_Side = Literal["left", "right"]


def equal_error_rate(weighted: Weighted) -> float | None:
    """EER."""
    trials, mated = weighted.trials, weighted.searches * weighted.trials.enrolled
    others = weighted.comparisons.sum()
    if not mated.sum() or not others:
        return None
    enrolled = np.flatnonzero(trials.enrolled)
    order = enrolled[np.argsort(trials.own[enrolled], kind="stable")]
    own, refused = trials.own[order], np.concatenate([[0.0], np.cumsum(mated[order]) / mated.sum()])
    # Impostor scores fall: matched[i] is the share of the i highest ones.
    matched = np.concatenate([[0.0], np.cumsum(weighted.comparisons) / others])
    rates = []
    # Both rates change at the right people's scores alone: just below each of them, and at it.
    sides: tuple[tuple[_Side, _Side], ...] = (("right", "left"), ("left", "right"))
    for passing, failing in sides:
        above = np.searchsorted(-trials.impostor_scores, -own, side=passing)
        rates.append((matched[above], refused[np.searchsorted(own, own, side=failing)]))
    false_match, false_non_match = (np.concatenate(parts) for parts in zip(*rates, strict=True))
    sums = false_match + false_non_match
    closest = np.lexsort((sums, np.abs(false_match - false_non_match)))[0]
    return float(sums[closest]) / 2
