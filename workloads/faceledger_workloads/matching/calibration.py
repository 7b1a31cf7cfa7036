"""Where the decision threshold T (S > T) comes from, and what is known of it.

In: the gallery's impostor trials and the rate at which strangers may match. Out: T with the rates measured at it and
their 95 % intervals. Invariant: T is never taken from fewer trials than can tell the asked rate from none.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Decimal
from typing import Any

from faceledger_workloads.failures import RunFailed
from faceledger_workloads.matching.entries import Scores
from faceledger_workloads.matching.impostors import Impostors
from faceledger_workloads.matching.intervals import pair_interval, single_interval
from faceledger_workloads.runreport import Calibration, FailureReason
from faceledger_workloads.runspec import Matching

__all__ = ["DEFAULT_FALSE_MATCH_RATE", "RULE_OF_THREE", "determine_threshold", "trials_needed"]

DEFAULT_FALSE_MATCH_RATE = Decimal("0.001")
"""Aimed at where the run names no rate: one in a thousand comparisons with a stranger."""

RULE_OF_THREE = 3
"""No hit in 3 / rate trials means with 95 % confidence a rate below it: fewer trials show nothing."""

_STEP = Decimal("0.000001")
_RATE_STEP = Decimal("0.00000001")


def trials_needed(rate: Decimal) -> int:
    """Impostor trials that a threshold for `rate` takes."""
    return math.ceil(RULE_OF_THREE / rate)


def determine_threshold(matching: Matching, impostors: Impostors, templates: int, gallery_digest: str) -> Calibration:
    """The fixed threshold, or the lowest one at which no more than the target rate of `impostors` match.

    Raises `RunFailed` (GalleryTooSmall), stating the number that is needed.
    """
    found: dict[str, Any] = {"source": "Fixed"}
    if matching.threshold != "Auto":
        threshold = matching.threshold
    else:
        searches = matching.target_false_positive_identification_rate
        target = searches or matching.target_false_match_rate or DEFAULT_FALSE_MATCH_RATE
        scores = impostors.best_scores if searches else impostors.pair_scores
        name = "FalsePositiveIdentificationRate" if searches else "FalseMatchRate"
        threshold = _lowest(scores, target, f"target{name}", "searches" if searches else "comparisons")
        widened = matching.impostors == "GalleryAndSynthetic"
        found["source"] = "GalleryImpostorsAndSynthetic" if widened else "GalleryImpostors"
        found["target_false_positive_identification_rate" if searches else "target_false_match_rate"] = target
    return Calibration(
        threshold=threshold,
        gallery_people=impostors.people,
        gallery_templates=templates,
        gallery_digest=gallery_digest,
        **found,
        **_measured(float(threshold), impostors),
    )


def _lowest(scores: Scores, target: Decimal, field: str, trials: str) -> Decimal:
    needed = trials_needed(target)
    if len(scores) < needed:
        message = (
            f"matching.threshold Auto with {field} {target} needs {needed} {trials} of gallery photos with other "
            f"people; the gallery gives {len(scores)}: enrol more people, raise {field} or set matching.threshold"
        )
        raise RunFailed(FailureReason.GALLERY_TOO_SMALL, message)
    highest_first = sorted(scores.tolist(), reverse=True)
    allowed = math.floor(target * len(scores))
    # Rounded up: the threshold that is reported is the one that decides, and never lets more strangers through.
    return Decimal(highest_first[allowed]).quantize(_STEP, rounding=ROUND_CEILING)


def _measured(threshold: float, impostors: Impostors) -> dict[str, Any]:
    if not len(impostors.pair_scores):
        return {}
    matched, found = impostors.pair_scores > threshold, impostors.best_scores > threshold
    pairs = pair_interval(impostors.pair_faces, impostors.pair_people, matched, impostors.people)
    searches = single_interval(impostors.best_faces, found, impostors.people)
    return {
        "measured_false_match_rate": _rate(float(matched.mean())),
        "false_match_rate_low": _rate(pairs[0]),
        "false_match_rate_high": _rate(pairs[1]),
        "impostor_pairs": len(matched),
        "measured_false_positive_identification_rate": _rate(float(found.mean())),
        "false_positive_identification_rate_low": _rate(searches[0]),
        "false_positive_identification_rate_high": _rate(searches[1]),
        "impostor_searches": len(found),
    }


def _rate(value: float) -> Decimal:
    return Decimal(value).quantize(_RATE_STEP)
