"""One against one: how often the right person matches where others match at a given rate (ISO/IEC 19795-1).

In: weighted trials. Out: the true-match rate at a false-match rate, or both at a threshold. Invariant: a rate that the
comparisons are too few for is None, and a photo without a usable face is no match.
"""

from __future__ import annotations

from faceledger_workloads.evaluation.weights import Figure, Weighted, passing_score
from faceledger_workloads.matching.calibration import RULE_OF_THREE

__all__ = ["false_match_rate_above", "score_at_false_match_rate", "true_match_rate_above", "true_match_rate_at"]


def true_match_rate_at(rate: float) -> Figure:
    """TMR at FMR `rate`."""

    def figure(weighted: Weighted) -> float | None:
        threshold = score_at_false_match_rate(weighted, rate)
        return None if threshold is None else true_match_rate_above(threshold)(weighted)

    return figure


def score_at_false_match_rate(weighted: Weighted, rate: float) -> float | None:
    """The lowest score above which no more than `rate` of the comparisons with other people lie."""
    scores = weighted.trials.impostor_scores
    if len(scores) * rate < RULE_OF_THREE:
        return None
    return passing_score(scores, weighted.comparisons, rate) if weighted.comparisons.any() else None


def true_match_rate_above(threshold: float) -> Figure:
    """Share of comparisons with the right person above `threshold`."""

    def figure(weighted: Weighted) -> float | None:
        mated = weighted.searches * weighted.trials.enrolled
        return float(mated[weighted.trials.own > threshold].sum() / mated.sum()) if mated.sum() else None

    return figure


def false_match_rate_above(threshold: float) -> Figure:
    """Share of comparisons with another person above `threshold`."""

    def figure(weighted: Weighted) -> float | None:
        total = weighted.comparisons.sum()
        return float(weighted.comparisons[weighted.trials.impostor_scores > threshold].sum() / total) if total else None

    return figure
