"""The pipeline digest: equal where embeddings may be exchanged, another one where they may not."""

from __future__ import annotations

import subprocess
import sys

import pytest
from faceledger_workloads.embedding import pipeline
from faceledger_workloads.embedding.pipeline import REVISIONS, chip_pipeline, photo_pipeline, pipeline_digest
from faceledger_workloads.runspec import Encoder, FaceSearch

SEARCH, ENCODER = FaceSearch(), Encoder()


def photo_digest(search: FaceSearch = SEARCH, size: int = 150, encoder: Encoder = ENCODER, device: str = "cpu") -> str:
    return pipeline_digest(photo_pipeline(search, size, encoder, device))


def test_the_same_way_has_the_same_digest() -> None:
    assert photo_digest() == photo_digest(FaceSearch(), 150, Encoder(), "cpu")
    assert photo_digest().startswith("sha256:")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"search": FaceSearch(detector="Mmod")}, id="another detector"),
        pytest.param({"search": FaceSearch(rotations=False)}, id="no rotations"),
        pytest.param({"size": 128}, id="another chip size"),
        pytest.param({"encoder": Encoder(precision="BFloat16")}, id="another precision"),
        pytest.param({"encoder": Encoder(backend="Dlib")}, id="another backend"),
        pytest.param({"device": "cuda"}, id="another device"),
        pytest.param({"search": FaceSearch(faces="Largest")}, id="another choice among several faces"),
    ],
)
def test_another_way_has_another_digest(other: dict[str, object]) -> None:
    assert photo_digest(**other) != photo_digest()  # type: ignore[arg-type]


def test_landmarks_that_are_told_beside_a_chip_do_not_change_its_embedding() -> None:
    assert photo_digest(FaceSearch(landmarks="SixtyEightPoint", accept_license=True)) == photo_digest()


@pytest.mark.parametrize("stage", sorted(REVISIONS))
def test_a_new_revision_of_a_stage_is_another_way(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = photo_digest()
    monkeypatch.setitem(REVISIONS, stage, REVISIONS[stage] + 1)
    assert photo_digest() != before


@pytest.mark.parametrize("library", ["torch", "Pillow", "dlib-bin", "pillow-heif"])
def test_another_version_of_a_library_is_another_way(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, version = photo_digest(), pipeline._version
    monkeypatch.setattr(pipeline, "_version", lambda name: "0.0.1" if name == library else version(name))
    assert photo_digest() != before


def test_a_chip_knows_nothing_of_the_photo_it_was_cut_from() -> None:
    assert set(chip_pipeline(ENCODER, "cpu")) == {"encode"}
    assert chip_pipeline(ENCODER, "cpu")["encode"] == photo_pipeline(SEARCH, 150, ENCODER, "cpu")["encode"]


def test_dlib_computes_on_the_cpu_wherever_it_runs() -> None:
    dlib = Encoder(backend="Dlib")
    assert pipeline_digest(chip_pipeline(dlib, "cuda")) == pipeline_digest(chip_pipeline(dlib, "cpu"))


def test_the_digest_is_computed_without_loading_a_model_or_its_library() -> None:
    code = "import faceledger_workloads.embedding.pipeline, sys; print({'torch', 'dlib'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
