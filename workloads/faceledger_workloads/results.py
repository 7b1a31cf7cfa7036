"""One line of results.jsonl: what became of a face, or of a photo without one.

In: a probe's face or the reason it has none, and the decision. Out: canonical JSON. Invariant: one line a face that the
run takes, and one a probe without any, in the order of the paths; similarity scores appear only when the run asks for
them, and rounded.
"""

from __future__ import annotations

from enum import StrEnum

from faceledger_contracts.canonical import canonical_json
from faceledger_contracts.values import Frozen

__all__ = ["CandidateLine", "ProbeOutcome", "ProbeReject", "ResultLine", "result_line"]


class ProbeOutcome(StrEnum):
    """What the run says of a probe."""

    IDENTIFIED = "Identified"
    UNKNOWN = "Unknown"
    MATCH = "Match"
    NON_MATCH = "NonMatch"
    ENCODED = "Encoded"
    REJECTED = "Rejected"


class ProbeReject(StrEnum):
    """Why a probe with a face has no answer; photos without one carry an `ImageReject`."""

    NO_CLAIM = "NoClaim"
    """Verify: the file lies in no person's folder, so there is nobody to compare it with."""


class CandidateLine(Frozen):
    """An enrolled person and the rounded score."""

    identity: str
    score: float


class ResultLine(Frozen):
    """Fields that do not apply are left out. `box` and `landmarks` are pixels of the upright photo."""

    path: str
    outcome: ProbeOutcome
    digest: str | None = None
    identity: str | None = None
    """Identified: who it is. Match and NonMatch: whom it was compared with."""
    reason: str | None = None
    enrolled_photo: bool | None = None
    """True where the very file is in the gallery: it says nothing of how right the answers are."""
    clarity: float | None = None
    detection_score: float | None = None
    box: tuple[int, int, int, int] | None = None
    landmarks: tuple[tuple[int, int], ...] | None = None
    candidates: tuple[CandidateLine, ...] | None = None
    row: int | None = None
    """Encoded: row of the embedding in encodings.safetensors."""


def result_line(line: ResultLine) -> bytes:
    """Canonical JSON, without a line end: a fifth of the memory of what it is made from."""
    return canonical_json(line.model_dump(mode="json", by_alias=True, exclude_none=True))
