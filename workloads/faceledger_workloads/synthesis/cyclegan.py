"""CycleGAN: two generators that translate faces between two sets, each the other's inverse; variations of real people.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017: ResNet generators
with instance normalisation, patch discriminators, least-squares adversarial loss, cycle loss, identity loss, a pool of
earlier images. The two sets are the darker and the brighter half of the training images, so a translation shows the
same person in other light. It translates, it cannot make people.
Invariant: a variation is a function of the image, its number and the weights alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional

from faceledger_workloads.synthesis.dataset import TrainingImages
from faceledger_workloads.synthesis.latent_faces import grey_levels
from faceledger_workloads.synthesis.model import CannotVaryError, Latent, Subject
from faceledger_workloads.synthesis.rivals import AdamSettings, Losses, Rivals, RivalsConfig, averaged
from faceledger_workloads.synthesis.share import ALONE, Share

__all__ = [
    "CannotSampleError",
    "CycleGANConfig",
    "CycleGANFaces",
    "CycleGANTrainer",
    "CycleGANTrainingConfig",
    "ImagePool",
    "PatchDiscriminator",
    "Translator",
    "Translators",
    "split_by_light",
]

ADAM = AdamSettings(0.5, 0.999)


class CycleGANConfig(BaseModel):
    """Sizes of the networks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    img_resolution: int = Field(default=64, ge=16, le=1024, description="Height and width of an image, pixels.")
    channels: int = Field(
        default=32, ge=4, description="Channels at full resolution; twice and four times as many below."
    )
    residual_blocks: int = Field(default=4, ge=1, le=16, description="Residual blocks of a generator.")


class CycleGANTrainingConfig(RivalsConfig):
    """Everything besides the images that decides what a run gives."""

    learning_rate: float = Field(default=0.0002, gt=0, description="Adam's, of all networks.")
    batch: int = Field(default=4, ge=1, description="Images of each set a step.")
    network: CycleGANConfig = CycleGANConfig()
    cycle_weight: float = Field(default=10.0, ge=0, description="Weight of |G(F(x)) - x|.")
    identity_weight: float = Field(default=5.0, ge=0, description="Weight of |G(y) - y| for y of the set G leads to.")
    pool: int = Field(default=50, ge=1, description="Earlier images from which the discriminators are shown half.")


class Translator(nn.Module):
    """(n, 3, r, r) -> (n, 3, r, r), both in [-1, 1]."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        c = config.channels
        self.layers = nn.Sequential(
            *_convolved(3, c, 7),
            *_convolved(c, 2 * c, 3, stride=2),
            *_convolved(2 * c, 4 * c, 3, stride=2),
            *(_Residual(4 * c) for _ in range(config.residual_blocks)),
            *_enlarged(4 * c, 2 * c),
            *_enlarged(2 * c, c),
            nn.Conv2d(c, 3, 7, padding=3, padding_mode="reflect"),
            nn.Tanh(),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        translated: torch.Tensor = self.layers(image)
        return translated


class Translators(nn.Module):
    """Both ways; its state dict is the content of a checkpoint."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        self.config = config
        self.brighten = Translator(config)
        self.darken = Translator(config)
        self.apply(_initialise)


class CannotSampleError(TypeError):
    """The model translates faces and cannot make people."""


