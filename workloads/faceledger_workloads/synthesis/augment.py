"""Adaptive discriminator augmentation, the cheap part of it: geometry and colour, each with probability p.

Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020. Real and generated images pass the
same random transformations before the discriminator, which then cannot memorise a small data set; p follows a measure
of over-fitting. Each transformation leaves an image as it is with probability 1 - p, so none leaks into the faces.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

__all__ = ["adapt_probability", "augment"]

_MAX_SHIFT = 0.125
"""Largest translation, as a share of the image's side."""

_LOG2_SCALE_DEVIATION = 0.2
"""Standard deviation of log2 of scale and of contrast."""

_MAX_ROTATION = math.pi / 12
"""Largest rotation, radians; faces stay upright."""

_BRIGHTNESS_DEVIATION = 0.2
"""Standard deviation of the added brightness, in units of the range -1..1."""


def adapt_probability(p: float, real_sign: float, *, target: float, images: int, adapt_kimg: float) -> float:
    """Next p: up while the mean sign of D(real) exceeds `target`, down below; 0 to 1 takes `adapt_kimg`."""
    step = images / (adapt_kimg * 1000)
    return min(1.0, max(0.0, p + math.copysign(step, real_sign - target)))


def augment(images: torch.Tensor, p: float, random: torch.Generator) -> torch.Tensor:
    """Transform images (n, c, r, r) in [-1, 1]; differentiable; `random` is a CPU generator."""
    if p <= 0:
        return images
    return _recolour(_move(images, p, random), p, random)


def _move(images: torch.Tensor, p: float, random: torch.Generator) -> torch.Tensor:
    count = images.shape[0]
    angle = _gated(_uniform(count, random) * _MAX_ROTATION, p, random)
    scale = torch.exp2(_gated(torch.randn(count, generator=random) * _LOG2_SCALE_DEVIATION, p, random))
    shift_x = _gated(_uniform(count, random) * 2 * _MAX_SHIFT, p, random)
    shift_y = _gated(_uniform(count, random) * 2 * _MAX_SHIFT, p, random)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    rows = torch.stack([torch.stack([cos, -sin, shift_x], dim=1), torch.stack([sin, cos, shift_y], dim=1)], dim=1)
    grid = functional.affine_grid(rows.to(images), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _recolour(images: torch.Tensor, p: float, random: torch.Generator) -> torch.Tensor:
    count = images.shape[0]
    brightness = _gated(torch.randn(count, generator=random) * _BRIGHTNESS_DEVIATION, p, random)
    contrast = torch.exp2(_gated(torch.randn(count, generator=random) * _LOG2_SCALE_DEVIATION, p, random))
    saturation = torch.exp2(_gated(torch.randn(count, generator=random), p, random))
    brightness, contrast, saturation = (v.to(images).view(-1, 1, 1, 1) for v in (brightness, contrast, saturation))
    grey = images.mean(dim=1, keepdim=True)
    return (grey + (images - grey) * saturation) * contrast + brightness


def _uniform(count: int, random: torch.Generator) -> torch.Tensor:
    return torch.rand(count, generator=random) * 2 - 1


def _gated(values: torch.Tensor, p: float, random: torch.Generator) -> torch.Tensor:
    """`values`, each replaced by zero (no change) with probability 1 - p."""
    return torch.where(torch.rand(values.shape, generator=random) < p, values, torch.zeros_like(values))
