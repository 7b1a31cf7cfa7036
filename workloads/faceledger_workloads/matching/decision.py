"""Who a probe is, and whether it is whom it claims to be: pure decisions over scores.

In: a row of scores, one a person, and the threshold T. Out: the person or nobody (S > T, else unknown), and the
ranking. Invariant: equal scores are ranked by the people's order, so the same scores always give the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceledger_workloads.matching.gallery import Scores

__all__ = ["SCORE_DECIMALS", "Candidate", "identify", "matches", "rank"]

SCORE_DECIMALS = 3
"""Scores that are shown at all are rounded: exact ones allow a face to be rebuilt from repeated queries."""


@dataclass(frozen=True)
class Candidate:
    """A person and their score."""

    person: int
    score: float


def rank(scores: Scores, top_k: int) -> tuple[Candidate, ...]:
    """The `top_k` likest people of a (people,) row."""
    best = np.argsort(-scores, kind="stable")[:top_k]
    return tuple(Candidate(int(person), float(scores[person])) for person in best)


def identify(scores: Scores, threshold: float) -> int | None:
    """The likest person if S > T, or None: unknown."""
    (best,) = rank(scores, 1)
    return best.person if matches(best.score, threshold) else None


def matches(score: float, threshold: float) -> bool:
    """S > T: a score equal to the threshold is no match."""
    return score > threshold
