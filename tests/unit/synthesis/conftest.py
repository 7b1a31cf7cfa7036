"""A StyleGAN2 small enough to train in milliseconds, and images to train it on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.dataset import MIN_IMAGES, TrainingImages
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork
from faceledger_workloads.synthesis.training import TrainingConfig
from PIL import Image

TINY = StyleGAN2Config(z_dim=8, w_dim=8, img_resolution=16, channel_base=64, channel_max=8)


@pytest.fixture
def tiny_config() -> StyleGAN2Config:
    return TINY


@pytest.fixture
def tiny_network(tiny_config: StyleGAN2Config) -> GeneratorNetwork:
    torch.manual_seed(1)
    return GeneratorNetwork(tiny_config)


@pytest.fixture
def tiny_training(tiny_config: StyleGAN2Config) -> TrainingConfig:
    return TrainingConfig(
        network=tiny_config,
        batch=4,
        r1_interval=2,
        path_length_weight=2.0,
        path_length_interval=2,
        noise=True,
        augment_kimg=0.05,
    )


@pytest.fixture
def noise_images(tiny_config: StyleGAN2Config) -> TrainingImages:
    size = tiny_config.img_resolution
    random = torch.Generator().manual_seed(2)
    return TrainingImages(torch.randint(0, 256, (16, 3, size, size), dtype=torch.uint8, generator=random))


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    random = np.random.default_rng(3)
    for number in range(MIN_IMAGES):
        pixels = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return folder
