"""ProGAN: both networks grow from 4 px, each new resolution fading in; critic trained by WGAN-GP.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018; Gulrajani et al.,
"Improved Training of Wasserstein GANs", 2017. `depth` says how far the networks have grown: 0 is 4 px, 1 is 8 px, 1.25
is 16 px of which a quarter has faded in. It is a function of the images shown.
Invariant: an image is a function of z and the checkpoint (weights and depth) alone.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from faceledger_workloads.synthesis.blocks import (
    DownBlock,
    Epilogue,
    PyramidConfig,
    UpBlock,
    halve,
    pixel_norm,
)
from faceledger_workloads.synthesis.dataset import TrainingImages
from faceledger_workloads.synthesis.latent_faces import LatentFaces
from faceledger_workloads.synthesis.layers import Conv2dLayer, FullyConnectedLayer
from faceledger_workloads.synthesis.model import Latent
from faceledger_workloads.synthesis.rivals import AdamSettings, Losses, Rivals, RivalsConfig, averaged
from faceledger_workloads.synthesis.share import ALONE, Share

__all__ = [
    "ProGANConfig",
    "ProGANCritic",
    "ProGANFaces",
    "ProGANGenerator",
    "ProGANTrainer",
    "ProGANTrainingConfig",
    "grown",
    "shown_at",
]

GRADIENT_PENALTY = 10.0
"""Weight of (|gradient| - 1)^2 between real and generated images."""

DRIFT_PENALTY = 0.001
"""Weight of D(real)^2: keeps the critic, which has no natural zero, near it."""

ADAM = AdamSettings(0.0, 0.99)


class ProGANConfig(PyramidConfig):
    """Sizes of both networks."""


class ProGANTrainingConfig(RivalsConfig):
    """Everything besides the images that decides what a run gives."""

    network: ProGANConfig = ProGANConfig()
    phase_kimg: float = Field(default=10.0, gt=0, description="Thousand images to fade a resolution in, and to settle.")


class ProGANGenerator(nn.Module):
    """z (n, z_dim) -> (n, 3, r, r), r the resolution that `depth` has reached."""

    depth: torch.Tensor

    def __init__(self, config: ProGANConfig) -> None:
        super().__init__()
        self.config = config
        first = config.channels(0)
        self.register_buffer("depth", torch.tensor(float(config.levels - 1)))
        self.input = FullyConnectedLayer(config.z_dim, first * 16, activation="lrelu")
        self.conv = Conv2dLayer(first, first, 3, activation="lrelu")
        levels = range(config.levels)
        self.blocks = nn.ModuleList(UpBlock(config.channels(n - 1), config.channels(n)) for n in levels[1:])
        self.torgb = nn.ModuleList(Conv2dLayer(config.channels(n), 3, 1) for n in levels)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        depth = float(self.depth)
        settled, faded = math.floor(depth), depth - math.floor(depth)
        x = self.input(pixel_norm(z)).view(len(z), -1, 4, 4)
        x = pixel_norm(self.conv(pixel_norm(x)))
        for block in self.blocks[:settled]:
            x = block(x)
        image: torch.Tensor = self.torgb[settled](x)
        if faded:
            finer = self.torgb[settled + 1](self.blocks[settled](x))
            image = torch.lerp(_double(image), finer, faded)
        return image

    def full_size(self, z: torch.Tensor) -> torch.Tensor:
        """(n, 3, img_resolution, img_resolution), enlarged where the network has not grown that far."""
        image = self(z)
        return functional.interpolate(image, size=self.config.img_resolution, mode="nearest")


class ProGANFaces(LatentFaces):
    """A `FaceGenerator`."""

    architecture = "ProGAN"

    def __init__(self, network: ProGANGenerator, sha256: str) -> None:
        super().__init__(network, sha256, network.config.z_dim, network.config.img_resolution)
        self._generator = network

    def _image(self, z: torch.Tensor, subject: Latent) -> torch.Tensor:
        return self._generator.full_size(z)


class ProGANCritic(nn.Module):
    """(n, 3, r, r) at the resolution of `depth` -> (n, 1)."""

    def __init__(self, config: ProGANConfig) -> None:
        super().__init__()
        levels = range(config.levels)
        self.fromrgb = nn.ModuleList(Conv2dLayer(3, config.channels(n), 1, activation="lrelu") for n in levels)
        self.blocks = nn.ModuleList(DownBlock(config.channels(n), config.channels(n - 1)) for n in levels[1:])
        self.epilogue = Epilogue(config.channels(0))
        self.out = FullyConnectedLayer(config.channels(0), 1)

    def forward(self, image: torch.Tensor, depth: float) -> torch.Tensor:
        settled, faded = math.floor(depth), depth - math.floor(depth)
        if faded:
            coarse = self.fromrgb[settled](halve(image))
            x = torch.lerp(coarse, self.blocks[settled](self.fromrgb[settled + 1](image)), faded)
        else:
            x = self.fromrgb[settled](image)
        for block in reversed(self.blocks[:settled]):
            x = block(x)
        logits: torch.Tensor = self.out(self.epilogue(x))
        return logits


class ProGANTrainer(Rivals):
    """A `FaceTrainer`."""

    def __init__(self, config: ProGANTrainingConfig, device: torch.device | None = None, share: Share = ALONE) -> None:
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            generator, critic = ProGANGenerator(config.network), ProGANCritic(config.network)
        networks = {"generator": generator, "average": averaged(generator), "critic": critic}
        super().__init__(config, networks, device, share)
        self.generator, self.critic = generator, critic
        self._optimize("generator", [generator], ADAM)
        self._optimize("critic", [critic], ADAM)

    def _play(self, images: TrainingImages, random: torch.Generator) -> Losses:
        depth = grown(self.kimg, self.config.phase_kimg, self.config.network.levels)
        self.generator.depth.fill_(depth)
        real = shown_at(depth, self._draw(images, random))
        random = self.share.random(random)
        fake = self._generate(random)
        mixing = torch.rand(len(real), 1, 1, 1, generator=random).to(self.device)
        d_loss, real_sign = self._move_critic(real, fake.detach(), mixing, depth)
        return Losses(self._move_generator(self._generate(random), depth), d_loss, real_sign)

    def _draw(self, images: TrainingImages, random: torch.Generator) -> torch.Tensor:
        return self.share.own(images.batch(self.config.batch, random)).to(self.device)

    def _generate(self, random: torch.Generator) -> torch.Tensor:
        z = torch.randn(self.share.rows(self.config.batch), self.config.network.z_dim, generator=random)
        with self._mixed_precision():
            image: torch.Tensor = self.generator(z.to(self.device))
        return image.float()

    def _move_critic(
        self, real: torch.Tensor, fake: torch.Tensor, mixing: torch.Tensor, depth: float
    ) -> tuple[float, float]:
        """Loss, and the share of real images that the critic puts above the mean of the generated, as -1 to 1."""
        with self._mixed_precision():
            real_scores, fake_scores = self.critic(real, depth).float(), self.critic(fake, depth).float()
        penalty = self._gradient_penalty(torch.lerp(fake, real, mixing), depth)
        drift = real_scores.square().mean()
        loss = fake_scores.mean() - real_scores.mean() + GRADIENT_PENALTY * penalty + DRIFT_PENALTY * drift
        sign = self.share.mean((real_scores - fake_scores.mean()).sign().mean())
        return self._descend(loss, "critic"), sign

    def _gradient_penalty(self, between: torch.Tensor, depth: float) -> torch.Tensor:
        # In full precision: second derivatives of a bfloat16 graph are mostly rounding.
        between.requires_grad_(True)
        (gradient,) = torch.autograd.grad(self.critic(between, depth).sum(), between, create_graph=True)
        return (gradient.square().sum(dim=(1, 2, 3)).add(1e-12).sqrt() - 1).square().mean()

    def _move_generator(self, fake: torch.Tensor, depth: float) -> float:
        self.critic.requires_grad_(False)
        with self._mixed_precision():
            scores = self.critic(fake, depth)
        value = self._descend(-scores.float().mean(), "generator")
        self.critic.requires_grad_(True)
        return value


def grown(kimg: float, phase_kimg: float, levels: int) -> float:
    """Depth after `kimg`: each resolution settles for `phase_kimg`, then the next one fades in for as long."""
    settled, into = divmod(kimg / phase_kimg, 2)
    return min(settled + max(0.0, into - 1), float(levels - 1))


def shown_at(depth: float, images: torch.Tensor) -> torch.Tensor:
    """Full-size real images as the critic sees them at `depth`: as small, and as blurred by the fading."""
    wanted = 4 << math.ceil(depth)
    while images.shape[-1] > wanted:
        images = halve(images)
    faded = depth - math.floor(depth)
    return torch.lerp(_double(halve(images)), images, faded) if faded else images


def _double(images: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(images, scale_factor=2.0, mode="nearest")
