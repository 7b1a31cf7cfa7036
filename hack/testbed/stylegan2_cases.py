"""Networks whose every weight follows from its name, and what is asked of them: the common ground of two StyleGAN2s.

Goes in: a state dict's names and shapes. Come out: weights that this project and the published stylegan2-ada-pytorch
both load, and the cases in which their images are compared. Invariant: NumPy's legacy generator never changes its
numbers, so neither do the weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.stylegan2 import MAPPING_LR_MULTIPLIER, NoiseMode

__all__ = [
    "GOLDEN_CASES",
    "LARGE_CASES",
    "NOISE_SEED",
    "TOLERANCE",
    "Case",
    "PublishedConfig",
    "case_latents",
    "numbered_weights",
    "published_config",
]

PublishedConfig = Literal["auto", "stylegan2", "paper256", "paper512", "paper1024"]
"""Names of configurations that the published trainer knows."""

_MAPPING_LAYERS = {"auto": 2}
"""Fully connected layers of the mapping network; 8 for the names that are not here."""

_FULL_BASE = 32768
"""`channel_base` of the full-sized networks; `paper256`, and `auto` below 512 px, have half of it."""

TOLERANCE = 1e-3
"""Largest difference of one colour value, float32; images span about -4 to 4 with these weights."""

NOISE_SEED = 5
"""Of the random noise, where a case has it."""

_SMALL = StyleGAN2Config(z_dim=24, w_dim=40, img_resolution=32, num_layers=3, channel_base=512, channel_max=32)


@dataclass(frozen=True)
class Case:
    """One picture that both are asked for."""

    name: str
    config: StyleGAN2Config
    noise: NoiseMode = NoiseMode.CONST
    psi: float = 1.0
    cutoff: int | None = None


def published_config(name: PublishedConfig, img_resolution: int) -> StyleGAN2Config:
    """The sizes that the published stylegan2-ada-pytorch gives its networks under `name`; latents of 512 numbers."""
    halved = name == "paper256" or (name == "auto" and img_resolution < 512)
    return StyleGAN2Config(
        z_dim=512,
        w_dim=512,
        img_resolution=img_resolution,
        num_layers=_MAPPING_LAYERS.get(name, 8),
        channel_base=_FULL_BASE // 2 if halved else _FULL_BASE,
        channel_max=512,
        conv_clamp=256,
        mbstd_group_size=8 if name in ("paper256", "paper512") else 4,
    )


GOLDEN_CASES = (
    Case("constant noise", _SMALL),
    Case("no noise", _SMALL, NoiseMode.NONE),
    Case("random noise", _SMALL, NoiseMode.RANDOM),
    Case("all layers truncated", _SMALL, psi=0.5),
    Case("the first three layers truncated", _SMALL, psi=0.5, cutoff=3),
    Case("activations clamped", _SMALL.model_copy(update={"conv_clamp": 0.5})),
    Case("auto at 16 px", published_config("auto", 16), psi=0.7),
    Case("auto at 64 px", published_config("auto", 64), psi=0.7, cutoff=4),
)
"""Those whose images are kept, so that they can be compared without the other implementation."""

LARGE_CASES = (
    Case("paper256 at 128 px", published_config("paper256", 128)),
    Case("paper256 at 256 px", published_config("paper256", 256), psi=0.7),
    Case("stylegan2 at 512 px", published_config("stylegan2", 512), NoiseMode.RANDOM),
    Case("stylegan2 at 1024 px", published_config("stylegan2", 1024), psi=0.5, cutoff=8),
)
"""Those that are compared only where the other implementation is at hand."""


def numbered_weights(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A tensor of normal numbers for every name; the low-pass filters stay what they are."""
    return {name: tensor if "resample_filter" in name else _weights(name, tensor) for name, tensor in state.items()}


def case_latents(case: Case) -> torch.Tensor:
    """(2, z_dim): two faces, because a batch must not mix them up."""
    return _numbers(case.name, torch.empty(2, case.config.z_dim))


def _weights(name: str, like: torch.Tensor) -> torch.Tensor:
    """As large as at the start of a training: the mapping network makes its weights a hundred times smaller."""
    return _numbers(name, like) * (1 / MAPPING_LR_MULTIPLIER if name.startswith("mapping.fc") else 1)


def _numbers(name: str, like: torch.Tensor) -> torch.Tensor:
    seed = np.frombuffer(hashlib.sha256(name.encode()).digest(), dtype=">u4").astype(np.uint32)
    numbers = np.random.RandomState(seed).standard_normal(tuple(like.shape))
    return torch.from_numpy(np.asarray(numbers, dtype=np.float32))
