"""A convolution together with what follows it in a residual network, by torch's own operators or fused by oneDNN.

In: a layer of dlib's file, its affine layer folded in, and feature maps in channels_last order. Out: feature maps.
Invariant: both kinds compute the same function; the fused kind does it in one pass over memory, on a CPU, without
gradients.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from faceledger_workloads.embedding.dlib_file import Convolution

__all__ = ["FoldedConvolution", "FusedConvolution", "Layer"]

_PACKED_FOR = 32
"""Images for whose batch the fused kind orders its weights. Always the same number, so that the order, and with it the
bytes of a result, does not hang on the batch that happens to come first."""


class Layer(Protocol):
    """The three ways in which the network uses a convolution; `x` is (n, in, rows, columns)."""

    def plain(self, x: Tensor) -> Tensor:
        """W x + b."""
        ...

    def activated(self, x: Tensor) -> Tensor:
        """max(0, W x + b)."""
        ...

    def joined(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """max(0, W x + b + shortcut)."""
        ...


class FoldedConvolution(nn.Conv2d):
    """gamma * (W x + b) + beta as one convolution; dlib pads only where it does not stride."""

    def __init__(self, layer: Convolution, stride: int, scale: float = 1.0, zero: np.ndarray | None = None) -> None:
        """Made to be applied to x where dlib's layer is applied to scale * (x - zero), `zero` a value a channel."""
        count, depth, rows, columns = layer.filters.shape
        super().__init__(depth, count, (rows, columns), stride, padding=rows // 2 if stride == 1 else 0)
        filters = layer.filters.astype(np.float64) * (scale * layer.gamma[:, None, None, None].astype(np.float64))
        bias = layer.bias.astype(np.float64) * layer.gamma + layer.beta
        if zero is not None:
            # Exact because such a layer has no padding: every sum runs over whole pixels.
            bias = bias - (filters * zero[:, None, None]).sum(axis=(1, 2, 3))
        assert self.bias is not None
        self.weight.data = torch.from_numpy(filters.astype(np.float32))
        self.bias.data = torch.from_numpy(bias.astype(np.float32))

    def plain(self, x: Tensor) -> Tensor:
        y: Tensor = self(x)
        return y

    def activated(self, x: Tensor) -> Tensor:
        return self.plain(x).relu_()

    def joined(self, x: Tensor, shortcut: Tensor) -> Tensor:
        return self.plain(x).add_(shortcut).relu_()


class FusedConvolution(nn.Module):
    """The operators that torch.compile itself calls on a CPU, called without it: no compiler, no start-up."""

    def __init__(self, folded: FoldedConvolution) -> None:
        super().__init__()
        assert folded.bias is not None
        self._weight, self._bias = folded.weight.detach(), folded.bias.detach()
        self._padding, self._stride = [int(side) for side in folded.padding], [int(step) for step in folded.stride]
        self._packed: Tensor | None = None

    def plain(self, x: Tensor) -> Tensor:
        return self._after(x, "none")

    def activated(self, x: Tensor) -> Tensor:
        return self._after(x, "relu")

    def joined(self, x: Tensor, shortcut: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._convolution_pointwise.binary(
            x, shortcut, *self._geometry(x), "add", None, "relu", [], None
        )
        return y

    def _after(self, x: Tensor, activation: str) -> Tensor:
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(x, *self._geometry(x), activation, [], "")
        return y

    def _geometry(self, x: Tensor) -> tuple[Tensor, Tensor, list[int], list[int], list[int], int]:
        """Weights in oneDNN's order for maps of x's size, bias, padding, stride, dilation, groups."""
        if self._packed is None:
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(
                self._weight, self._padding, self._stride, [1, 1], 1, [_PACKED_FOR, *x.shape[1:]]
            )
        return self._packed, self._bias, self._padding, self._stride, [1, 1], 1
