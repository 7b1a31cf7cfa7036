"""Changing resolution by two with a low-pass filter, alone or merged into a convolution.

Filter and convolution are both linear, so their kernels are convolved once (3x3 with 4x4 gives 6x6) and the image is
visited once. Upsampling runs as four 3x3 convolutions at the low resolution, one per output phase, interleaved.
Invariant: the results equal zero-insertion, convolution and filtering on a zero-extended image, borders included
(Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", 2020, appendix B).
"""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = [
    "conv2d_downsample",
    "conv2d_phases",
    "setup_filter",
    "upsample2d",
    "upsampling_kernel",
]


def setup_filter(taps: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)) -> torch.Tensor:
    """The separable 2-D low-pass filter of `taps`, (len, len), sum 1."""
    one_dimensional = torch.tensor(taps)
    filter2d = torch.outer(one_dimensional, one_dimensional)
    return filter2d / filter2d.sum()


def upsample2d(image: torch.Tensor, resample_filter: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w) -> (n, c, 2h, 2w); the filter has 4 taps a side and unit sum."""
    kernel = (resample_filter * 4).to(image.dtype).expand(image.shape[1], 1, 4, 4)
    return functional.conv_transpose2d(image, kernel, stride=2, padding=1, groups=image.shape[1])


def upsampling_kernel(weight: torch.Tensor, resample_filter: torch.Tensor) -> torch.Tensor:
    """(4 out, in, 3, 3) of a 3x3 `weight` (out, in, 3, 3): the four output phases, low-pass included.

    With `conv2d_phases`: doubles the resolution, low-passes, and convolves (not correlates) with the weight.
    """
    out_channels, in_channels = weight.shape[:2]
    phases = _upsampling_taps(resample_filter).to(weight.dtype)  # (phase, tap, 3)
    kernel = torch.einsum("yas,xbt,oist->oyxiab", phases, phases, weight)
    return kernel.reshape(4 * out_channels, in_channels, 3, 3)


def conv2d_phases(image: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """(n, in, h, w) -> (n, out, 2h, 2w), with an `upsampling_kernel` of the image's type."""
    return functional.pixel_shuffle(functional.conv2d(image, kernel, padding=1), 2)


def conv2d_downsample(
    image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, resample_filter: torch.Tensor
) -> torch.Tensor:
    """Low-pass, correlate with a 3x3 or 1x1 `weight` (out, in, k, k), keep every second pixel, and add `bias` (out,).

    (n, in, 2h, 2w) -> (n, out, h, w).
    """
    size = weight.shape[-1]
    widen = _convolution_matrix(resample_filter.sum(dim=0), size).to(weight.dtype)
    kernel = (widen @ weight @ widen.t()).to(image.dtype)
    return functional.conv2d(image, kernel, bias, stride=2, padding=size // 2 + 1)


def _convolution_matrix(taps: torch.Tensor, size: int) -> torch.Tensor:
    """(size + 3, size): multiplied with a kernel of `size` taps it gives that kernel convolved with 4 `taps`."""
    return torch.stack([functional.pad(taps, (shift, size - 1 - shift)) for shift in range(size)], dim=1)


def _upsampling_taps(resample_filter: torch.Tensor) -> torch.Tensor:
    """(2, 3, 3): for each output phase, the rows of the 6-tap kernel that meet the left, own and right input pixel.

    The factor 2 a side replaces the energy that the inserted zeros take away.
    """
    widen = _convolution_matrix(resample_filter.sum(dim=0), 3) * 2
    return torch.stack([widen[[4, 2, 0]], widen[[5, 3, 1]]])
