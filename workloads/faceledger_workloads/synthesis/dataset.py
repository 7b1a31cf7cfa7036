"""Training images: a folder in, one uint8 tensor out, and the batch that belongs to a training step.

Faces of a training set are small and few enough to stay in memory (10,000 of 64 px are 120 MB).
Invariant: the batch of a step is a function of (images, seed, step) alone, so a resumed run sees what an
uninterrupted one would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

__all__ = ["IMAGE_SUFFIXES", "MIN_IMAGES", "TrainingDataError", "TrainingImages", "load_training_images"]

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})
"""File name endings, lower case, that are read as images."""

MIN_IMAGES = 64
"""With fewer the discriminator memorises the set at once, and every generated face is a copy."""


class TrainingDataError(ValueError):
    """The folder cannot be trained on; the message names it, or the file that is at fault."""


@dataclass(frozen=True)
class TrainingImages:
    """Pixels (n, 3, r, r), uint8."""

    pixels: torch.Tensor

    def batch(self, size: int, random: torch.Generator) -> torch.Tensor:
        """(size, 3, r, r) in [-1, 1], drawn with replacement and mirrored by a coin; `random` is a CPU generator."""
        chosen = torch.randint(len(self.pixels), (size,), generator=random)
        mirrored = torch.rand(size, generator=random) < 0.5
        images = self.pixels[chosen].float() / 127.5 - 1
        return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)


def load_training_images(folder: Path, resolution: int, crop: float = 1.0) -> TrainingImages:
    """Read every image of `folder` (not of its subfolders) in order of name.

    The central square is kept, its side times `crop`, and resized to `resolution` pixels.
    Raises TrainingDataError when a file cannot be decoded or there are fewer than MIN_IMAGES.
    """
    if not folder.is_dir():
        raise TrainingDataError(f"{folder}: not a folder")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if len(paths) < MIN_IMAGES:
        raise TrainingDataError(f"{folder}: {len(paths)} images, at least {MIN_IMAGES} are needed to train")
    pixels = np.stack([_read(path, resolution, crop) for path in paths])
    return TrainingImages(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous())


def _read(path: Path, resolution: int, crop: float) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(r, r, 3)."""
    try:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise TrainingDataError(f"{path}: {error}") from error
    side = min(rgb.size) * crop
    left, top = (rgb.width - side) / 2, (rgb.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(rgb.resize((resolution, resolution), Image.Resampling.LANCZOS, box=box, reducing_gap=None))
