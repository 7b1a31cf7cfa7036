"""Cuts face chips out of photos that lie on any device, with the arithmetic of dlib's extract_image_chips.

In: photos as uint8 tensors and the frames of their faces. Out: one uint8 tensor of all chips, on the same device.
Invariant: equal to dlib's chips, but for pixels where two float64 sums straddle a whole number: those differ by 1.
On a CPU, dlib itself is faster: this is the way for workers with a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from faceledger_workloads.alignment.frame import Frame

__all__ = ["cut_chips", "halved"]

_SMALLEST = 8
"""Pixels: what is not larger on both sides is not halved but blank, as with dlib."""


def cut_chips(photos: Sequence[Tensor], frames: Sequence[Frame], size: int) -> Tensor:
    """(n, size, size, 3) uint8 for one (height, width, 3) uint8 photo a frame; black outside a photo."""
    if not photos:
        return torch.empty(0, size, size, 3, dtype=torch.uint8)
    sources = [_source(photo, frame, size) for photo, frame in zip(photos, frames, strict=True)]
    corners = [_corners(frame) for _, frame in sources]
    return _interpolated([pixels for pixels, _ in sources], corners, size)


def halved(pixels: Tensor) -> Tensor:
    """Half of (height, width, 3) uint8 pixels: a 5x5 binomial filter at every other pixel, cut off below the unit."""
    if min(pixels.shape[:2]) <= _SMALLEST:
        return pixels[:0, :0]
    return _filtered(_filtered(pixels.int(), 1), 0).div(256, rounding_mode="floor").to(torch.uint8)


def _filtered(pixels: Tensor, axis: int) -> Tensor:
    count = (pixels.shape[axis] - 3) // 2
    taken = [pixels.narrow(axis, at, 2 * count - 1).unfold(axis, 1, 2).squeeze(-1) for at in range(5)]
    return taken[0] + 4 * taken[1] + 6 * taken[2] + 4 * taken[3] + taken[4]


def _source(photo: Tensor, frame: Frame, size: int) -> tuple[Tensor, Frame]:
    """The pixels that a chip is interpolated from, not much larger than the chip, and the frame in them."""
    halvings, margin = 0, 2
    half = frame.halved()
    while half.area > size * size:
        half, halvings, margin = half.halved(), halvings + 1, margin * 2 + 2
    left, top, right, bottom = _bounds(frame, margin, photo)
    pixels, frame = photo[top : bottom + 1, left : right + 1], frame.moved(-left, -top)
    for _ in range(halvings):
        pixels, frame = halved(pixels), frame.halved()
    return pixels, frame


def _bounds(frame: Frame, margin: int, photo: Tensor) -> tuple[int, int, int, int]:
    """Left, top, right and bottom pixel of the upright box around the frame, inside the photo."""
    height, width = photo.shape[:2]
    xs, ys = zip(
        *(frame.turned(x, y) for x in (frame.left, frame.right) for y in (frame.top, frame.bottom)), strict=True
    )
    return (
        _rounded(max(min(xs) - margin, 0)),
        _rounded(max(min(ys) - margin, 0)),
        _rounded(min(max(xs) + margin, width - 1)),
        _rounded(min(max(ys) + margin, height - 1)),
    )


def _rounded(value: float) -> int:
    """Halves away from zero, as C's lround; never negative here but for a frame beside its photo."""
    return int(value + 0.5) if value >= 0 else -int(0.5 - value)


def _corners(frame: Frame) -> tuple[float, ...]:
    """x and y of the left top, the right top and the left bottom corner."""
    return (
        *frame.turned(frame.left, frame.top),
        *frame.turned(frame.right, frame.top),
        *frame.turned(frame.left, frame.bottom),
    )


def _interpolated(sources: list[Tensor], corners: list[tuple[float, ...]], size: int) -> Tensor:
    """All chips at once: the sources one behind the other in one table of pixels, four of which make a chip's pixel."""
    device = sources[0].device
    # One black pixel more, for what lies in no source.
    table = torch.cat([*(pixels.reshape(-1, 3) for pixels in sources), sources[0].new_zeros(1, 3)])
    shapes = torch.tensor([pixels.shape[:2] for pixels in sources], device=device)[:, :, None, None]
    heights, widths = shapes[:, 0], shapes[:, 1]
    starts = torch.cumsum(heights * widths, dim=0) - heights * widths
    x, y = _mapped(torch.tensor(corners, dtype=torch.float64, device=device), size)
    left, top = x.floor(), y.floor()
    right_share, bottom_share = (x - left)[..., None], (y - top)[..., None]
    inside = (left >= 0) & (top >= 0) & (left + 1 < widths) & (top + 1 < heights)
    at = torch.where(inside, starts + top.long() * widths + left.long(), len(table) - 1)
    below = torch.where(inside, widths, 0)
    beside = inside.long()
    upper = (1 - right_share) * table[at].double() + right_share * table[at + beside].double()
    lower = (1 - right_share) * table[at + below].double() + right_share * table[at + below + beside].double()
    chips = (1 - bottom_share) * upper + bottom_share * lower
    return torch.where(inside[..., None], chips, 0).to(torch.uint8)


def _mapped(corners: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """(n, size, size) x and y, in its source, of each pixel of each chip."""
    origin, right, bottom = (corners[:, at : at + 2, None, None] for at in (0, 2, 4))
    steps = torch.arange(size, dtype=torch.float64, device=corners.device)
    columns, rows = steps[None, None, None, :], steps[None, None, :, None]
    points = (right - origin) / (size - 1) * columns + (bottom - origin) / (size - 1) * rows + origin
    return points[:, 0], points[:, 1]
