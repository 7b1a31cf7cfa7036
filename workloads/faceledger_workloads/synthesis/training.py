"""One process that trains a StyleGAN2 on CPU or CUDA: a step function, and a state that can be saved and resumed.

The randomness of step t is a function of (seed, t): resuming a saved state and training on gives the weights that an
uninterrupted run has. Regularisers are lazy (every few steps, scaled up), as in Karras et al. 2020.
Invariant: a loss that is not finite raises TrainingDivergedError before its gradient touches a parameter.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from faceledger_workloads.synthesis.augment import adapt_probability, augment
from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.dataset import TrainingImages
from faceledger_workloads.synthesis.discriminator import Discriminator
from faceledger_workloads.synthesis.identity import IdentityLoss, find_face_frame
from faceledger_workloads.synthesis.losses import (
    PATH_LENGTH_DECAY,
    discriminator_loss,
    generator_loss,
    path_lengths,
    r1_penalty,
)
from faceledger_workloads.synthesis.model import Counters, StepReport
from faceledger_workloads.synthesis.randomness import step_random
from faceledger_workloads.synthesis.share import ALONE, Share
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork, NoiseMode
from faceledger_workloads.synthesis.updates import descend, follow

__all__ = ["Trainer", "TrainingConfig"]

ADAM_BETA2 = 0.99
"""Second Adam moment's decay; the first moment is off, as usual for this family."""


