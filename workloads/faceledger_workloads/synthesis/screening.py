"""Which generated faces may enter the data set: measurements in, a decision and its reason for each face out.

Pure. Faces are judged in order of their index, each against the real templates and against the generated faces that
were accepted before it.
Invariant: the decisions depend on the set of candidates and the thresholds, not on the order in which they arrive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Candidate",
    "Decision",
    "ScreeningReason",
    "ScreeningThresholds",
    "calibrate_max_similarity_to_real",
    "screen",
    "screen_variation",
]


class ScreeningReason(StrEnum):
    """Why a generated face is left out; the first that applies, in this order."""

    UNDETECTED = "Undetected"
    """No face was found in the image, or one with a score below `min_detection_score`. Lower the truncation."""
    LOW_QUALITY = "LowQuality"
    """The face is blurred beyond `min_sharpness`. Use a better checkpoint."""
    NEAR_REAL_IDENTITY = "NearRealIdentity"
    """The face is more similar to a real person of the data set than other real people are."""
    DUPLICATE = "Duplicate"
    """The face is practically the same as one with a lower index. Raise the truncation, or ask for fewer faces."""
    IDENTITY_CHANGED = "IdentityChanged"
    """The variation would not pass for the person it varies. Ask for fewer variations of each."""


@dataclass(frozen=True)
class ScreeningThresholds:
    """Similarities are cosines of unit templates of dlib's network."""

    min_detection_score: float = 0.0
    min_sharpness: float = 25.0
    """Clarity (images/clarity.py); 199 of 200 portraits of 64 px that were held out of training have more."""
    max_similarity_to_real: float = 1.0
    max_similarity_to_synthetic: float = 0.99
    """Above what different portraits reach (0.984 among 500, at 64 px): only near copies are duplicates."""
    min_similarity_to_own: float = 0.93
    """What corresponds, for embeddings as long as these faces' (1.55), to dlib's customary distance of 0.6."""


@dataclass(frozen=True)
class Candidate:
    """What was measured on one generated face; score, sharpness and template are None when no face was found."""

    index: int
    detection_score: float | None = None
    sharpness: float | None = None
    template: NDArray[np.float32] | None = None
    """(d,), unit length."""


@dataclass(frozen=True)
class Decision:
    """`reason` is None when the face is accepted."""

    index: int
    reason: ScreeningReason | None


def screen(
    candidates: Iterable[Candidate], real_templates: NDArray[np.float32], thresholds: ScreeningThresholds
) -> tuple[Decision, ...]:
    """Judge every candidate, in order of index; `real_templates` (m, d) are of unit length, m may be 0."""
    ordered = sorted(candidates, key=lambda candidate: candidate.index)
    accepted = _Templates(len(ordered))
    decisions = []
    for candidate in ordered:
        reason = _find_reason(candidate, real_templates, accepted.filled, thresholds)
        decisions.append(Decision(candidate.index, reason))
        if reason is None and candidate.template is not None:
            accepted.append(candidate.template)
    return tuple(decisions)


def screen_variation(
    candidate: Candidate,
    own: NDArray[np.float32],
    real_templates: NDArray[np.float32],
    thresholds: ScreeningThresholds,
) -> Decision:
    """Judge a variation of the person whose template is `own` (d,).

    Likeness to that person is what it is for, so it is no duplicate, and a face that lost it is left out.
    """
    reason = _find_reason(candidate, real_templates, np.empty((0, 0), np.float32), thresholds)
    likeness = -1.0 if candidate.template is None else float(candidate.template @ own)
    if reason is None and likeness < thresholds.min_similarity_to_own:
        reason = ScreeningReason.IDENTITY_CHANGED
    return Decision(candidate.index, reason)


def calibrate_max_similarity_to_real(templates: NDArray[np.float32], identities: Sequence[str]) -> float:
    """The similarity that real people show among themselves: the highest between templates of two identities.

    A generated face above it is nearer to a real person than anyone else in the data set is. `templates` is (m, d) of
    unit length, `identities` names the person of each. With fewer than two identities nothing can be learned: 1.0.
    """
    names = np.asarray(identities)
    highest = -1.0
    for row, template in enumerate(templates):
        others = templates[names != names[row]]
        if len(others):
            highest = max(highest, _highest_similarity(template, others))
    return highest if highest > -1.0 else 1.0


def _find_reason(
    candidate: Candidate,
    real_templates: NDArray[np.float32],
    accepted: NDArray[np.float32],
    thresholds: ScreeningThresholds,
) -> ScreeningReason | None:
    if candidate.template is None or (candidate.detection_score or 0.0) < thresholds.min_detection_score:
        return ScreeningReason.UNDETECTED
    if (candidate.sharpness or 0.0) < thresholds.min_sharpness:
        return ScreeningReason.LOW_QUALITY
    if _highest_similarity(candidate.template, real_templates) > thresholds.max_similarity_to_real:
        return ScreeningReason.NEAR_REAL_IDENTITY
    if _highest_similarity(candidate.template, accepted) > thresholds.max_similarity_to_synthetic:
        return ScreeningReason.DUPLICATE
    return None


def _highest_similarity(template: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """-1 when there are no others."""
    return float((others @ template).max()) if len(others) else -1.0


class _Templates:
    """The templates accepted so far, in one matrix that does not grow by copying."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._rows: NDArray[np.float32] | None = None
        self._count = 0

    @property
    def filled(self) -> NDArray[np.float32]:
        """(count, d)."""
        return np.empty((0, 0), np.float32) if self._rows is None else self._rows[: self._count]

    def append(self, template: NDArray[np.float32]) -> None:
        if self._rows is None:
            self._rows = np.empty((self._capacity, len(template)), np.float32)
        self._rows[self._count] = template
        self._count += 1
