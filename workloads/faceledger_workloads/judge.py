"""What a run decides about a probe: three tasks, one verdict a probe.

In: whom a probe is most alike, or how alike it is to whom it claims to be. Out: a `Verdict`: the result line's decision
and what the sheet shows. Pure. Invariant: every task answers every probe, and only S > T identifies or matches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from faceledger_workloads.matching.decision import SCORE_DECIMALS, Candidate, identify, matches
from faceledger_workloads.results import CandidateLine, ProbeOutcome, ProbeReject

__all__ = ["EncodeJudge", "IdentifyJudge", "Judge", "Verdict", "VerifyJudge"]


@dataclass(frozen=True)
class Verdict:
    """`identity`: who it is, or whom it was compared with. `likest`: the best candidate whatever their score."""

    outcome: ProbeOutcome
    identity: str | None = None
    reason: ProbeReject | None = None
    likest: str | None = None
    score: float | None = None
    """Rounded, and only where the run includes scores."""
    candidates: tuple[CandidateLine, ...] | None = None


class Judge(Protocol):
    """One task."""

    def judge(self, claim: str | None, ranking: Sequence[Candidate], own: float | None) -> Verdict:
        """`claim` is the folder's name, `ranking` the likest enrolled people, `own` the score with the person whom the
        claim names: None where nobody enrolled has that name."""
        ...


@dataclass(frozen=True)
class IdentifyJudge:
    """1:N: the likest enrolled person if S > T, or unknown."""

    people: Sequence[str]
    threshold: float
    top_k: int
    include_scores: bool

    def judge(self, claim: str | None, ranking: Sequence[Candidate], own: float | None) -> Verdict:
        """The claim is not looked at: it serves the evaluation."""
        person = identify(ranking, self.threshold)
        return Verdict(
            outcome=ProbeOutcome.UNKNOWN if person is None else ProbeOutcome.IDENTIFIED,
            identity=None if person is None else self.people[person],
            likest=self.people[ranking[0].person],
            score=_shown(ranking[0].score) if self.include_scores else None,
            candidates=tuple(map(self._line, ranking[: self.top_k])) if self.include_scores else None,
        )

    def _line(self, candidate: Candidate) -> CandidateLine:
        return CandidateLine(identity=self.people[candidate.person], score=_shown(candidate.score))


@dataclass(frozen=True)
class VerifyJudge:
    """1:1: whether the probe is whom its folder names. Somebody who is not enrolled never matches."""

    threshold: float
    include_scores: bool

    def judge(self, claim: str | None, ranking: Sequence[Candidate], own: float | None) -> Verdict:
        """Looks at the claimed person alone."""
        if claim is None:
            return Verdict(ProbeOutcome.REJECTED, reason=ProbeReject.NO_CLAIM)
        if own is None:
            return Verdict(ProbeOutcome.NON_MATCH, identity=claim)
        return Verdict(
            outcome=ProbeOutcome.MATCH if matches(own, self.threshold) else ProbeOutcome.NON_MATCH,
            identity=claim,
            score=_shown(own) if self.include_scores else None,
        )


@dataclass(frozen=True)
class EncodeJudge:
    """Encodings are the result; nobody is compared."""

    def judge(self, claim: str | None, ranking: Sequence[Candidate], own: float | None) -> Verdict:
        """Always encoded."""
        del claim, ranking, own
        return Verdict(ProbeOutcome.ENCODED)


def _shown(score: float) -> float:
    return round(score, SCORE_DECIMALS)
