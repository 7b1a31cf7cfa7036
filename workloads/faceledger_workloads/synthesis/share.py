"""One process's part in a step that several processes take together: which images are its own, and one mean gradient.

Every process draws the same real images and keeps every world-th, so a step shows the same images however many
processes take it; what else is random each draws for itself. The process group is torch.distributed's: nccl between
GPUs, gloo between CPUs.
Invariant: parameters that were equal in all processes before a step are equal after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import distributed, nn

__all__ = ["ALONE", "Share"]


@dataclass(frozen=True)
class Share:
    """Process `rank` of `world`; torch.distributed is initialised where there is more than one."""

    rank: int = 0
    world: int = 1

    def own(self, batch: torch.Tensor) -> torch.Tensor:
        """The rows of `batch` (n, ...) that are this process's; n is a multiple of `world`."""
        return batch if self.world == 1 else batch[self.rank :: self.world]

    def rows(self, batch: int) -> int:
        """How many images of a batch are this process's."""
        return batch // self.world

    def random(self, common: torch.Generator) -> torch.Generator:
        """Randomness that no other process has, a function of the common one's seed and the rank."""
        if self.world == 1:
            return common
        return torch.Generator().manual_seed((common.initial_seed() + 0x9E3779B97F4A7C15 * self.rank) % 2**63)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replaces each gradient by its mean over all processes."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.world == 1 or not gradients:
            return
        # One message: a small network has hundreds of tensors, and each message costs a round trip.
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.world
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean(self, value: torch.Tensor) -> float:
        """The mean over all processes of a number; not finite where any process's is not."""
        number = value.detach().float().clone()
        if self.world > 1:
            distributed.all_reduce(number)
        return float(number) / self.world


ALONE = Share()
"""One process that does everything."""
