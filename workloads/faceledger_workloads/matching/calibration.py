"""Where the decision threshold T (S > T) comes from, and what is known of it.

In: the gallery's impostor scores and the rate at which strangers may match. Out: T with the rate measured at it and
its 95 % interval. Invariant: T is never taken from fewer comparisons than can tell the asked rate from none.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Decimal

from faceledger_workloads.failures import RunFailed
from faceledger_workloads.matching.gallery import Scores
from faceledger_workloads.runspec import Calibration, FailureReason, Matching

__all__ = ["DEFAULT_FALSE_MATCH_RATE", "RULE_OF_THREE", "comparisons_needed", "determine_threshold", "wilson_interval"]

RULE_OF_THREE = 3
"""No false match in 3 / rate comparisons means with 95 % confidence a rate below it: fewer comparisons show nothing."""

DEFAULT_FALSE_MATCH_RATE = Decimal("0.001")
"""Aimed at where the run names no rate: one in a thousand comparisons with a stranger."""

_STEP = Decimal("0.000001")
_RATE_STEP = Decimal("0.00000001")
_NORMAL_95 = 1.959963984540054


def comparisons_needed(rate: Decimal) -> int:
    """Impostor comparisons that a threshold for `rate` takes."""
    return math.ceil(RULE_OF_THREE / rate)


def determine_threshold(matching: Matching, impostors: Scores, gallery_digest: str) -> Calibration:
    """The fixed threshold, or the lowest one at which no more than the target rate of `impostors` (k,) match.

    Raises `RunFailed` (GalleryTooSmall), stating the number that is needed.
    """
    target = matching.target_false_match_rate or DEFAULT_FALSE_MATCH_RATE
    if matching.threshold != "Auto":
        return _measured(matching.threshold, impostors, gallery_digest)
    needed = comparisons_needed(target)
    if len(impostors) < needed:
        message = (
            f"matching.threshold Auto with targetFalseMatchRate {target} needs {needed} comparisons of gallery photos "
            f"with other people; the gallery gives {len(impostors)}: enrol more people, raise targetFalseMatchRate or "
            "set matching.threshold"
        )
        raise RunFailed(FailureReason.GALLERY_TOO_SMALL, message)
    highest_first = sorted(impostors.tolist(), reverse=True)
    allowed = math.floor(target * len(impostors))
    # Rounded up: the threshold that is reported is the one that decides, and never lets more strangers through.
    threshold = Decimal(highest_first[allowed]).quantize(_STEP, rounding=ROUND_CEILING)
    calibrated = _measured(threshold, impostors, gallery_digest)
    return calibrated.model_copy(update={"source": "GalleryImpostors", "target_false_match_rate": target})


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a proportion (Wilson, 1927)."""
    share, z2 = hits / trials, _NORMAL_95**2
    centre = share + z2 / (2 * trials)
    margin = _NORMAL_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, (centre - margin) / (1 + z2 / trials)), min(1.0, (centre + margin) / (1 + z2 / trials))


def _measured(threshold: Decimal, impostors: Scores, gallery_digest: str) -> Calibration:
    calibration = Calibration(threshold=threshold, source="Fixed", gallery_digest=gallery_digest)
    trials = len(impostors)
    if not trials:
        return calibration
    hits = int((impostors > float(threshold)).sum())
    low, high = wilson_interval(hits, trials)
    return calibration.model_copy(
        update={
            "measured_false_match_rate": _rate(hits / trials),
            "false_match_rate_low": _rate(low),
            "false_match_rate_high": _rate(high),
            "impostor_pairs": trials,
        }
    )


def _rate(value: float) -> Decimal:
    return Decimal(value).quantize(_RATE_STEP)