class CycleGANFaces:
    """A `FaceGenerator` that varies images and makes none.

    Odd variations are brighter, even ones darker; each later pair moves half as far as the one before.
    """

    def __init__(self, network: Translators, sha256: str) -> None:
        self.sha256 = sha256
        self.resolution = network.config.img_resolution
        self._network = network.double().eval().requires_grad_(False)

    def sample(self, seed: int, indices: Sequence[int], truncation: float) -> NDArray[np.uint8]:
        """Raises CannotSampleError."""
        return self.draw([(Latent(seed, index, truncation), 0) for index in indices])

    def draw(self, faces: Sequence[tuple[Latent, int]]) -> NDArray[np.uint8]:
        """Raises CannotSampleError."""
        del faces
        raise CannotSampleError("CycleGAN translates faces, it cannot make people")

    @torch.no_grad()
    def vary(self, subject: Subject, variation: int) -> NDArray[np.uint8]:
        """(resolution, resolution, 3) for pixels of any size; 0 is the image itself. Raises CannotVaryError."""
        if isinstance(subject, Latent):
            raise CannotVaryError("CycleGAN varies images, it has no faces of its own")
        if variation < 0:
            raise ValueError(f"variation {variation}: must not be negative")
        size = (self.resolution, self.resolution)
        resized = np.asarray(Image.fromarray(subject).resize(size, Image.Resampling.LANCZOS))
        image = torch.from_numpy(resized.copy()).permute(2, 0, 1).double().unsqueeze(0) / 127.5 - 1
        if variation:
            translator = self._network.brighten if variation % 2 else self._network.darken
            image = torch.lerp(image, translator(image), 0.5 ** ((variation - 1) // 2))
        return grey_levels(image[0])


class PatchDiscriminator(nn.Module):
    """(n, 3, r, r) -> (n, 1, r', r'): how real each patch looks, 1 for real and 0 for generated."""

    def __init__(self, config: CycleGANConfig) -> None:
        super().__init__()
        c = config.channels
        self.layers = nn.Sequential(
            nn.Conv2d(3, c, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(c, 2 * c, 4, 2, 1),
            nn.InstanceNorm2d(2 * c),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * c, 4 * c, 3, 1, 1),
            nn.InstanceNorm2d(4 * c),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * c, 1, 3, 1, 1),
        )
        self.apply(_initialise)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.layers(image)
        return scores


class ImagePool(nn.Module):
    """Generated images of earlier steps (Shrivastava et al. 2017); part of a run's state."""

    images: torch.Tensor
    filled: torch.Tensor

    def __init__(self, size: int, resolution: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, 3, resolution, resolution))
        self.register_buffer("filled", torch.zeros([], dtype=torch.int64))

    @torch.no_grad()
    def exchange(self, fresh: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """`fresh` (n, 3, r, r), of which about half were exchanged for older ones once the pool is full."""
        shown = fresh.clone()
        for row, image in enumerate(fresh):
            exchanged, place = (
                torch.rand((), generator=random) < 0.5,
                torch.randint(len(self.images), (), generator=random),
            )
            if self.filled < len(self.images):
                self.images[self.filled] = image
                self.filled += 1
            elif exchanged:
                shown[row] = self.images[place]
                self.images[place] = image
        return shown


@dataclass(frozen=True)
class _Batch:
    dark: torch.Tensor
    bright: torch.Tensor


class CycleGANTrainer(Rivals):
    """A `FaceTrainer`."""

    def __init__(
        self, config: CycleGANTrainingConfig, device: torch.device | None = None, share: Share = ALONE
    ) -> None:
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            translators = Translators(config.network)
            judges = nn.ModuleDict({name: PatchDiscriminator(config.network) for name in ("dark", "bright")})
        pools = {name: ImagePool(config.pool, config.network.img_resolution) for name in ("dark_pool", "bright_pool")}
        networks = {"generator": translators, "average": averaged(translators), "judges": judges, **pools}
        super().__init__(config, networks, device, share)
        self.translators, self.judges, self.pools = translators, judges, pools
        self._sets: tuple[TrainingImages, TrainingImages, TrainingImages] | None = None
        self._optimize("generator", [translators], ADAM)
        self._optimize("discriminator", [judges], ADAM)

    def _play(self, images: TrainingImages, random: torch.Generator) -> Losses:
        real = self._draw(images, random)
        self.judges.requires_grad_(False)
        with self._mixed_precision():
            fake = _Batch(self.translators.darken(real.bright), self.translators.brighten(real.dark))
            g_loss = self._generator_loss(real, fake)
        value = self._descend(g_loss, "generator")
        self.judges.requires_grad_(True)
        random = self.share.random(random)
        shown = _Batch(
            self.pools["dark_pool"].exchange(fake.dark.detach().float(), random),
            self.pools["bright_pool"].exchange(fake.bright.detach().float(), random),
        )
        d_loss, real_sign = self._move_judges(real, shown)
        return Losses(value, d_loss, real_sign)

    def _draw(self, images: TrainingImages, random: torch.Generator) -> _Batch:
        if self._sets is None or self._sets[0] is not images:
            self._sets = (images, *split_by_light(images))
        _, dark, bright = self._sets
        batches = [self.share.own(part.batch(self.config.batch, random)).to(self.device) for part in (dark, bright)]
        return _Batch(*batches)

    def _generator_loss(self, real: _Batch, fake: _Batch) -> torch.Tensor:
        to_dark, to_bright = self.translators.darken, self.translators.brighten
        fooled = _towards(self.judges["dark"](fake.dark), 1) + _towards(self.judges["bright"](fake.bright), 1)
        back = functional.l1_loss(to_bright(fake.dark), real.bright) + functional.l1_loss(
            to_dark(fake.bright), real.dark
        )
        kept = functional.l1_loss(to_dark(real.dark), real.dark) + functional.l1_loss(
            to_bright(real.bright), real.bright
        )
        return fooled + self.config.cycle_weight * back + self.config.identity_weight * kept

    def _move_judges(self, real: _Batch, shown: _Batch) -> tuple[float, float]:
        """Loss, and mean sign of how much nearer to real than to generated real images are put."""
        with self._mixed_precision():
            dark, bright = self.judges["dark"](real.dark), self.judges["bright"](real.bright)
            loss = _towards(dark, 1) + _towards(bright, 1)
            loss = (
                loss + _towards(self.judges["dark"](shown.dark), 0) + _towards(self.judges["bright"](shown.bright), 0)
            )
        sign = torch.cat([dark.flatten(), bright.flatten()]).sub(0.5).sign().mean()
        return self._descend(loss / 2, "discriminator"), self.share.mean(sign)


def split_by_light(images: TrainingImages) -> tuple[TrainingImages, TrainingImages]:
    """The darker and the brighter half, by mean pixel value; ties go by position."""
    order = torch.argsort(images.pixels.float().mean(dim=(1, 2, 3)), stable=True)
    half = len(order) // 2
    return TrainingImages(images.pixels[order[:half]]), TrainingImages(images.pixels[order[half:]])


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*chain(_convolved(channels, channels, 3), _convolved(channels, channels, 3)[:-1]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        deepened: torch.Tensor = self.layers(x)
        return x + deepened


def _convolved(channels: int, out_channels: int, size: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, out_channels, size, stride, size // 2, padding_mode="reflect")
    return [convolution, nn.InstanceNorm2d(out_channels), nn.ReLU()]


def _enlarged(channels: int, out_channels: int) -> list[nn.Module]:
    """Doubles the resolution; nearest neighbours and a convolution leave no checkerboard."""
    return [nn.Upsample(scale_factor=2.0, mode="nearest"), *_convolved(channels, out_channels, 3)]


def _towards(scores: torch.Tensor, target: float) -> torch.Tensor:
    """The least-squares adversarial loss."""
    return (scores.float() - target).square().mean()


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
