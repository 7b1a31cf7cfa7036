"""Variations of a photo, enrolled or generated: a turned head, other light, another expression.

In: the pixels of an upright, roughly centred face, and the number of the variation. Out: pixels of the same size. None
of it invents a person: geometry bends by a few per cent and light changes smoothly, and the encoder has the last word.
Invariant: a variation is a function of (pixels, variation) alone.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

__all__ = ["vary_image"]

MAX_TURN = 0.12
"""Strongest foreshortening of one side of the face by a turned head, as a share of its width."""

MAX_ROLL = 0.12
"""Largest tilt, radians (7 degrees)."""

MAX_LIGHT = 0.35
"""Strongest gain at the brighter edge by light from one side; the other edge loses as much."""

MAX_GAMMA = 0.3
"""Largest exponent by which exposure changes, as a power of two."""

MOUTH = (0.0, 0.45)
"""Where the mouth of a centred face is, x and y from -1 to 1."""

MAX_MOUTH = 0.05
"""Largest displacement of the mouth's corners, as a share of half the image's side."""


def vary_image(pixels: NDArray[np.uint8], variation: int) -> NDArray[np.uint8]:
    """(h, w, 3), RGB: turned, lit and with a mouth moved by amounts that (pixels, variation) decide.

    Variation 0 is the image itself. Raises ValueError for a negative number.
    """
    if variation < 0:
        raise ValueError(f"variation {variation}: must not be negative")
    if variation == 0:
        return pixels
    turn, nod, roll, side, above, exposure, corners, opening = _amounts(pixels, variation)
    image = torch.from_numpy(pixels.astype(np.float64) / 255).permute(2, 0, 1).unsqueeze(0)
    grid = _grid(image.shape[2], image.shape[3])
    bent = _turned(_with_expression(grid, corners, opening), turn, nod, roll)
    moved = functional.grid_sample(image, bent.unsqueeze(0), "bicubic", "reflection", align_corners=False)
    lit = moved.clamp(0, 1) ** (2 ** (exposure * MAX_GAMMA)) * _light(grid, side, above)
    levels = (lit[0].permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8)
    result: NDArray[np.uint8] = levels.contiguous().numpy()
    return result


def _amounts(pixels: NDArray[np.uint8], variation: int) -> tuple[float, ...]:
    """Eight numbers between -1 and 1."""
    address = hashlib.sha256(f"faceledger-variation:{variation}:".encode() + pixels.tobytes()).digest()
    random = np.random.RandomState(np.frombuffer(address, dtype=">u4").astype(np.uint32))
    return tuple(float(number) for number in random.uniform(-1, 1, 8))


def _grid(height: int, width: int) -> torch.Tensor:
    """(h, w, 2): x and y of each pixel's centre, -1 to 1 over the image."""
    x = (torch.arange(width, dtype=torch.float64) * 2 + 1) / width - 1
    y = (torch.arange(height, dtype=torch.float64) * 2 + 1) / height - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=2)


def _turned(grid: torch.Tensor, turn: float, nod: float, roll: float) -> torch.Tensor:
    """A head is round: its middle moves to the side it turns to, and its outline stays."""
    cos, sin = np.cos(roll * MAX_ROLL), np.sin(roll * MAX_ROLL)
    x, y = grid.unbind(dim=2)
    x, y = x * cos - y * sin, x * sin + y * cos
    bulge = torch.exp(-(x.square() + y.square()) * 2)
    return torch.stack([x + turn * MAX_TURN * bulge, y + nod * MAX_TURN / 2 * bulge], dim=2)


def _with_expression(grid: torch.Tensor, corners: float, opening: float) -> torch.Tensor:
    """The corners of the mouth go up or down, and its middle the other way or not."""
    x, y = (grid - torch.tensor(MOUTH, dtype=grid.dtype)).unbind(dim=2)
    near = torch.exp(-(x.square() / 0.08 + y.square() / 0.03))
    lift = (corners * (x.square() / 0.04).clamp(max=1) - opening * y / 0.3) * MAX_MOUTH * near
    return grid + torch.stack([torch.zeros_like(lift), lift], dim=2)


def _light(grid: torch.Tensor, side: float, above: float) -> torch.Tensor:
    """(h, w): gains of light that comes more from one side."""
    return 1 + MAX_LIGHT * (side * grid[..., 0] + above * grid[..., 1]) / 2
