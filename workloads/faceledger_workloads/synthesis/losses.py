"""What generator and discriminator minimise: non-saturating logistic loss, R1 penalty, path length penalty.

Goodfellow et al. 2014 (non-saturating form); Mescheder et al. 2018 (R1); Karras et al. 2020 (path length).
Each function takes tensors and returns a scalar tensor that carries a graph; none steps an optimiser.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

__all__ = ["PATH_LENGTH_DECAY", "discriminator_loss", "generator_loss", "path_lengths", "r1_penalty"]

PATH_LENGTH_DECAY = 0.01
"""Share by which the target path length moves towards the lengths of one batch."""


def discriminator_loss(real_logits: torch.Tensor, fake_logits: torch.Tensor) -> torch.Tensor:
    """Mean of softplus(-D(real)) + softplus(D(fake))."""
    return functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()


def generator_loss(fake_logits: torch.Tensor) -> torch.Tensor:
    """Mean of softplus(-D(fake)): -log D instead of log(1 - D), so that early gradients do not vanish."""
    return functional.softplus(-fake_logits).mean()


def r1_penalty(real_images: torch.Tensor, real_logits: torch.Tensor) -> torch.Tensor:
    """Mean over the batch of the squared gradient norm of D at the real images, which must require gradients."""
    (gradient,) = torch.autograd.grad(real_logits.sum(), real_images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def path_lengths(images: torch.Tensor, ws: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """(n,): norm of the Jacobian of `images` (n, c, r, r) by `ws` (n, num_ws, w_dim), along unit-variance `noise`."""
    projection = (images * noise / math.sqrt(images.shape[2] * images.shape[3])).sum()
    (gradient,) = torch.autograd.grad(projection, ws, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()
