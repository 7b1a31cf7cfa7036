"""The StyleGAN2 generator: a mapping network (z -> w) and a modulated synthesis network (w -> image).

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020; skip architecture. Names and arithmetic
follow the published stylegan2-ada-pytorch, unconditional, so that a state dict saved there loads here.
Invariant: with constant noise the image is a function of w alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

import torch
from torch import nn
from torch.nn import functional

from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.layers import LRELU_GAIN, LRELU_SLOPE, FullyConnectedLayer, clamp_if
from faceledger_workloads.synthesis.resample import conv2d_phases, setup_filter, upsample2d, upsampling_kernel

__all__ = ["MAPPING_LR_MULTIPLIER", "GeneratorNetwork", "MappingNetwork", "NoiseMode", "SynthesisNetwork"]

MAPPING_LR_MULTIPLIER = 0.01
"""The mapping network learns a hundred times slower; at full rate it diverges."""

W_AVG_BETA = 0.995
"""Decay, per training step, of the running mean of w that truncation pulls towards."""


class NoiseMode(StrEnum):
    """Where the per-pixel noise of a synthesis layer comes from."""

    RANDOM = "random"
    """Fresh noise for every image: training."""
    CONST = "const"
    """The noise stored in the checkpoint: sampling."""
    NONE = "none"
    """No noise at all."""


class MappingNetwork(nn.Module):
    """z (n, z_dim) -> w (n, w_dim)."""

    w_avg: torch.Tensor

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        for index in range(config.num_layers):
            features = config.z_dim if index == 0 else config.w_dim
            layer = FullyConnectedLayer(features, config.w_dim, activation="lrelu", lr_multiplier=MAPPING_LR_MULTIPLIER)
            self.add_module(f"fc{index}", layer)
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.children():
            w = layer(w)
        return w

    def truncate(self, ws: torch.Tensor, psi: float, cutoff: int | None = None) -> torch.Tensor:
        """Pull the first `cutoff` of ws (n, num_ws, w_dim), or all, towards the mean style.

        psi 1 leaves them, 0 gives the mean face.
        """
        if psi == 1:
            return ws
        pulled = self.w_avg.lerp(ws[:, :cutoff], psi)
        return pulled if cutoff is None else torch.cat([pulled, ws[:, cutoff:]], dim=1)

    @torch.no_grad()
    def track(self, w: torch.Tensor) -> None:
        """Move the running mean towards the mean of w (n, w_dim)."""
        self.w_avg.copy_(w.detach().mean(dim=0).lerp(self.w_avg, W_AVG_BETA))


class _SynthesisLayer(nn.Module):
    """Style-modulated, demodulated 3x3 convolution with noise, bias and leaky ReLU."""

    resample_filter: torch.Tensor
    noise_const: torch.Tensor

    def __init__(self, in_channels: int, out_channels: int, resolution: int, config: StyleGAN2Config, *, up: bool):
        super().__init__()
        self.affine = FullyConnectedLayer(config.w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("resample_filter", setup_filter())
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self._up = up
        self._prepared: tuple[torch.Tensor, torch.Tensor] | None = None
        self._clamp = config.conv_clamp

    def forward(
        self, x: torch.Tensor, w: torch.Tensor, noise_mode: NoiseMode, random: torch.Generator | None
    ) -> torch.Tensor:
        styles = self.affine(w)
        x = x * styles.to(x.dtype)[:, :, None, None]
        kernel, energy = self._prepared or self._weights(x.dtype)
        x = conv2d_phases(x, kernel) if self._up else functional.conv2d(x, kernel, padding=1)
        # One over the norm of each modulated filter.
        scale = (styles.square() @ energy + 1e-8).rsqrt() * LRELU_GAIN
        x = torch.addcmul(self._offset(x, noise_mode, random), x, scale.to(x.dtype)[:, :, None, None])
        return clamp_if(functional.leaky_relu(x, LRELU_SLOPE, inplace=True), self._clamp)

    def prepare(self, dtype: torch.dtype) -> None:
        """Keep what follows from the weights alone, for activations of `dtype`; the weights must not change after."""
        kernel, energy = self._weights(dtype)
        self._prepared = kernel.contiguous(memory_format=torch.channels_last), energy.contiguous()

    def _weights(self, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """The kernel, and (in, out) sums of squares of the filters."""
        kernel = upsampling_kernel(self.weight, self.resample_filter) if self._up else self.weight
        return kernel.to(dtype), self.weight.square().sum(dim=(2, 3)).t()

    def _offset(self, x: torch.Tensor, noise_mode: NoiseMode, random: torch.Generator | None) -> torch.Tensor:
        """Bias plus noise, broadcastable to x."""
        bias = (self.bias * LRELU_GAIN).view(1, -1, 1, 1)
        if noise_mode is NoiseMode.NONE:
            return bias.to(x.dtype)
        noise = self.noise_const
        if noise_mode is NoiseMode.RANDOM:
            noise = torch.randn(x.shape[0], 1, *x.shape[2:], generator=random).to(x.device)
        return bias.to(x.dtype) + (noise * self.noise_strength * LRELU_GAIN).to(x.dtype)


class _ToRGBLayer(nn.Module):
    """Style-modulated 1x1 convolution to colours, without demodulation."""

    def __init__(self, in_channels: int, config: StyleGAN2Config) -> None:
        super().__init__()
        self.affine = FullyConnectedLayer(config.w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(config.img_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(config.img_channels))
        self._weight_gain = 1 / math.sqrt(in_channels)
        self._clamp = config.conv_clamp

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        styles = self.affine(w) * self._weight_gain
        x = functional.conv2d(x * styles.to(x.dtype)[:, :, None, None], self.weight.to(x.dtype))
        return clamp_if(x + self.bias.to(x.dtype).view(1, -1, 1, 1), self._clamp)


class _SynthesisBlock(nn.Module):
    """One resolution: (n, c, r/2, r/2) -> (n, c', r, r), and the image so far, enlarged and refined."""

    resample_filter: torch.Tensor

    def __init__(self, resolution: int, config: StyleGAN2Config) -> None:
        super().__init__()
        channels = config.channels(resolution)
        self.register_buffer("resample_filter", setup_filter())
        self.conv0: _SynthesisLayer | None = None
        if resolution == config.block_resolutions[0]:
            self.const = nn.Parameter(torch.randn(channels, resolution, resolution))
        else:
            self.conv0 = _SynthesisLayer(config.channels(resolution // 2), channels, resolution, config, up=True)
        self.conv1 = _SynthesisLayer(channels, channels, resolution, config, up=False)
        self.torgb = _ToRGBLayer(channels, config)

    def forward(
        self,
        x: torch.Tensor | None,
        image: torch.Tensor | None,
        ws: Sequence[torch.Tensor],
        noise_mode: NoiseMode,
        random: torch.Generator | None,
        dtype: torch.dtype,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        styles = list(ws)
        if self.conv0 is None:
            x = self.const.to(dtype).expand(styles[0].shape[0], -1, -1, -1)
            x = x.contiguous(memory_format=torch.channels_last)
        else:
            x = self.conv0(x, styles.pop(0), noise_mode, random)
        x = self.conv1(x, styles.pop(0), noise_mode, random)
        colours = self.torgb(x, styles.pop(0)).to(self.torgb.bias.dtype)
        return x, colours if image is None else upsample2d(image, self.resample_filter) + colours


class SynthesisNetwork(nn.Module):
    """ws (n, num_ws, w_dim) -> image (n, img_channels, r, r), nominally within [-1, 1]."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        for resolution in config.block_resolutions:
            self.add_module(f"b{resolution}", _SynthesisBlock(resolution, config))

    def prepare(self, dtype: torch.dtype) -> SynthesisNetwork:
        """Compute once what follows from the weights, which must not change any more, for activations of `dtype`."""
        for layer in self.modules():
            if isinstance(layer, _SynthesisLayer):
                layer.prepare(dtype)
        return self.to(memory_format=torch.channels_last)

    def forward(
        self,
        ws: torch.Tensor,
        noise_mode: NoiseMode = NoiseMode.CONST,
        *,
        random: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        """`dtype`: of the activations (default: of the parameters); `random`: a CPU generator for random noise."""
        x: torch.Tensor | None = None
        image: torch.Tensor | None = None
        dtype = dtype or ws.dtype
        first = 0
        for block in self.children():
            count = 2 if first == 0 else 3
            x, image = block(x, image, ws[:, first : first + count].unbind(dim=1), noise_mode, random, dtype)
            # The image layer of a block shares its style with the first convolution of the next.
            first += count - 1
        assert image is not None
        return image


class GeneratorNetwork(nn.Module):
    """z -> image; its state dict is the content of a checkpoint."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.config = config
        self.synthesis = SynthesisNetwork(config)
        self.mapping = MappingNetwork(config)

    def styles(self, z: torch.Tensor, truncation: float = 1.0, cutoff: int | None = None) -> torch.Tensor:
        """z (n, z_dim) -> ws (n, num_ws, w_dim), one style for all layers but for the truncation of the first ones."""
        ws = self.mapping(z).unsqueeze(1).expand(-1, self.config.num_ws, -1)
        return self.mapping.truncate(ws, truncation, cutoff)

    def forward(self, z: torch.Tensor, truncation: float = 1.0, cutoff: int | None = None) -> torch.Tensor:
        image: torch.Tensor = self.synthesis(self.styles(z, truncation, cutoff))
        return image
