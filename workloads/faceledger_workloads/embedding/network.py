"""dlib's face recognition ResNet as a torch module.

In: the weights read from dlib's file and batches of 150 px RGB chips. Out: 128-d float32 embeddings, raw (not
normalised), equal to dlib's within 1e-5. Each affine layer is folded into the convolution before it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from faceledger_workloads.embedding.dlib_file import Convolution, ResNetWeights, residual_widths

__all__ = ["CHIP_SIZE", "FaceResNet"]

CHIP_SIZE = 150
"""Pixels: the side of the square chips that the network was trained on."""


class FaceResNet(nn.Module):
    """29 convolutions, 5.6 M parameters, 0.54 GFLOP a face."""

    mean: Tensor

    def __init__(self, weights: ResNetWeights) -> None:
        super().__init__()
        convolutions = iter(weights.convolutions)
        self.register_buffer("mean", torch.tensor(weights.mean_rgb).view(1, 3, 1, 1))
        self.stem = _folded(next(convolutions), stride=2)
        self.blocks = nn.Sequential(
            *(_Residual(next(convolutions), next(convolutions), halves) for _, halves in residual_widths())
        )
        self.projection = nn.Parameter(torch.from_numpy(weights.projection.copy()))

    def forward(self, chips: Tensor) -> Tensor:
        """(n, 3, 150, 150) pixel values 0..255 in the module's type -> (n, 128) float32."""
        x = ((chips.float() - self.mean) / 256).to(self.projection.dtype)
        x = functional.max_pool2d(functional.relu(self.stem(x)), 3, 2)
        pooled: Tensor = self.blocks(x).mean(dim=(2, 3))
        return (pooled @ self.projection).float()


class _Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut; a halving block pools its shortcut and pads what is missing with zeros."""

    def __init__(self, first: Convolution, second: Convolution, halves: bool) -> None:
        super().__init__()
        self.first = _folded(first, stride=2 if halves else 1)
        self.second = _folded(second, stride=1)
        self.halves = halves

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(functional.relu(self.first(x)))
        shortcut = functional.avg_pool2d(x, 2, 2) if self.halves else x
        shape = [max(a, b) for a, b in zip(y.shape[1:], shortcut.shape[1:], strict=True)]
        return functional.relu(_padded(y, shape) + _padded(shortcut, shape))


def _padded(x: Tensor, shape: list[int]) -> Tensor:
    """Zeros behind the last channel, below and right, as dlib's add_prev does for unequal shapes."""
    channels, rows, columns = (wanted - has for wanted, has in zip(shape, x.shape[1:], strict=True))
    return functional.pad(x, (0, columns, 0, rows, 0, channels)) if channels or rows or columns else x


def _folded(layer: Convolution, stride: int) -> nn.Conv2d:
    """gamma * (W x + b) + beta as one convolution; dlib pads only where it does not stride."""
    count, depth, rows, columns = layer.filters.shape
    convolution = nn.Conv2d(depth, count, (rows, columns), stride, padding=rows // 2 if stride == 1 else 0)
    folded = layer.filters.astype(np.float64) * layer.gamma[:, None, None, None]
    bias = layer.bias.astype(np.float64) * layer.gamma + layer.beta
    convolution.weight.data = torch.from_numpy(folded.astype(np.float32))
    assert convolution.bias is not None
    convolution.bias.data = torch.from_numpy(bias.astype(np.float32))
    return convolution
