"""Which checkpoint a run samples from, and what is wrong with the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import Synthesis
from faceledger_workloads.sampler import load_sampler
from faceledger_workloads.synthesis.checkpoint import write_checkpoint
from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork
from pydantic import ValidationError


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "random.safetensors"
    write_checkpoint(path, GeneratorNetwork(StyleGAN2Config(img_resolution=32, channel_max=8)), kimg=0, data="none")
    return path


def synthesis(precision: str = "Float32", generator: str = "StyleGAN2", **checkpoint: str | None) -> Synthesis:
    settings: dict[str, Any] = {"generator": generator, "checkpoint": checkpoint, "faces": 1, "truncation": "0.7"}
    return Synthesis.model_validate(settings | {"seed": 7, "precision": precision})


def digest_of(checkpoint: Path) -> str:
    sha256: str = json.loads(checkpoint.with_suffix(".json").read_text())["sha256"]
    return sha256


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        pytest.param({}, "exactly one of bundled and path", id="none at all"),
        pytest.param({"bundled": "a", "path": "b", "sha256": "0" * 64}, "exactly one of bundled and path", id="two"),
        pytest.param({"path": "b"}, "path needs sha256", id="a file that may be any"),
    ],
)
def test_a_checkpoint_is_one_file_that_is_pinned(chosen: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        synthesis(**chosen)


def test_only_a_stylegan2_samples_in_half_precision() -> None:
    with pytest.raises(ValidationError, match="precision BFloat16 is for StyleGAN2, not for MGAN"):
        synthesis(precision="BFloat16", generator="MGAN", bundled="faces-64")


@pytest.mark.parametrize("precision", ["Float32", "BFloat16"])
def test_a_draw_is_a_function_of_its_address(checkpoint: Path, precision: str) -> None:
    sampler = load_sampler(synthesis(precision, path=str(checkpoint), sha256=digest_of(checkpoint)))
    together = list(sampler.draw([(0, 0), (5, 0), (5, 1)]))
    (alone,) = sampler.draw([(5, 1)])
    assert np.array_equal(together[2], alone)
    assert not np.array_equal(together[0], together[1])
    assert together[0].shape == (32, 32, 3)


def test_the_checkpoint_is_named_by_its_digest(checkpoint: Path) -> None:
    sha256 = digest_of(checkpoint)
    assert load_sampler(synthesis(path=str(checkpoint), sha256=sha256)).checkpoint == f"sha256:{sha256}"


@pytest.mark.parametrize(
    ("chosen", "reason", "words"),
    [
        pytest.param(
            {"path": "random", "sha256": "0" * 64},
            FailureReason.CHECKPOINT_DIGEST_MISMATCH,
            f"expected {'0' * 64}",
            id="another digest",
        ),
        pytest.param({"bundled": "nobody"}, FailureReason.CHECKPOINT_UNREADABLE, "'nobody'", id="none of that name"),
        pytest.param(
            {"path": "/no/such", "sha256": "0" * 64},
            FailureReason.CHECKPOINT_UNREADABLE,
            "/no/such",
            id="no such file",
        ),
        pytest.param(
            {"path": "/weights/ffhq.pkl", "sha256": "0" * 64},
            FailureReason.CHECKPOINT_UNREADABLE,
            "could run any code and is never read here; convert it once",
            id="a pickle",
        ),
    ],
)
def test_a_checkpoint_that_cannot_be_used_names_the_field(
    chosen: dict[str, str], reason: FailureReason, words: str, checkpoint: Path
) -> None:
    if chosen.get("path") == "random":
        chosen = {**chosen, "path": str(checkpoint)}
    with pytest.raises(RunFailed, match=words) as caught:
        load_sampler(synthesis(**chosen))
    assert caught.value.failure.reason is reason
    assert caught.value.failure.message.startswith("synthesis.checkpoint: ")
    assert not caught.value.failure.retryable
