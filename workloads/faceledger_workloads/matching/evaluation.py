"""How right the answers were, where the probes' folders name the people they show.

In: for each probe the true name, the likest person and the answer. Out: counts and rank-1. Invariant: a probe without a
usable face counts against rank-1 like a wrong answer; people who are not enrolled count only as unenrolled.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from faceledger_workloads.runspec import Evaluation

__all__ = ["JudgedProbe", "evaluate"]

_STEP = Decimal("0.0001")


@dataclass(frozen=True)
class JudgedProbe:
    """`likest` is the best candidate whatever its score, `answer` the person identified; None where there is none."""

    truth: str
    likest: str | None
    answer: str | None


def evaluate(probes: Sequence[JudgedProbe], enrolled: Collection[str]) -> Evaluation | None:
    """None when no probe's person is known."""
    if not probes:
        return None
    known = [probe for probe in probes if probe.truth in enrolled]
    strangers = [probe for probe in probes if probe.truth not in enrolled]
    first = sum(probe.likest == probe.truth for probe in known)
    return Evaluation(
        enrolled_probes=len(known),
        rank1=(Decimal(first) / len(known)).quantize(_STEP) if known else None,
        correctly_identified=sum(probe.answer == probe.truth for probe in known),
        unenrolled_probes=len(strangers),
        unenrolled_accepted=sum(probe.answer is not None for probe in strangers),
    )
