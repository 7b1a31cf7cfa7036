"""The one interface behind which every generator stands: how it is trained, and how faces come out of it.

A `FaceTrainer` is a run in progress: it can be moved by a step and put to rest whole. A `FaceGenerator` is what such a
run leaves behind: a checkpoint that samples or varies.
Invariant: a face is a function of (checkpoint sha256, seed, index, variation, truncation) or of (checkpoint sha256,
image, variation) alone, and a step of (state, images) alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import nn

from faceledger_workloads.synthesis.dataset import TrainingImages

__all__ = [
    "CannotVaryError",
    "Counters",
    "FaceGenerator",
    "FaceTrainer",
    "Latent",
    "StepReport",
    "Subject",
    "TrainingDivergedError",
]

Counters = Mapping[str, int | float]
"""Numbers that the next step depends on besides tensors: steps taken, augmentation p, running means."""


@dataclass(frozen=True)
class Latent:
    """The address of a generated face."""

    seed: int
    index: int
    truncation: float


Subject = Latent | NDArray[np.uint8]
"""Whose variation is asked for: a generated face, or the pixels (r, r, 3), RGB, of any."""


@dataclass(frozen=True)
class StepReport:
    """What one training step measured."""

    step: int
    kimg: float
    generator_loss: float
    discriminator_loss: float
    real_sign: float
    """Mean sign of D(real), -1 to 1: towards 1 the discriminator over-fits."""
    augment_p: float
    """Probability of each augmentation; 0 for a model without."""


class CannotVaryError(TypeError):
    """The model varies images or its own faces, and was given the other; the message names the model."""


class TrainingDivergedError(ArithmeticError):
    """A loss is not finite; the message names the step. The last saved state is still good."""


class FaceGenerator(Protocol):
    """Samples and variations of one checkpoint."""

    @property
    def sha256(self) -> str:
        """Of the checkpoint's tensors file."""
        ...

    @property
    def resolution(self) -> int:
        """Pixels a side of the faces."""
        ...

    def sample(self, seed: int, indices: Sequence[int], truncation: float) -> NDArray[np.uint8]:
        """(len(indices), r, r, 3), RGB. Raises ValueError naming a number that is out of range."""
        ...

    def draw(self, faces: Sequence[tuple[Latent, int]]) -> NDArray[np.uint8]:
        """(len(faces), r, r, 3): what `vary` gives for each (face, variation). Raises as `sample` does."""
        ...

    def vary(self, subject: Subject, variation: int) -> NDArray[np.uint8]:
        """(r, r, 3): the same person again, different for each `variation` from 1 on. Raises CannotVaryError."""
        ...


class FaceTrainer(Protocol):
    """One training run in one process."""

    @property
    def config(self) -> BaseModel:
        """All that decides, besides the images, what the run gives."""
        ...

    @property
    def kimg(self) -> float:
        """Thousands of real images shown so far."""
        ...

    def train_step(self, images: TrainingImages) -> StepReport:
        """One update of every network; raises TrainingDivergedError before a bad gradient touches a parameter."""
        ...

    def modules(self) -> Mapping[str, nn.Module]:
        """Networks by name, moving averages included."""
        ...

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Optimisers by name."""
        ...

    def counters(self) -> Counters:
        """What else must be kept for the run to go on bit by bit."""
        ...

    def restore(self, counters: Counters) -> None:
        """Take up kept counters, after the modules and optimisers were loaded."""
        ...
