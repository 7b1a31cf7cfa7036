"""MGAN: generators that share all but their first layer, a discriminator, and a classifier that tells them apart.

Hoang et al., "MGAN: Training Generative Adversarial Nets with Multiple Generators", 2018. Each generator is rewarded
for images that the discriminator takes for real and that the classifier gives to it, so that together they cover more
of the data than one would (the multitask loss of Table 2). Classifier and discriminator share all but the last layer.
Invariant: an image is a function of (z, generator) and the weights alone.
"""

from __future__ import annotations

import hashlib
import math

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from faceledger_workloads.synthesis.augment import adapt_probability, augment
from faceledger_workloads.synthesis.blocks import DownBlock, Epilogue, PyramidConfig, UpBlock, pixel_norm
from faceledger_workloads.synthesis.dataset import TrainingImages
from faceledger_workloads.synthesis.latent_faces import LatentFaces
from faceledger_workloads.synthesis.layers import LRELU_GAIN, LRELU_SLOPE, Conv2dLayer, FullyConnectedLayer
from faceledger_workloads.synthesis.losses import discriminator_loss, generator_loss, r1_penalty
from faceledger_workloads.synthesis.model import Counters, Latent
from faceledger_workloads.synthesis.rivals import AdamSettings, Losses, Rivals, RivalsConfig, averaged
from faceledger_workloads.synthesis.share import ALONE, Share

__all__ = ["MGANConfig", "MGANDiscriminator", "MGANFaces", "MGANGenerators", "MGANTrainer", "MGANTrainingConfig"]

ADAM = AdamSettings(0.0, 0.99)


class MGANConfig(PyramidConfig):
    """Sizes of the networks."""

    generators: int = Field(default=4, ge=1, le=64, description="Generators in the mixture.")


class MGANTrainingConfig(RivalsConfig):
    """Everything besides the images that decides what a run gives."""

    network: MGANConfig = MGANConfig()
    diversity: float = Field(default=0.1, ge=0, description="Weight of the classifier in the generators' loss (beta).")
    r1_gamma: float = Field(default=1.0, ge=0, description="Weight of the R1 penalty.")
    r1_interval: int = Field(default=8, ge=1, description="Steps from one R1 penalty to the next.")
    augment_target: float | None = Field(
        default=0.6, description="Mean sign of D(real) to which augmentation adapts; none: no augmentation."
    )
    augment_kimg: float = Field(default=500.0, gt=0, description="Images in which p can go from 0 to 1, thousands.")


