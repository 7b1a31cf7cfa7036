"""Which photos a gallery takes, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from faceledger_workloads.images.scale import resized
from faceledger_workloads.quality import Fault, Quality, assess, faults
from faceledger_workloads.runspec import EnrolmentGate

LEVEL = ((110, 60), (90, 60), (40, 60), (60, 60), (75, 100))
"""Eyes at (100, 60) and (50, 60), nose below their middle."""

NOISE = np.random.default_rng(3).integers(60, 200, (150, 150, 3), dtype=np.uint8)

GOOD = Quality(eye_distance=60, clarity=200, roll=2, turn=0.05, brightness=120, clipped=0.01)
GATE = EnrolmentGate()


@pytest.mark.parametrize(
    ("quality", "expected"),
    [
        pytest.param(GOOD, (), id="a good photo has none"),
        pytest.param(replace(GOOD, eye_distance=11.9), (Fault.FACE_TOO_SMALL,), id="a few pixels"),
        pytest.param(replace(GOOD, clarity=2), (Fault.BLURRED,), id="out of focus"),
        pytest.param(replace(GOOD, roll=-50), (Fault.HEAD_TILTED,), id="tilted to either side"),
        pytest.param(replace(GOOD, turn=-0.6), (Fault.HEAD_TURNED,), id="a profile"),
        pytest.param(replace(GOOD, brightness=12), (Fault.TOO_DARK,), id="night"),
        pytest.param(replace(GOOD, brightness=240), (Fault.TOO_BRIGHT,), id="a flash"),
        pytest.param(replace(GOOD, clipped=0.5), (Fault.CLIPPED,), id="half without detail"),
        pytest.param(replace(GOOD, clarity=1, turn=1), (Fault.BLURRED, Fault.HEAD_TURNED), id="two faults in order"),
    ],
)
def test_every_fault_has_its_name(quality: Quality, expected: tuple[Fault, ...]) -> None:
    assert faults(quality, GATE) == expected


def test_a_measure_on_the_threshold_passes() -> None:
    edge = Quality(
        eye_distance=float(GATE.min_eye_distance),
        clarity=float(GATE.min_clarity),
        roll=float(GATE.max_roll),
        turn=float(GATE.max_turn),
        brightness=float(GATE.min_brightness),
        clipped=float(GATE.max_clipped),
    )
    assert faults(edge, GATE) == ()


def test_a_threshold_is_the_users() -> None:
    strict = EnrolmentGate(min_eye_distance=Decimal(90))
    assert faults(GOOD, strict) == (Fault.FACE_TOO_SMALL,)


def test_a_frontal_level_face_has_no_roll_and_no_turn() -> None:
    quality = assess(NOISE, LEVEL)
    assert (quality.eye_distance, quality.roll, quality.turn) == (50.0, 0.0, 0.0)


def test_the_eye_distance_counts_in_pixels_of_the_photo() -> None:
    assert assess(NOISE, LEVEL, scale=4.0).eye_distance == 200.0


def test_a_tilted_face_is_tilted_but_not_turned() -> None:
    cosine, sine = np.cos(np.radians(30)), np.sin(np.radians(30))
    tilted = tuple((round(1000 * (x * cosine - y * sine)), round(1000 * (x * sine + y * cosine))) for x, y in LEVEL)
    quality = assess(NOISE, tilted)
    assert quality.roll == 30.0
    assert quality.turn == pytest.approx(0.0, abs=0.001)


@pytest.mark.parametrize(("nose", "turn"), [((100, 100), 0.5), ((50, 100), -0.5)])
def test_a_nose_below_an_eye_is_a_turned_head(nose: tuple[int, int], turn: float) -> None:
    assert assess(NOISE, (*LEVEL[:4], nose)).turn == turn


@pytest.mark.parametrize(
    ("level", "brightness", "clipped"),
    [
        pytest.param(0, 0.0, 1.0, id="black"),
        pytest.param(128, 128.0, 0.0, id="grey"),
        pytest.param(255, 255.0, 1.0, id="white"),
    ],
)
def test_exposure_is_measured_on_the_face(level: int, brightness: float, clipped: float) -> None:
    chip = np.full((150, 150, 3), 255 - level, dtype=np.uint8)
    chip[25:125, 25:125] = level  # the margin around it is background
    quality = assess(chip, LEVEL)
    assert (quality.brightness, quality.clipped) == (brightness, clipped)


def test_clarity_does_not_depend_on_the_size_of_the_chip() -> None:
    waves = np.sin(np.arange(150) / 4.0)
    chip = np.repeat((128 + 60 * np.outer(waves, waves))[:, :, None], 3, axis=2).astype(np.uint8)
    assert assess(resized(chip, 300, 300), LEVEL).clarity == pytest.approx(assess(chip, LEVEL).clarity, rel=0.1)
