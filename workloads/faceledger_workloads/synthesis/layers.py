"""The layers that generator and discriminator share, with the equalised learning rate of the StyleGAN family.

Weights are stored with unit variance and scaled when used. The gain of the activation is folded into weight and bias,
which a leaky ReLU permits and which saves a pass over the image.
Invariant: parameter and buffer names are those of the published stylegan2-ada-pytorch.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from faceledger_workloads.synthesis.resample import conv2d_downsample, setup_filter

__all__ = ["LRELU_GAIN", "LRELU_SLOPE", "Conv2dLayer", "FullyConnectedLayer", "clamp_if"]

LRELU_SLOPE = 0.2
"""Slope of the leaky ReLU below zero."""

LRELU_GAIN = math.sqrt(2)
"""Keeps the variance of activations at one through a leaky ReLU."""


class FullyConnectedLayer(nn.Module):
    """(n, in_features) -> (n, out_features)."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        activation: Literal["linear", "lrelu"] = "linear",
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init))
        self._active = activation == "lrelu"
        gain = LRELU_GAIN if self._active else 1.0
        self._weight_gain = gain * lr_multiplier / math.sqrt(in_features)
        self._bias_gain = gain * lr_multiplier

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.linear(x, self.weight * self._weight_gain, self.bias * self._bias_gain)
        return functional.leaky_relu(x, LRELU_SLOPE) if self._active else x


class Conv2dLayer(nn.Module):
    """(n, in_channels, h, w) -> (n, out_channels, h, w), or half the resolution with `down=2`."""

    resample_filter: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Literal[1, 3],
        *,
        bias: bool = True,
        activation: Literal["linear", "lrelu"] = "linear",
        down: Literal[1, 2] = 1,
        conv_clamp: float | None = None,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.register_buffer("resample_filter", setup_filter())
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self._active = activation == "lrelu"
        self._down = down
        self._gain = gain * (LRELU_GAIN if self._active else 1.0)
        self._weight_gain = self._gain / math.sqrt(in_channels * kernel_size**2)
        self._clamp = None if conv_clamp is None else conv_clamp * gain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight * self._weight_gain
        bias = None if self.bias is None else (self.bias * self._gain).to(x.dtype)
        if self._down == 2:
            x = conv2d_downsample(x, weight, bias, self.resample_filter)
        else:
            x = functional.conv2d(x, weight.to(x.dtype), bias, padding=weight.shape[-1] // 2)
        if self._active:
            x = functional.leaky_relu(x, LRELU_SLOPE, inplace=True)
        return clamp_if(x, self._clamp)


def clamp_if(x: torch.Tensor, limit: float | None) -> torch.Tensor:
    """`x` within +-`limit`, or as it is without one."""
    return x if limit is None else x.clamp(-limit, limit)
