"""A state dict of the published stylegan2-ada-pytorch loads here and gives the images that it gives there.

The images were made by that code from weights that follow from their names: `benchmarks/stylegan2_parity.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from faceledger_workloads.synthesis.discriminator import Discriminator
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork
from testbed.stylegan2_cases import (
    GOLDEN_CASES,
    NOISE_SEED,
    TOLERANCE,
    Case,
    PublishedConfig,
    case_latents,
    numbered_weights,
    published_config,
)


@pytest.fixture(scope="module")
def images() -> Iterator[Any]:
    with np.load(Path(__file__).with_name("stylegan2_images.npz")) as stored:
        yield stored


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in GOLDEN_CASES])
def test_the_published_code_gives_the_same_images(case: Case, images: Any) -> None:
    network = GeneratorNetwork(case.config).eval().requires_grad_(False)
    network.load_state_dict(numbered_weights(network.state_dict()))
    ws = network.styles(case_latents(case), case.psi, case.cutoff)
    ours = network.synthesis(ws, case.noise, random=torch.Generator().manual_seed(NOISE_SEED))
    torch.testing.assert_close(ours, torch.from_numpy(images[case.name]), atol=TOLERANCE, rtol=0)


def test_the_published_code_gives_the_same_logits(images: Any) -> None:
    network = Discriminator(GOLDEN_CASES[0].config).eval().requires_grad_(False)
    network.load_state_dict(numbered_weights(network.state_dict()))
    logits = network(torch.from_numpy(images[GOLDEN_CASES[0].name]))
    torch.testing.assert_close(logits, torch.from_numpy(images["logits"]), atol=TOLERANCE, rtol=0)


def test_the_cases_tell_noise_modes_and_truncations_apart(images: Any) -> None:
    names = ("constant noise", "no noise", "random noise", "all layers truncated", "the first three layers truncated")
    small = [images[name] for name in names]
    gaps = [np.abs(a - b).max() for number, a in enumerate(small) for b in small[:number]]
    assert min(gaps) > 100 * TOLERANCE


@pytest.mark.parametrize(
    ("name", "resolution", "layers", "base"),
    [
        pytest.param("auto", 256, 2, 16384, id="auto, small"),
        pytest.param("auto", 512, 2, 32768, id="auto, large"),
        pytest.param("paper256", 256, 8, 16384, id="paper256"),
        pytest.param("stylegan2", 1024, 8, 32768, id="the FFHQ release"),
    ],
)
def test_published_names_have_the_published_sizes(
    name: PublishedConfig, resolution: int, layers: int, base: int
) -> None:
    config = published_config(name, resolution)
    assert (config.num_layers, config.channel_base, config.channel_max, config.z_dim) == (layers, base, 512, 512)


def test_every_resolution_from_16_to_1024_has_the_published_number_of_styles() -> None:
    assert [published_config("paper256", 2**power).num_ws for power in range(4, 11)] == [6, 8, 10, 12, 14, 16, 18]