class MGANGenerators(nn.Module):
    """z (n, z_dim) and which (n,) generator -> (n, 3, r, r)."""

    def __init__(self, config: MGANConfig) -> None:
        super().__init__()
        self.config = config
        first = config.channels(0)
        self.heads = _Heads(config.generators, config.z_dim, first * 16)
        self.conv = Conv2dLayer(first, first, 3, activation="lrelu")
        levels = range(1, config.levels)
        self.blocks = nn.Sequential(*(UpBlock(config.channels(n - 1), config.channels(n)) for n in levels))
        self.torgb = Conv2dLayer(config.channels(config.levels - 1), 3, 1)

    def forward(self, z: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        x = self.heads(pixel_norm(z), which).view(len(z), -1, 4, 4)
        x = pixel_norm(self.conv(pixel_norm(x)))
        image: torch.Tensor = self.torgb(self.blocks(x))
        return image


class MGANFaces(LatentFaces):
    """A `FaceGenerator`: which generator makes a face is as random as its latent, and by the same address."""

    architecture = "MGAN"

    def __init__(self, network: MGANGenerators, sha256: str) -> None:
        super().__init__(network, sha256, network.config.z_dim, network.config.img_resolution)
        self._generators = network

    def _image(self, z: torch.Tensor, subject: Latent) -> torch.Tensor:
        address = hashlib.sha256(f"faceledger-mixture:{subject.seed}:{subject.index}".encode()).digest()
        which = int.from_bytes(address[:8], "big") % self._generators.config.generators
        image: torch.Tensor = self._generators(z, torch.tensor([which]))
        return image


class MGANDiscriminator(nn.Module):
    """(n, 3, r, r) -> logits (n, 1) that it is real, and logits (n, generators) of which generator made it."""

    def __init__(self, config: MGANConfig) -> None:
        super().__init__()
        last = config.levels - 1
        self.fromrgb = Conv2dLayer(3, config.channels(last), 1, activation="lrelu")
        levels = range(last, 0, -1)
        self.blocks = nn.Sequential(*(DownBlock(config.channels(n), config.channels(n - 1)) for n in levels))
        self.epilogue = Epilogue(config.channels(0))
        self.out = FullyConnectedLayer(config.channels(0), 1)
        self.classifier = FullyConnectedLayer(config.channels(0), config.generators)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.epilogue(self.blocks(self.fromrgb(image)))
        return self.out(features), self.classifier(features)


class MGANTrainer(Rivals):
    """A `FaceTrainer`."""

    def __init__(self, config: MGANTrainingConfig, device: torch.device | None = None, share: Share = ALONE) -> None:
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            generators, discriminator = MGANGenerators(config.network), MGANDiscriminator(config.network)
        networks = {"generator": generators, "average": averaged(generators), "discriminator": discriminator}
        super().__init__(config, networks, device, share)
        self.generators, self.discriminator = generators, discriminator
        self.augment_p = 0.0
        self._optimize("generator", [generators], ADAM)
        self._optimize("discriminator", [discriminator], ADAM)

    def counters(self) -> Counters:
        """What else must be kept for the run to go on bit by bit."""
        return {"steps": self.steps, "augment_p": self.augment_p}

    def restore(self, counters: Counters) -> None:
        """Take up kept counters, after the modules and optimisers were loaded."""
        super().restore(counters)
        self.augment_p = float(counters["augment_p"])

    def _play(self, images: TrainingImages, random: torch.Generator) -> Losses:
        real = self.share.own(images.batch(self.config.batch, random)).to(self.device)
        random = self.share.random(random)
        fake, which = self._generate(random)
        d_loss, real_sign = self._move_discriminator(real, fake.detach(), which, random)
        if self.config.r1_gamma and self.steps % self.config.r1_interval == 0:
            self._regularize(real)
        return Losses(self._move_generators(fake, which, random), d_loss, real_sign)

    def _adapt(self, real_sign: float) -> float:
        config = self.config
        if config.augment_target is not None:
            self.augment_p = adapt_probability(
                self.augment_p,
                real_sign,
                target=config.augment_target,
                images=config.batch,
                adapt_kimg=config.augment_kimg,
            )
        return self.augment_p

    def _generate(self, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Images, and the generator that made each one."""
        network, count = self.config.network, self.share.rows(self.config.batch)
        z = torch.randn(count, network.z_dim, generator=random).to(self.device)
        which = torch.randint(network.generators, (count,), generator=random).to(self.device)
        with self._mixed_precision():
            images: torch.Tensor = self.generators(z, which)
        return images.float(), which

    def _judge(self, images: torch.Tensor, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        with self._mixed_precision():
            logits, classes = self.discriminator(augment(images, self.augment_p, random))
        return logits.float(), classes.float()

    def _move_discriminator(
        self, real: torch.Tensor, fake: torch.Tensor, which: torch.Tensor, random: torch.Generator
    ) -> tuple[float, float]:
        """Loss (the classifier's included), and mean sign of D(real)."""
        real_logits, _ = self._judge(real, random)
        fake_logits, classes = self._judge(fake, random)
        loss = discriminator_loss(real_logits, fake_logits) + functional.cross_entropy(classes, which)
        sign = self.share.mean(real_logits.sign().mean())
        return self._descend(loss, "discriminator"), sign

    def _regularize(self, real: torch.Tensor) -> None:
        # In full precision: second derivatives of a bfloat16 graph are mostly rounding.
        images = real.requires_grad_(True)
        penalty = r1_penalty(images, self.discriminator(images)[0])
        self._descend(penalty * (self.config.r1_gamma / 2 * self.config.r1_interval), "discriminator")

    def _move_generators(self, fake: torch.Tensor, which: torch.Tensor, random: torch.Generator) -> float:
        self.discriminator.requires_grad_(False)
        logits, classes = self._judge(fake, random)
        loss = generator_loss(logits) + self.config.diversity * functional.cross_entropy(classes, which)
        value = self._descend(loss, "generator")
        self.discriminator.requires_grad_(True)
        return value


class _Heads(nn.Module):
    """The layer that the generators do not share: z -> features, by the weights of the chosen generator."""

    def __init__(self, generators: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(generators, out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(generators, out_features))
        self._gain = 1 / math.sqrt(in_features)

    def forward(self, z: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        features = torch.bmm(self.weight[which] * self._gain, z.unsqueeze(2)).squeeze(2)
        return functional.leaky_relu(features + self.bias[which], LRELU_SLOPE) * LRELU_GAIN
