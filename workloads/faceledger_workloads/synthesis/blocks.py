"""Building blocks that ProGAN and MGAN share: convolutions that halve or double the resolution, and two statistics.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2018: nearest-neighbour
enlargement, average pooling, pixelwise normalisation, minibatch standard deviation, equalised learning rate.
Invariant: shapes are a function of the channels given; a block holds no buffer that training moves.
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional

from faceledger_workloads.synthesis.config import Side
from faceledger_workloads.synthesis.layers import Conv2dLayer, FullyConnectedLayer

__all__ = ["DownBlock", "Epilogue", "PyramidConfig", "UpBlock", "halve", "pixel_norm"]

STATISTIC_GROUP = 4
"""Images whose deviation the discriminator sees at once."""


class PyramidConfig(BaseModel):
    """Sizes of networks that go from 4 px to the image's resolution, or back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    z_dim: int = Field(default=128, ge=1, description="Length of a latent z.")
    img_resolution: Side = Field(default=64, ge=8, le=1024, description="Height and width of an image, pixels.")
    channel_base: int = Field(default=2048, ge=32, description="Channels at resolution r are channel_base // r ...")
    channel_max: int = Field(default=128, ge=4, description="... but never more than this.")

    @property
    def levels(self) -> int:
        """Resolutions: 4, 8, ..., img_resolution."""
        return self.img_resolution.bit_length() - 2

    def channels(self, level: int) -> int:
        """Channels of the activations at 4 * 2**level pixels."""
        return max(1, min(self.channel_base // (4 << level), self.channel_max))


class UpBlock(nn.Module):
    """(n, c, r, r) -> (n, c', 2r, 2r)."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv0 = Conv2dLayer(channels, out_channels, 3, activation="lrelu")
        self.conv1 = Conv2dLayer(out_channels, out_channels, 3, activation="lrelu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
        return pixel_norm(self.conv1(pixel_norm(self.conv0(x))))


class DownBlock(nn.Module):
    """(n, c, 2r, 2r) -> (n, c', r, r)."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv0 = Conv2dLayer(channels, channels, 3, activation="lrelu")
        self.conv1 = Conv2dLayer(channels, out_channels, 3, activation="lrelu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return halve(self.conv1(self.conv0(x)))


class Epilogue(nn.Module):
    """(n, c, 4, 4) -> (n, c): the last features of a discriminator, one channel of them telling the batch's variety."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2dLayer(channels + 1, channels, 3, activation="lrelu")
        self.fc = FullyConnectedLayer(channels * 16, channels, activation="lrelu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.fc(self.conv(_with_deviation(x)).flatten(1))
        return features


def halve(images: torch.Tensor) -> torch.Tensor:
    """(n, c, 2r, 2r) -> (n, c, r, r), each pixel the mean of four."""
    return functional.avg_pool2d(images, 2)


def pixel_norm(x: torch.Tensor) -> torch.Tensor:
    """(n, c, ...) with the feature vector of every pixel, or each latent (n, c), scaled to unit mean square."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def _with_deviation(x: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w) -> (n, c + 1, h, w); groups are as large as the batch allows."""
    count = x.shape[0]
    group = next(size for size in range(min(STATISTIC_GROUP, count), 0, -1) if count % size == 0)
    grouped = x.reshape(group, -1, *x.shape[1:])
    deviation = (grouped.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    channel = deviation.repeat(group).view(count, 1, 1, 1).expand(-1, 1, *x.shape[2:])
    return torch.cat([x, channel], dim=1)
