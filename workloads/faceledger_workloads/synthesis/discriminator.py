"""The StyleGAN2 discriminator: image -> one realness logit; residual blocks and minibatch standard deviation.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020. Names and arithmetic follow the published
stylegan2-ada-pytorch, unconditional.
Invariant: the logits of a batch depend on its images and their order alone.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.layers import Conv2dLayer, FullyConnectedLayer
from faceledger_workloads.synthesis.resample import setup_filter

__all__ = ["Discriminator"]


class Discriminator(nn.Module):
    """(n, img_channels, r, r) in [-1, 1] -> (n, 1)."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        for resolution in reversed(config.block_resolutions[1:]):
            self.add_module(f"b{resolution}", _Block(resolution, config))
        self.b4 = _Epilogue(config)

    def forward(self, image: torch.Tensor, *, dtype: torch.dtype | None = None) -> torch.Tensor:
        """`dtype`: of the activations, the last block's excepted (default: the image's)."""
        x = image.to(dtype or image.dtype).contiguous(memory_format=torch.channels_last)
        for block in self.children():
            x = block(x)
        return x


class _Block(nn.Module):
    """(n, c, r, r) -> (n, c', r/2, r/2)."""

    resample_filter: torch.Tensor

    def __init__(self, resolution: int, config: StyleGAN2Config) -> None:
        super().__init__()
        channels, out_channels = config.channels(resolution), config.channels(resolution // 2)
        clamp = config.conv_clamp
        self.register_buffer("resample_filter", setup_filter())
        self.fromrgb: Conv2dLayer | None = None
        if resolution == config.img_resolution:
            self.fromrgb = Conv2dLayer(config.img_channels, channels, 1, activation="lrelu", conv_clamp=clamp)
        self.conv0 = Conv2dLayer(channels, channels, 3, activation="lrelu", conv_clamp=clamp)
        # The two branches are summed: each carries half of the variance.
        half = math.sqrt(0.5)
        self.conv1 = Conv2dLayer(channels, out_channels, 3, activation="lrelu", down=2, conv_clamp=clamp, gain=half)
        self.skip = Conv2dLayer(channels, out_channels, 1, bias=False, down=2, gain=half)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.fromrgb is not None:
            x = self.fromrgb(x)
        deepened: torch.Tensor = self.conv1(self.conv0(x))
        skipped: torch.Tensor = self.skip(x)
        return skipped + deepened


class _MinibatchStdLayer(nn.Module):
    """Appends one channel that says how much the images of a group differ."""

    def __init__(self, group_size: int) -> None:
        super().__init__()
        self._group_size = group_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count, _, height, width = x.shape
        group = min(self._group_size, count)
        grouped = x.reshape(group, -1, *x.shape[1:])  # (group, n / group, c, h, w)
        deviation = (grouped.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
        channel = deviation.repeat(group).view(count, 1, 1, 1).expand(-1, 1, height, width)
        return torch.cat([x, channel], dim=1)


class _Epilogue(nn.Module):
    """(n, c, 4, 4) -> (n, 1), in the precision of the parameters."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        channels = config.channels(4)
        self.mbstd = _MinibatchStdLayer(config.mbstd_group_size)
        self.conv = Conv2dLayer(channels + 1, channels, 3, activation="lrelu", conv_clamp=config.conv_clamp)
        self.fc = FullyConnectedLayer(channels * 16, channels, activation="lrelu")
        self.out = FullyConnectedLayer(channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(self.mbstd(x.to(self.out.bias.dtype)))
        logits: torch.Tensor = self.out(self.fc(x.flatten(1)))
        return logits