class TrainingConfig(BaseModel):
    """Everything besides the images that decides what a training run gives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: StyleGAN2Config = StyleGAN2Config()
    seed: int = Field(default=0, ge=0, description="Start of all randomness.")
    batch: int = Field(default=16, ge=2, description="Images a step.")
    learning_rate: float = Field(default=0.002, gt=0, description="Adam's, of both networks.")
    r1_gamma: float = Field(default=1.0, ge=0, description="Weight of the R1 penalty.")
    r1_interval: int = Field(default=16, ge=1, description="Steps from one R1 penalty to the next.")
    path_length_weight: float = Field(default=0.0, ge=0, description="Weight of the path length penalty; 0: none.")
    path_length_interval: int = Field(default=8, ge=1, description="Steps from one path length penalty to the next.")
    style_mixing: float = Field(default=0.5, ge=0, le=1, description="Share of faces made from two styles.")
    noise: bool = Field(
        default=False, description="Learn per-pixel noise, as long runs do; short ones take it for structure."
    )
    ema_kimg: float = Field(default=5.0, gt=0, description="Half-life of the generator's moving average.")
    augment_target: float | None = Field(
        default=0.6, description="Mean sign of D(real) to which augmentation adapts; none: no augmentation."
    )
    augment_kimg: float = Field(default=500.0, gt=0, description="Images in which p can go from 0 to 1, thousands.")
    identity_weight: float = Field(
        default=0.0, ge=0, description="Weight of the identity-similarity loss through dlib's network; 0: none."
    )
    identity_interval: int = Field(default=2, ge=1, description="Steps from one identity loss to the next.")
    bfloat16: bool = Field(default=False, description="Activations in bfloat16; parameters stay float32.")


class Trainer:
    """Networks, moving average and optimisers of one run, and the step that moves them."""

    def __init__(self, config: TrainingConfig, device: torch.device | None = None, share: Share = ALONE) -> None:
        self.config = config
        self.share = share
        self.device = device or torch.device("cpu")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            generator, discriminator = GeneratorNetwork(config.network), Discriminator(config.network)
        self.generator = generator.to(self.device).to(memory_format=torch.channels_last)
        self.discriminator = discriminator.to(self.device).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        lazy_path = config.path_length_interval if config.path_length_weight else 0
        self.generator_optimizer = _adam(self.generator, config.learning_rate, lazy_path)
        self.discriminator_optimizer = _adam(self.discriminator, config.learning_rate, config.r1_interval)
        self.steps = 0
        self.augment_p = 0.0
        self.mean_path_length = 0.0
        self._identity: IdentityLoss | None = None
        self._noise_mode = NoiseMode.RANDOM if config.noise else NoiseMode.NONE
        self._dtype = torch.bfloat16 if config.bfloat16 else torch.float32

    @property
    def kimg(self) -> float:
        """Thousands of real images shown so far."""
        return self.steps * self.config.batch / 1000

    def train_step(self, images: TrainingImages) -> StepReport:
        """One update of both networks and of the moving average."""
        random = step_random(self.config.seed, self.steps)
        real = self.share.own(images.batch(self.config.batch, random)).to(self.device)
        random = self.share.random(random)
        fake = self._generate(random)
        d_loss, real_sign = self._update_discriminator(real, fake.detach(), random)
        g_loss = self._update_generator(fake, self._identity_loss(fake, images, random), random)
        if self.config.r1_gamma and self.steps % self.config.r1_interval == 0:
            self._regularize_discriminator(real)
        if self.config.path_length_weight and self.steps % self.config.path_length_interval == 0:
            self._regularize_generator(random)
        self.steps += 1
        self._adapt(real_sign)
        config = self.config
        follow(self.average, self.generator, kimg=self.kimg, batch=config.batch, half_life_kimg=config.ema_kimg)
        return StepReport(self.steps, self.kimg, g_loss, d_loss, real_sign, self.augment_p)

    def modules(self) -> Mapping[str, nn.Module]:
        """The two networks and the generator's moving average."""
        return {"generator": self.generator, "discriminator": self.discriminator, "average": self.average}

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """One a network."""
        return {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def counters(self) -> Counters:
        """Steps, augmentation p and the target of the path length penalty."""
        return {"steps": self.steps, "augment_p": self.augment_p, "mean_path_length": self.mean_path_length}

    def restore(self, counters: Counters) -> None:
        """Continue where `counters` were taken."""
        self.steps = int(counters["steps"])
        self.augment_p = float(counters["augment_p"])
        self.mean_path_length = float(counters["mean_path_length"])

    def _generate(self, random: torch.Generator) -> torch.Tensor:
        """(batch, 3, r, r), with a graph to the generator."""
        w, other = (self._sample_w(random, self.share.rows(self.config.batch)) for _ in range(2))
        self.generator.mapping.track(w)
        ws = self._mix(w, other, random)
        image: torch.Tensor = self.generator.synthesis(ws, self._noise_mode, random=random, dtype=self._dtype)
        return image

    def _sample_w(self, random: torch.Generator, count: int) -> torch.Tensor:
        z = torch.randn(count, self.config.network.z_dim, generator=random)
        w: torch.Tensor = self.generator.mapping(z.to(self.device))
        return w

    def _mix(self, w: torch.Tensor, other: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """(n, num_ws, w_dim): w, and from a random layer on `other` for a share of the faces."""
        num_ws = self.config.network.num_ws
        cutoff = torch.randint(1, num_ws, (len(w), 1), generator=random)
        unmixed = torch.rand(len(w), 1, generator=random) >= self.config.style_mixing
        own = (torch.arange(num_ws) < torch.where(unmixed, num_ws, cutoff)).to(self.device)
        return torch.where(own.unsqueeze(2), w.unsqueeze(1), other.unsqueeze(1))

    def _update_discriminator(
        self, real: torch.Tensor, fake: torch.Tensor, random: torch.Generator
    ) -> tuple[float, float]:
        """Loss, and mean sign of D(real)."""
        real_logits = self.discriminator(augment(real, self.augment_p, random), dtype=self._dtype)
        fake_logits = self.discriminator(augment(fake, self.augment_p, random), dtype=self._dtype)
        loss = discriminator_loss(real_logits, fake_logits)
        self._descend(loss, self.discriminator_optimizer)
        return loss.item(), self.share.mean(real_logits.detach().sign().mean())

    def _identity_loss(self, fake: torch.Tensor, images: TrainingImages, random: torch.Generator) -> torch.Tensor:
        """The weighted scalar, zero in the steps between; its network is built when it is first needed."""
        if not self.config.identity_weight or self.steps % self.config.identity_interval:
            return torch.zeros((), device=self.device)
        if self._identity is None:
            self._identity = IdentityLoss(images.pixels, find_face_frame(images.pixels), self._dtype, self.device)
        return self._identity(fake, random) * (self.config.identity_weight * self.config.identity_interval)

    def _update_generator(self, fake: torch.Tensor, identity: torch.Tensor, random: torch.Generator) -> float:
        """The adversarial loss, without the identity loss that is descended with it."""
        self.discriminator.requires_grad_(False)
        loss = generator_loss(self.discriminator(augment(fake, self.augment_p, random), dtype=self._dtype))
        self._descend(loss + identity, self.generator_optimizer)
        self.discriminator.requires_grad_(True)
        return loss.item()

    def _regularize_discriminator(self, real: torch.Tensor) -> None:
        # In full precision: second derivatives of a bfloat16 graph are mostly rounding.
        images = real.requires_grad_(True)
        penalty = r1_penalty(images, self.discriminator(images))
        self._descend(penalty * (self.config.r1_gamma / 2 * self.config.r1_interval), self.discriminator_optimizer)

    def _regularize_generator(self, random: torch.Generator) -> None:
        count = max(1, self.share.rows(self.config.batch) // 2)
        num_ws = self.config.network.num_ws
        ws = self._sample_w(random, count).unsqueeze(1).repeat(1, num_ws, 1)
        images = self.generator.synthesis(ws, self._noise_mode, random=random)
        lengths = path_lengths(images, ws, torch.randn(images.shape, generator=random).to(self.device))
        batch_mean = self.share.mean(lengths.mean())
        self.mean_path_length += PATH_LENGTH_DECAY * (batch_mean - self.mean_path_length)
        penalty = (lengths - self.mean_path_length).square().mean()
        weight = self.config.path_length_weight * self.config.path_length_interval
        self._descend(penalty * weight, self.generator_optimizer)

    def _descend(self, loss: torch.Tensor, optimizer: torch.optim.Optimizer) -> None:
        name = "generator" if optimizer is self.generator_optimizer else "discriminator"
        descend(loss, optimizer, self.share, f"step {self.steps}: the {name}")

    def _adapt(self, real_sign: float) -> None:
        if self.config.augment_target is not None:
            self.augment_p = adapt_probability(
                self.augment_p,
                real_sign,
                target=self.config.augment_target,
                images=self.config.batch,
                adapt_kimg=self.config.augment_kimg,
            )


def _adam(network: nn.Module, learning_rate: float, lazy_interval: int) -> torch.optim.Adam:
    """Adam whose rate and decay make up for the extra step that a lazy regulariser takes every `lazy_interval`."""
    ratio = lazy_interval / (lazy_interval + 1) if lazy_interval else 1.0
    return torch.optim.Adam(network.parameters(), lr=learning_rate * ratio, betas=(0.0, ADAM_BETA2**ratio), eps=1e-8)
