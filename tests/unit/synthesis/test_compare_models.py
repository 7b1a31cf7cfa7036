"""The comparison gives every model the same, and tells what each reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from faceledger_workloads.synthesis.compare import _HeldOut, _judged, main
from faceledger_workloads.synthesis.dataset import TrainingImages
from numpy.typing import NDArray


def test_four_models_are_compared_and_what_cannot_be_told_is_left_open(
    image_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--data", str(image_folder), "--out", str(tmp_path / "out"), "--seconds", "0.05", "--threads", "1"]
    assert main([*command, "--resolution", "16", "--channels", "8", "--batch", "4", "--faces", "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in told["models"]] == ["StyleGAN2", "ProGAN", "CycleGAN", "MGAN"]
    assert all(row["kimg"] > 0 for row in told["models"])
    # Noise shows no faces, so there is nothing to compare.
    assert {row["detection_rate"] for row in told["models"]} == {0.0}
    assert {row["frechet_distance"] for row in told["models"]} == {None}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"compare.json", "compare.png", "compare.html"}


class Judged(NamedTuple):
    """Embeddings, and the images that they are of."""

    rows: NDArray[np.float32]
    where: list[int]


def people(count: int, seed: int) -> Judged:
    rows = np.random.default_rng(seed).normal(0, 0.3, (count, 128)).astype(np.float32)
    return Judged(rows, list(range(count)))


def test_held_out_images_are_either_judged_against_or_translated() -> None:
    images = TrainingImages(torch.arange(7, dtype=torch.uint8).view(7, 1, 1, 1).expand(7, 3, 2, 2))
    held = _HeldOut.halved(images, 3)
    assert [int(face.max()) for face in held.real] == [0, 2, 4]
    assert [int(face.max()) for face in held.sources] == [1, 3, 5]


def test_translations_that_change_nothing_are_not_taken_for_the_faces_they_are_judged_against() -> None:
    sources, real = people(12, 1), people(12, 2).rows
    told = _judged("CycleGAN", 0.5, sources, 12, real, sources)
    assert (told.identity_retention, told.identity_spread, told.detection_rate) == (1.0, None, 1.0)
    assert told.frechet_distance is not None
    assert told.frechet_distance > 1


def test_new_faces_are_judged_by_how_they_are_spread_and_how_many_are_faces() -> None:
    real = people(12, 2).rows
    told = _judged("MGAN", 0.5, Judged(real, list(range(12))), 16, real, people(12, 1))
    assert (told.precision, told.recall, told.coverage) == (1.0, 1.0, 1.0)
    assert (told.frechet_distance, told.identity_spread) == (pytest.approx(0, abs=1e-3), 0.0)
    assert (told.identity_retention, told.detection_rate) == (None, 0.75)


def test_a_translation_of_a_picture_without_a_face_is_not_counted() -> None:
    sources, made = people(4, 1), people(4, 1)
    turned = np.concatenate([made.rows[:2], -made.rows[2:]])
    told = _judged("CycleGAN", 0.5, Judged(turned, [0, 1, 2, 3]), 4, sources.rows, Judged(sources.rows[1:3], [1, 2]))
    assert (told.identity_retention, told.frechet_distance) == (0.5, None)
