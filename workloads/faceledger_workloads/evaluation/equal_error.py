"""Equal error rate: where as many right people are refused as others match.

In: weighted trials. Out: the mean of the two rates at the score where they are closest. Invariant: None without a
comparison of either kind.
"""

from __future__ import annotations

import numpy as np

from faceledger_workloads.evaluation.weights import Weighted

__all__ = ["equal_error_rate"]


def equal_error_rate(weighted: Weighted) -> float | None:
    """EER."""
    trials, mated = weighted.trials, weighted.searches * weighted.trials.enrolled
    others = weighted.comparisons.sum()
    if not mated.sum() or not others:
        return None
    order = np.argsort(np.where(trials.enrolled, trials.own, np.inf), kind="stable")
    own, refused = trials.own[order], np.cumsum(mated[order]) / mated.sum()
    # Impostor scores fall: matched[i] is the share of the i highest ones.
    matched = np.concatenate([[0.0], np.cumsum(weighted.comparisons) / others])
    thresholds = np.unique(own[trials.enrolled[order]])
    above = np.searchsorted(-trials.impostor_scores, -thresholds, side="left")
    up_to = np.searchsorted(own[: int(trials.enrolled.sum())], thresholds, side="right")
    false_match, false_non_match = matched[above], refused[up_to - 1]
    closest = int(np.abs(false_match - false_non_match).argmin())
    # Just below the first score nobody is refused yet: a curve that never meets has its equal rates there.
    if not false_non_match[0] > false_match[0]:
        return float(false_match[closest] + false_non_match[closest]) / 2
    return float(min(false_match[closest] + false_non_match[closest], matched[above[0]] + false_non_match[0])) / 2
