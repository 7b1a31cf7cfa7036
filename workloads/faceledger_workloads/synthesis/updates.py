"""How a step moves weights, whatever the model: down a loss that was checked, and a moving average after them.

In: a loss with its graph, an optimiser, networks. Out: changed parameters. Invariants: a loss that is not finite in any
process raises TrainingDivergedError before its gradient touches a parameter; all processes make the same change.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from faceledger_workloads.synthesis.model import TrainingDivergedError
from faceledger_workloads.synthesis.share import Share

__all__ = ["descend", "follow"]

EMA_RAMPUP = 0.05
"""A moving average never looks back further than this share of the images seen (Karras et al. 2020)."""


def descend(loss: torch.Tensor, optimizer: torch.optim.Optimizer, share: Share, named: str) -> float:
    """One step of `optimizer` down `loss`, a scalar; its mean over all processes. `named`: the step and the loss, for
    TrainingDivergedError."""
    value = share.mean(loss)
    if not math.isfinite(value):
        raise TrainingDivergedError(f"{named} loss is {value}")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    share.average_gradients(parameter for group in optimizer.param_groups for parameter in group["params"])
    optimizer.step()
    return value


@torch.no_grad()
def follow(average: nn.Module, current: nn.Module, *, kimg: float, batch: int, half_life_kimg: float) -> None:
    """Moves `average` towards `current` after a step of `batch` images, `kimg` thousand of which were shown so far.

    Parameters by a half-life of `half_life_kimg`; buffers, which are means of their own, are copied.
    """
    horizon = min(half_life_kimg, kimg * EMA_RAMPUP)
    keep = 0.5 ** (batch / 1000 / max(horizon, 1e-8))
    for averaged, parameter in zip(average.parameters(), current.parameters(), strict=True):
        averaged.lerp_(parameter, 1 - keep)
    for kept, buffer in zip(average.buffers(), current.buffers(), strict=True):
        kept.copy_(buffer)
