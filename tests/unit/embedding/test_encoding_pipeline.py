"""The pipeline digest: equal where embeddings may be exchanged, another one where they may not."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from faceledger_workloads.embedding import pipeline
from faceledger_workloads.embedding.pipeline import chip_pipeline, pipeline_digest
from faceledger_workloads.runspec import Encoder

ENCODER = Encoder()


def digest(encoder: Encoder = ENCODER, device: str = "cpu") -> str:
    return pipeline_digest(chip_pipeline(encoder, device))


def test_the_same_way_has_the_same_digest() -> None:
    assert digest() == digest(Encoder(), "cpu")
    assert digest().startswith("sha256:")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"encoder": Encoder(precision="BFloat16")}, id="another precision"),
        pytest.param({"encoder": Encoder(backend="Dlib")}, id="another backend"),
        pytest.param({"device": "cuda"}, id="another device"),
    ],
)
def test_another_way_has_another_digest(other: dict[str, Any]) -> None:
    assert digest(**other) != digest()


def test_a_new_revision_of_the_code_is_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    monkeypatch.setattr(pipeline, "REVISION", pipeline.REVISION + 1)
    assert digest() != before


@pytest.mark.parametrize("library", ["torch", "Pillow"])
def test_another_version_of_a_library_is_another_way(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, version = digest(), pipeline._version
    monkeypatch.setattr(pipeline, "_version", lambda name: "0.0.1" if name == library else version(name))
    assert digest() != before


def test_dlib_computes_on_the_cpu_wherever_it_runs() -> None:
    dlib = Encoder(backend="Dlib")
    assert digest(dlib, "cuda") == digest(dlib, "cpu")


def test_the_digest_is_computed_without_loading_a_model_or_its_library() -> None:
    code = "import faceledger_workloads.embedding.pipeline, sys; print({'torch', 'dlib'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
