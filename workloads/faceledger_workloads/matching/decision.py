"""Who a probe is, and whether it is whom it claims to be: pure decisions over scores.

In: a probe's likest people, or its score with one of them, and the threshold T. Out: the person or nobody (S > T, else
unknown). Invariant: the same scores always give the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["SCORE_DECIMALS", "Candidate", "identify", "matches"]

SCORE_DECIMALS = 3
"""Scores that are shown at all are rounded: exact ones allow a face to be rebuilt from repeated queries."""


@dataclass(frozen=True)
class Candidate:
    """A person and their score."""

    person: int
    score: float


def identify(ranking: Sequence[Candidate], threshold: float) -> int | None:
    """The likest person, the first of `ranking`, if S > T, or None: unknown."""
    return ranking[0].person if matches(ranking[0].score, threshold) else None


def matches(score: float, threshold: float) -> bool:
    """S > T: a score equal to the threshold is no match."""
    return score > threshold
