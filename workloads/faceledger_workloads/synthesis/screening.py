"""Which generated faces may enter the data set: measurements in, a decision and its reason for each face out.

Faces are judged in order of their index, each against the real templates and against the generated faces that were
accepted before it; of those, templates alone are kept, so that any number of faces can pass by.
Invariant: the decisions depend on the candidates and the thresholds, not on how many come at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Candidate",
    "Decision",
    "Screening",
    "ScreeningReason",
    "ScreeningThresholds",
    "calibrate_max_similarity_to_real",
    "screen_variation",
]


_NO_LIKENESS = -1.0
"""The lowest cosine: what there is to nobody."""

_BLOCK = 256
"""Rows of a product of matrices: fast, and little memory against the templates themselves."""


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


class Screening:
    """Judges faces that come in order of their index; `real` (m, d) are unit templates of real people, m may be 0."""

    def __init__(self, real: NDArray[np.float32], thresholds: ScreeningThresholds) -> None:
        self._real = real
        self._thresholds = thresholds
        self._accepted = _Templates()

    def judge(self, faces: Sequence[Candidate]) -> tuple[Decision, ...]:
        """The next faces, all of whose indices are above those that were judged before."""
        rows = [face.template for face in faces if face.template is not None]
        near_real = iter(_nearest(rows, self._real))
        near_accepted = iter(_nearest(rows, self._accepted.filled))
        before = len(self._accepted.filled)
        decisions = []
        for face in faces:
            if face.template is None:
                decisions.append(Decision(face.index, ScreeningReason.UNDETECTED))
                continue
            likeness = max(next(near_accepted), _highest_similarity(face.template, self._accepted.filled[before:]))
            reason = _find_reason(face, next(near_real), likeness, self._thresholds)
            decisions.append(Decision(face.index, reason))
            if reason is None:
                self._accepted.append(face.template)
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
    if candidate.template is None:
        return Decision(candidate.index, ScreeningReason.UNDETECTED)
    nearest = _highest_similarity(candidate.template, real_templates)
    reason = _find_reason(candidate, nearest, _NO_LIKENESS, thresholds)
    if reason is None and float(candidate.template @ own) < thresholds.min_similarity_to_own:
        reason = ScreeningReason.IDENTITY_CHANGED
    return Decision(candidate.index, reason)


def calibrate_max_similarity_to_real(templates: NDArray[np.float32], identities: Sequence[str]) -> float:
    """The similarity that real people show among themselves: the highest between templates of two identities.

    A generated face above it is nearer to a real person than anyone else in the data set is. `templates` is (m, d) of
    unit length, `identities` names the person of each. With fewer than two identities nothing can be learned: 1.0.
    """
    _, people = np.unique(np.asarray(identities, dtype=np.str_), return_inverse=True)
    if len(people) == 0 or people.max() == 0:
        return 1.0
    highest = _NO_LIKENESS
    for start in range(0, len(templates), _BLOCK):
        likeness = templates[start : start + _BLOCK] @ templates.T
        likeness[people[start : start + _BLOCK, None] == people] = _NO_LIKENESS
        highest = max(highest, float(likeness.max()))
    return highest


def _find_reason(
    face: Candidate, nearest_real: float, nearest_accepted: float, thresholds: ScreeningThresholds
) -> ScreeningReason | None:
    """Of a face that was found."""
    if (face.detection_score or 0.0) < thresholds.min_detection_score:
        return ScreeningReason.UNDETECTED
    if (face.sharpness or 0.0) < thresholds.min_sharpness:
        return ScreeningReason.LOW_QUALITY
    if nearest_real > thresholds.max_similarity_to_real:
        return ScreeningReason.NEAR_REAL_IDENTITY
    if nearest_accepted > thresholds.max_similarity_to_synthetic:
        return ScreeningReason.DUPLICATE
    return None


def _nearest(rows: Sequence[NDArray[np.float32]], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,): the highest similarity of each row to any of `others`, by blocks of a product of matrices."""
    highest = np.full(len(rows), _NO_LIKENESS, np.float32)
    if rows:
        stacked = np.stack(rows)
        for start in range(0, len(others), _BLOCK):
            np.maximum(highest, (stacked @ others[start : start + _BLOCK].T).max(axis=1), out=highest)
    return highest


def _highest_similarity(template: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    return float((others @ template).max()) if len(others) else _NO_LIKENESS


class _Templates:
    """The templates accepted so far, in one matrix that doubles when it is full."""

    def __init__(self) -> None:
        self._rows: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._count = 0

    @property
    def filled(self) -> NDArray[np.float32]:
        """(count, d)."""
        return self._rows[: self._count]

    def append(self, template: NDArray[np.float32]) -> None:
        if self._count == len(self._rows):
            larger = np.empty((max(64, 2 * self._count), len(template)), np.float32)
            larger[: self._count] = self._rows[: self._count].reshape(self._count, len(template))
            self._rows = larger
        self._rows[self._count] = template
        self._count += 1
