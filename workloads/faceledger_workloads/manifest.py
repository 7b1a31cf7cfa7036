"""The manifest of a data set: one row for each image that was looked at, kept or not.

In: rows. Out: canonical JSON lines, and back. Invariant: the order is real and rejected files by path, then synthetic
faces by how they were made, index and variation; equal rows give equal bytes. It names people: it exists in memory and
encrypted, nowhere else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from faceledger_contracts.canonical import canonical_json
from faceledger_contracts.values import Frozen
from pydantic import Field, TypeAdapter, ValidationError

__all__ = [
    "Made",
    "ManifestRow",
    "QualityRow",
    "RealRow",
    "RejectedRow",
    "ScreenedRow",
    "SyntheticRow",
    "manifest_lines",
    "read_manifest",
]


class QualityRow(Frozen):
    """How good a photo of a face is: see `quality.Quality` for the units."""

    eye_distance: float
    clarity: float
    roll: float
    turn: float
    brightness: float
    clipped: float


class _Seen(Frozen):
    """A face: pixels are those of the upright photo; `chip` names an entry of the chip archive."""

    identity: str | None
    digest: str
    box: tuple[int, int, int, int]
    detection_score: float
    clarity: float
    quality: QualityRow | None = None
    turned: int = 0
    """Degrees counter-clockwise by which the photo was turned to be upright."""
    landmarks: tuple[tuple[int, int], ...]
    chip: str
    chip_digest: str


class RealRow(_Seen):
    """`faults`: why the photo should not be enrolled, where the gate only reports."""

    kind: Literal["Real"] = "Real"
    path: str
    faults: tuple[str, ...] = ()


class Made(StrEnum):
    """How a synthetic face came about."""

    SAMPLED = "Sampled"
    """By a generator, from a latent: nobody, or a variation of that nobody."""
    TRANSLATED = "Translated"
    """From an enrolled face, by a generator that translates faces."""
    AUGMENTED = "Augmented"
    """From an enrolled face, by another pose, light and expression."""


class SyntheticRow(_Seen):
    """`index`, `variation`, `seed`, `truncation` and `precision` regenerate the pixels of a sampled face from the
    checkpoint; what was made of an enrolled face is a function of its chip, whose number is the index, of `variation`,
    and of the checkpoint where it was translated."""

    kind: Literal["Synthetic"] = "Synthetic"
    made: Made = Made.SAMPLED
    checkpoint: str | None
    seed: int
    truncation: str
    precision: str = "Float32"
    index: int
    variation: int


class RejectedRow(Frozen):
    """A file that was left out."""

    kind: Literal["Rejected"] = "Rejected"
    path: str
    identity: str | None
    digest: str | None
    reason: str


class ScreenedRow(Frozen):
    """A synthetic face that was left out."""

    kind: Literal["Screened"] = "Screened"
    made: Made = Made.SAMPLED
    index: int
    variation: int
    reason: str


ManifestRow = Annotated[RealRow | SyntheticRow | RejectedRow | ScreenedRow, Field(discriminator="kind")]

_ROW: TypeAdapter[RealRow | SyntheticRow | RejectedRow | ScreenedRow] = TypeAdapter(ManifestRow)


def manifest_lines(rows: list[RealRow | SyntheticRow | RejectedRow | ScreenedRow]) -> list[bytes]:
    """One line a row, without line ends."""
    return [canonical_json(row.model_dump(mode="json", by_alias=True)) for row in rows]


def read_manifest(data: bytes) -> list[RealRow | SyntheticRow | RejectedRow | ScreenedRow]:
    """Rows of `data`. ValueError names the first line that is none."""
    rows = []
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            rows.append(_ROW.validate_json(line))
        except ValidationError as error:
            raise ValueError(f"manifest line {number} is no row: {error.error_count()} errors") from error
    return rows
