"""StyleGAN2 as its paper writes it, in single precision: what the fast sampling is measured against.

In: a network of this project and latents. Out: images. Each face has weights of its own, convolved as one group;
upsampling inserts zeros, convolves and filters one after the other. Invariant: the images are those of the network.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork
from torch.nn import functional

__all__ = ["plain_images"]


def plain_images(network: GeneratorNetwork, z: torch.Tensor) -> torch.Tensor:
    """(n, 3, r, r) of z (n, z_dim), with constant noise."""
    ws, clamp = network.styles(z), network.config.conv_clamp or math.inf
    blocks: list[Any] = list(network.synthesis.children())
    first = blocks[0]
    x = _layer(first.conv1, first.const.expand(len(z), -1, -1, -1), ws[:, 0], clamp)
    image = _colours(first.torgb, x, ws[:, 1], clamp)
    for number, block in enumerate(blocks[1:]):
        x = _layer(block.conv0, x, ws[:, 2 * number + 1], clamp, up=True)
        x = _layer(block.conv1, x, ws[:, 2 * number + 2], clamp)
        wider = _filtered(_with_zeros(image), block.resample_filter, before=2)
        image = wider + _colours(block.torgb, x, ws[:, 2 * number + 3], clamp)
    return image


def _layer(layer: Any, x: torch.Tensor, w: torch.Tensor, clamp: float, *, up: bool = False) -> torch.Tensor:
    weights = layer.weight * layer.affine(w)[:, None, :, None, None]
    weights = weights * (weights.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    x = _own_convolution(x, weights, up)
    if up:
        x = _filtered(x, layer.resample_filter, before=1)
    x = x + layer.noise_const * layer.noise_strength + layer.bias[:, None, None]
    return (functional.leaky_relu(x, 0.2) * math.sqrt(2)).clamp(-clamp, clamp)


def _colours(layer: Any, x: torch.Tensor, w: torch.Tensor, clamp: float) -> torch.Tensor:
    styles = layer.affine(w) / math.sqrt(x.shape[1])
    image = _own_convolution(x, layer.weight * styles[:, None, :, None, None], up=False)
    colours: torch.Tensor = (image + layer.bias[:, None, None]).clamp(-clamp, clamp)
    return colours


def _own_convolution(x: torch.Tensor, weights: torch.Tensor, up: bool) -> torch.Tensor:
    """`weights` (n, out, in, k, k): each face is convolved with its own; `up` inserts zeros between pixels."""
    count, out, inputs, size, _ = weights.shape
    grouped = x.reshape(1, count * inputs, *x.shape[2:])
    if up:
        kernel = weights.transpose(1, 2).reshape(count * inputs, out, size, size)
        y = functional.conv_transpose2d(grouped, kernel, stride=2, groups=count)
    else:
        y = functional.conv2d(grouped, weights.reshape(-1, inputs, size, size), padding=size // 2, groups=count)
    return y.reshape(count, out, *y.shape[2:])


def _with_zeros(image: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w) -> (n, c, 2h, 2w)."""
    wide = image.new_zeros(*image.shape[:2], 2 * image.shape[2], 2 * image.shape[3])
    wide[:, :, ::2, ::2] = image
    return wide


def _filtered(x: torch.Tensor, resample_filter: torch.Tensor, before: int) -> torch.Tensor:
    """Low-pass after zeros were inserted: energy times four, `before` pixels of padding in front and 1 behind."""
    kernel = (resample_filter * 4).expand(x.shape[1], 1, 4, 4)
    return functional.conv2d(functional.pad(x, (before, 1, before, 1)), kernel, groups=x.shape[1])
