"""What the training runs of ProGAN, CycleGAN and MGAN share: Adam, a moving average, checked losses, counters.

In: networks by name and which of them an optimiser moves. Out: a `FaceTrainer` for a subclass that says how one step's
losses are made. Each step draws from (seed, step) and from nothing else.
Invariant: a loss that is not finite, in any process, raises TrainingDivergedError before its gradient touches a
parameter.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from faceledger_workloads.synthesis.dataset import TrainingImages
from faceledger_workloads.synthesis.model import Counters, StepReport
from faceledger_workloads.synthesis.randomness import step_random
from faceledger_workloads.synthesis.share import Share
from faceledger_workloads.synthesis.updates import descend, follow

__all__ = ["AdamSettings", "Losses", "Rivals", "RivalsConfig", "averaged"]

Network = TypeVar("Network", bound=nn.Module)


class RivalsConfig(BaseModel):
    """What decides a run besides the images and the networks' sizes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0, description="Start of all randomness.")
    batch: int = Field(default=16, ge=1, description="Images a step.")
    learning_rate: float = Field(default=0.001, gt=0, description="Adam's, of all networks.")
    ema_kimg: float = Field(default=2.0, gt=0, description="Half-life of the moving average, thousands of images.")
    bfloat16: bool = Field(default=False, description="Activations in bfloat16; parameters stay float32.")


@dataclass(frozen=True)
class AdamSettings:
    """Decays of Adam's two moments."""

    beta1: float
    beta2: float


@dataclass(frozen=True)
class Losses:
    """What one step measured; `real_sign` is the mean sign of D(real)."""

    generator: float
    discriminator: float
    real_sign: float


class Rivals(ABC):
    """One training run in one process, or one process's share in it."""

    def __init__(
        self, config: RivalsConfig, networks: Mapping[str, nn.Module], device: torch.device | None, share: Share
    ) -> None:
        """`networks` are moved to `device`; the one called `average` follows the one called `generator`."""
        self._settings = config
        self.device = device or torch.device("cpu")
        self.share = share
        self.steps = 0
        self._networks = {name: network.to(self.device) for name, network in networks.items()}
        self._optimizers: dict[str, torch.optim.Optimizer] = {}

    @property
    def kimg(self) -> float:
        """Thousands of real images shown so far."""
        return self.steps * self._settings.batch / 1000

    def modules(self) -> Mapping[str, nn.Module]:
        """Networks by name, moving averages included."""
        return self._networks

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Optimisers by name."""
        return {f"{name}_optimizer": optimizer for name, optimizer in self._optimizers.items()}

    def counters(self) -> Counters:
        """What else must be kept for the run to go on bit by bit."""
        return {"steps": self.steps}

    def restore(self, counters: Counters) -> None:
        """Take up kept counters, after the modules and optimisers were loaded."""
        self.steps = int(counters["steps"])

    def train_step(self, images: TrainingImages) -> StepReport:
        """One update of every network; raises TrainingDivergedError."""
        losses = self._play(images, step_random(self._settings.seed, self.steps))
        self.steps += 1
        follow(
            self._networks["average"],
            self._networks["generator"],
            kimg=self.kimg,
            batch=self._settings.batch,
            half_life_kimg=self._settings.ema_kimg,
        )
        p = self._adapt(losses.real_sign)
        return StepReport(self.steps, self.kimg, losses.generator, losses.discriminator, losses.real_sign, p)

    @abstractmethod
    def _play(self, images: TrainingImages, random: torch.Generator) -> Losses:
        """Move every network once; all randomness comes from `random`."""

    def _adapt(self, real_sign: float) -> float:
        """The next augmentation p."""
        del real_sign
        return 0.0

    def _optimize(self, name: str, networks: Sequence[nn.Module], adam: AdamSettings) -> None:
        parameters = [parameter for network in networks for parameter in network.parameters()]
        betas = (adam.beta1, adam.beta2)
        self._optimizers[name] = torch.optim.Adam(parameters, self._settings.learning_rate, betas=betas, eps=1e-8)

    def _descend(self, loss: torch.Tensor, name: str) -> float:
        """One step of the optimiser `name` down `loss`; its value."""
        return descend(loss, self._optimizers[name], self.share, f"step {self.steps}: the {name}")

    def _mixed_precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self._settings.bfloat16)


def averaged(network: Network) -> Network:
    """A copy that only the moving average changes."""
    return copy.deepcopy(network).requires_grad_(False)
