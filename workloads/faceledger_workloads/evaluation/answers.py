"""How many of a run's answers were right.

In: for each probe the true name, the likest person and the answer. Out: counts and rank-1. Invariant: a probe without a
usable face counts against rank-1 like a wrong answer; people who are not enrolled count only as unenrolled; a probe
that is a photo of the gallery counts as nothing but that.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal

from faceledger_workloads.runreport import Evaluation

__all__ = ["Answers", "JudgedProbe"]

_STEP = Decimal("0.0001")


@dataclass(frozen=True)
class JudgedProbe:
    """`likest` is the best candidate whatever its score, `answer` the person identified; None where there is none."""

    truth: str
    likest: str | None
    answer: str | None


@dataclass
class Answers:
    """Collected probe by probe; `enrolled` are the names of the gallery's people."""

    enrolled: Collection[str]
    judged: list[JudgedProbe] = field(default_factory=list)
    gallery_photos: int = 0

    def counted(self) -> Evaluation:
        """The counts."""
        known = [probe for probe in self.judged if probe.truth in self.enrolled]
        strangers = [probe for probe in self.judged if probe.truth not in self.enrolled]
        first = sum(probe.likest == probe.truth for probe in known)
        return Evaluation(
            enrolled_probes=len(known),
            rank1=(Decimal(first) / len(known)).quantize(_STEP) if known else None,
            correctly_identified=sum(probe.answer == probe.truth for probe in known),
            unenrolled_probes=len(strangers),
            unenrolled_accepted=sum(probe.answer is not None for probe in strangers),
            gallery_photos=self.gallery_photos,
        )
