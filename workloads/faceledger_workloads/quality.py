"""How good a photo of a face is, and what is wrong with it: the gate before a gallery.

In: an aligned face. Out: its `Quality`, measured the same way for every photo; and for a gate its faults, as names that
the manifest carries. Pure. A bad photo in a gallery resembles everybody, so it costs more than it gives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.alignment.five_point import PADDING, Points
from faceledger_workloads.images.clarity import clarity
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.luma import luma
from faceledger_workloads.images.scale import resized
from faceledger_workloads.runspec import EnrolmentGate

__all__ = ["Fault", "Quality", "assess", "faults"]

_MEASURED_SIDE = 150
"""Pixels of the chip that clarity is measured on: blur counts in the pixels of the face, not in those of the file."""

_BLACK, _WHITE = 5, 250
"""Luma at which a pixel has lost its detail; 8-bit video levels of JPEG files end near by."""


class Fault(StrEnum):
    """Why a face should not be enrolled; a docstring says what the user can do."""

    FACE_TOO_SMALL = "FaceTooSmall"
    """Fewer pixels between the eyes than `minEyeDistance`: come nearer, or use the original instead of a thumbnail."""
    BLURRED = "Blurred"
    """Less sharp than `minClarity`: hold still, focus, or do not enlarge a small picture."""
    HEAD_TILTED = "HeadTilted"
    """Tilted by more than `maxRoll` degrees: hold the head or the camera upright."""
    HEAD_TURNED = "HeadTurned"
    """Turned aside by more than `maxTurn`: look into the camera."""
    TOO_DARK = "TooDark"
    """Darker than `minBrightness`: more light on the face."""
    TOO_BRIGHT = "TooBright"
    """Brighter than `maxBrightness`: less light, or a shorter exposure."""
    CLIPPED = "Clipped"
    """More than `maxClipped` of the face is quite black or quite white: softer light."""


@dataclass(frozen=True)
class Quality:
    """Measurements of one face; rounded, so that they are written as they are compared."""

    eye_distance: float
    """Pixels of the photo between the centres of the eyes."""
    clarity: float
    """Variance of the Laplacian at 150 px."""
    roll: float
    """Degrees, clockwise positive: tilt of the line through the eyes."""
    turn: float
    """Share of the eye distance by which the nose lies beside the middle of the eyes; 0 is frontal, right positive."""
    brightness: float
    """Mean luma, 0 to 255."""
    clipped: float
    """Share of pixels without detail."""


def assess(chip: Pixels, landmarks: Points, scale: float = 1.0) -> Quality:
    """`landmarks` are dlib's five, before the face was put upright; `scale` makes pixels of the photo of theirs."""
    right, left = (np.mean(landmarks[start : start + 2], axis=0) for start in (0, 2))
    across = right - left
    distance = float(np.hypot(*across)) or 1.0
    beside = float((np.asarray(landmarks[4]) - (left + right) / 2) @ across) / distance**2
    face = _face(chip)
    return Quality(
        eye_distance=round(distance * scale, 1),
        clarity=clarity(resized(chip, _MEASURED_SIDE, _MEASURED_SIDE)),
        roll=round(math.degrees(math.atan2(across[1], across[0])), 1),
        turn=round(beside, 3),
        brightness=round(float(face.mean()), 1),
        clipped=round(float(np.mean((face <= _BLACK) | (face >= _WHITE))), 3),
    )


def faults(quality: Quality, gate: EnrolmentGate) -> tuple[Fault, ...]:
    """All of them, in the order of `Fault`; none for a photo that may be enrolled."""
    return tuple(_faults(quality, gate))


def _faults(quality: Quality, gate: EnrolmentGate) -> Iterator[Fault]:
    if quality.eye_distance < float(gate.min_eye_distance):
        yield Fault.FACE_TOO_SMALL
    if quality.clarity < float(gate.min_clarity):
        yield Fault.BLURRED
    if abs(quality.roll) > float(gate.max_roll):
        yield Fault.HEAD_TILTED
    if abs(quality.turn) > float(gate.max_turn):
        yield Fault.HEAD_TURNED
    if quality.brightness < float(gate.min_brightness):
        yield Fault.TOO_DARK
    if quality.brightness > float(gate.max_brightness):
        yield Fault.TOO_BRIGHT
    if quality.clipped > float(gate.max_clipped):
        yield Fault.CLIPPED


def _face(chip: Pixels) -> NDArray[np.int64]:
    """Luma of the face itself, without the margin of background."""
    margin = round(chip.shape[0] * PADDING / (1 + 2 * PADDING))
    return luma(chip[margin:-margin, margin:-margin])
