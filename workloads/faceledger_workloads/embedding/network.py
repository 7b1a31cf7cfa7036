"""dlib's face recognition ResNet as a torch module.

In: the weights read from dlib's file and batches of 150 px RGB chips. Out: 128-d float32 embeddings, raw (not
normalised), equal to dlib's within 1e-5. Each affine layer is folded into the convolution before it, and dlib's
normalisation of the pixels into the first one: exact algebra, so pixels need no pass of their own.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from faceledger_workloads.embedding.convolution import FoldedConvolution, FusedConvolution, Layer
from faceledger_workloads.embedding.dlib_file import Convolution, ResNetWeights, residual_widths

__all__ = ["CHIP_SIZE", "FaceResNet"]

CHIP_SIZE = 150
"""Pixels: the side of the square chips that the network was trained on."""

_MIDDLE = 115
"""Subtracted from every pixel: near the mean of faces, and whole, so that bfloat16 holds the difference exactly."""

_ROWS = 32
"""Rows that are projected at once, at least: a single one is multiplied by another routine, which adds up in another
order."""


class FaceResNet(nn.Module):
    """29 convolutions, 5.6 M parameters, 0.54 GFLOP a face."""

    stem: Layer
    dtype: torch.dtype
    """Of the feature maps."""

    def __init__(self, weights: ResNetWeights) -> None:
        super().__init__()
        self.dtype = torch.float32
        convolutions = iter(weights.convolutions)
        zero = np.array(weights.mean_rgb, dtype=np.float64) - _MIDDLE
        self.stem = FoldedConvolution(next(convolutions), stride=2, scale=1 / 256, zero=zero)
        self.blocks = nn.ModuleList(
            _Residual(next(convolutions), next(convolutions), halves) for _, halves in residual_widths()
        )
        self.projection = nn.Parameter(torch.from_numpy(weights.projection.copy()))

    def cast(self, dtype: torch.dtype) -> Self:
        """Convolves in `dtype` from now on; the pooled features are projected in float32 all the same."""
        self.dtype = dtype
        projection = self.projection.data
        self.to(dtype).to(memory_format=torch.channels_last)
        self.projection.data = projection
        return self

    def fuse(self) -> Self:
        """Lets oneDNN do each convolution with what follows it: on a CPU, for a network that learns no more."""
        self.stem = _fused(self.stem)
        for block in self.blocks:
            assert isinstance(block, _Residual)
            block.first, block.second = _fused(block.first), _fused(block.second)
        return self

    def forward(self, chips: Tensor) -> Tensor:
        """(n, 3, 150, 150) pixel values 0..255, whole or not -> (n, 128) float32."""
        x = (chips.float() - _MIDDLE).to(self.dtype, memory_format=torch.channels_last)
        x = functional.max_pool2d(self.stem.activated(x), 3, 2)
        for block in self.blocks:
            x = block(x)
        pooled = x.mean(dim=(2, 3), dtype=torch.float32)
        missing = -len(pooled) % _ROWS
        rows: Tensor = functional.pad(pooled, (0, 0, 0, missing)) @ self.projection
        return rows[: len(pooled)]


class _Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut; a halving block pools its shortcut and pads what is missing with zeros."""

    first: Layer
    second: Layer

    def __init__(self, first: Convolution, second: Convolution, halves: bool) -> None:
        super().__init__()
        self.first = FoldedConvolution(first, stride=2 if halves else 1)
        self.second = FoldedConvolution(second, stride=1)
        self.halves = halves

    def forward(self, x: Tensor) -> Tensor:
        y = self.first.activated(x)
        if not self.halves:
            return self.second.joined(y, x)
        shortcut = _widened(functional.avg_pool2d(x, 2, 2), y.shape[1])
        if y.shape == shortcut.shape:
            return self.second.joined(y, shortcut)
        missing = shortcut.shape[3] - y.shape[3], shortcut.shape[2] - y.shape[2]
        return shortcut.add(functional.pad(self.second.plain(y), (0, missing[0], 0, missing[1]))).relu_()


def _widened(x: Tensor, channels: int) -> Tensor:
    """Zeros behind the last channel, as dlib's add_prev adds maps of unequal shapes."""
    missing = channels - x.shape[1]
    if not missing:
        return x
    zeros = x.new_zeros(x.shape[0], missing, *x.shape[2:])
    return torch.cat([x, zeros.to(memory_format=torch.channels_last)], dim=1)


def _fused(layer: Layer) -> Layer:
    return FusedConvolution(layer) if isinstance(layer, FoldedConvolution) else layer
