"""The comparison gives every model the same, and tells what each reached."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faceledger_workloads.synthesis.compare import main


def test_four_models_are_compared_and_what_cannot_be_told_is_left_open(
    image_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--data", str(image_folder), "--out", str(tmp_path / "out"), "--seconds", "0.2", "--threads", "1"]
    assert main([*command, "--resolution", "16", "--channels", "8", "--batch", "4", "--faces", "8"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in told["models"]] == ["StyleGAN2", "ProGAN", "CycleGAN", "MGAN"]
    assert all(row["kimg"] > 0 for row in told["models"])
    # Noise shows no faces, so there is nothing to compare.
    assert {row["detection_rate"] for row in told["models"]} == {0.0}
    assert {row["frechet_distance"] for row in told["models"]} == {None}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"compare.json", "compare.png", "compare.html"}
