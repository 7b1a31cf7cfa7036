"""Faces from a checkpoint: a seed and indices in, uint8 pixels out.

Exactly: one face at a time, with constant noise and in double precision; its rounding errors are some ten orders of
magnitude below one grey level, so batches, threads, workers and kinds of processors do not show in the bytes.
Fast: bfloat16 in batches of one fixed size, whose rows do not influence each other; the bytes are those of one kind of
processor, and about one grey level away from the exact ones.
Invariant: face i is a function of (checkpoint sha256, seed, i, truncation, precision) alone.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from faceledger_workloads.synthesis.checkpoint import CheckpointError, read_checkpoint
from faceledger_workloads.synthesis.directions import closed_form_directions
from faceledger_workloads.synthesis.image_variations import vary_image
from faceledger_workloads.synthesis.latent import latent
from faceledger_workloads.synthesis.model import Latent, Subject
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork

__all__ = ["DEFAULT_TRUNCATION", "Generator", "Precision", "bundled_checkpoint", "load_checkpoint"]

DEFAULT_TRUNCATION = 0.7
"""Usual compromise: faces closer to the mean look better and differ less."""

VARIED_RESOLUTION = 32
"""Style mixing takes the styles from this resolution (pixels) on from another face: light, colours and skin change, the
shape of the face, which the coarser layers make, stays."""

VARIED_SHARE = 0.5
"""How far those styles move towards the other face's; the coarser ones do not move."""

MOVED_RESOLUTIONS = (8, 16)
"""Layers (pixels) whose styles move along closed-form directions: pose and expression, less who it is."""

DIRECTIONS = 6
"""Closed-form directions that variations use, strongest first."""

MOVED_SHARE = 0.25
"""How far a style moves along a direction, as a share of its distance from the mean style."""

FAST_BATCH = 8
"""Images of a bfloat16 batch, always: another number could take another routine, which rounds otherwise."""

_BUNDLED = Path(__file__).parent / "checkpoints"


class Precision(StrEnum):
    """How sampling computes."""

    EXACT = "Float32"
    """The same bytes on every machine: sums are taken in double precision, beyond what a pixel can show."""
    FAST = "BFloat16"
    """Many times faster for large networks; the same bytes on one kind of processor."""


class Generator:
    """Samples and variations of one checkpoint."""

    def __init__(self, network: GeneratorNetwork, sha256: str, precision: Precision = Precision.EXACT) -> None:
        self.sha256 = sha256
        self.resolution = network.config.img_resolution
        self._config = network.config
        self._precision = precision
        network = network.eval().requires_grad_(False)
        self._mapping = copy.deepcopy(network.mapping).double()
        self._directions = closed_form_directions(network, MOVED_RESOLUTIONS, DIRECTIONS)
        exact = precision is Precision.EXACT
        self._synthesis = network.synthesis.double() if exact else network.synthesis.prepare(torch.bfloat16)

    def sample(self, seed: int, indices: Sequence[int], truncation: float = DEFAULT_TRUNCATION) -> NDArray[np.uint8]:
        """(len(indices), resolution, resolution, 3), RGB. Raises ValueError naming a number out of range."""
        return self.draw([(Latent(seed, index, truncation), 0) for index in indices])

    def draw(self, faces: Sequence[tuple[Latent, int]]) -> NDArray[np.uint8]:
        """(len(faces), resolution, resolution, 3): what `vary` gives for each (face, variation), in batches."""
        if not faces:
            return np.empty((0, self.resolution, self.resolution, 3), np.uint8)
        return self._render(torch.cat([self._varied_styles(*face) for face in faces]))

    def vary(self, subject: Subject, variation: int) -> NDArray[np.uint8]:
        """(r, r, 3): the same person again, different for each `variation`; variation 0 is the face itself.

        A generated face takes other light and colours from another face (odd numbers) or moves along a closed-form
        direction (even ones). An image is turned, lit and bent.
        """
        if not isinstance(subject, Latent):
            return vary_image(subject, variation)
        pixels: NDArray[np.uint8] = self._render(self._varied_styles(subject, variation))[0]
        return pixels

    def _varied_styles(self, subject: Latent, variation: int) -> torch.Tensor:
        """(1, num_ws, w_dim), float64."""
        ws = self._styles(subject.seed, subject.index, 0, subject.truncation)
        if variation % 2:
            other = self._styles(subject.seed, subject.index, variation, subject.truncation)
            ws = ws.lerp(other, self._layers(VARIED_RESOLUTION, self.resolution) * VARIED_SHARE)
        elif variation:
            ws = ws + self._layers(*MOVED_RESOLUTIONS) * self._move(ws, variation // 2 - 1)
        return ws

    @torch.no_grad()
    def _styles(self, seed: int, index: int, variation: int, truncation: float) -> torch.Tensor:
        """(1, num_ws, w_dim), float64."""
        if not 0 <= truncation <= 1:
            raise ValueError(f"truncation {truncation}: must lie between 0 and 1")
        z = torch.from_numpy(latent(seed, index, variation, self._config.z_dim)).unsqueeze(0)
        ws = self._mapping(z).unsqueeze(1).expand(-1, self._config.num_ws, -1)
        return self._mapping.truncate(ws, truncation)

    def _move(self, ws: torch.Tensor, number: int) -> torch.Tensor:
        """(w_dim,): both ways along every direction before any is gone a longer way."""
        direction = self._directions[number // 2 % DIRECTIONS]
        length = float((ws[0, 0] - self._mapping.w_avg).norm()) * MOVED_SHARE * (1 + number // (2 * DIRECTIONS))
        return direction * (-length if number % 2 else length)

    def _layers(self, first: int, last: int) -> torch.Tensor:
        """(num_ws, 1): 1 for the styles of the convolutions at `first` to `last` px and 0 for others."""
        sizes = [4] + [size for size in self._config.block_resolutions[1:] for _ in range(2)] + [self.resolution]
        return torch.tensor([float(first <= size <= last) for size in sizes], dtype=torch.float64).unsqueeze(1)

    @torch.no_grad()
    def _render(self, ws: torch.Tensor) -> NDArray[np.uint8]:
        """(n, r, r, 3)."""
        batch = 1 if self._precision is Precision.EXACT else FAST_BATCH
        pixels: NDArray[np.uint8] = torch.cat([self._images(part) for part in torch.split(ws, batch)]).numpy()
        return pixels

    def _images(self, ws: torch.Tensor) -> torch.Tensor:
        """(n, r, r, 3), uint8."""
        if self._precision is Precision.EXACT:
            images = self._synthesis(ws)
        else:
            whole = torch.cat([ws, ws[-1:].expand(FAST_BATCH - len(ws), -1, -1)]).float()
            images = self._synthesis(whole, dtype=torch.bfloat16)[: len(ws)]
        levels: torch.Tensor = ((images.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255)
        return levels.to(torch.uint8).contiguous()


def load_checkpoint(path: Path, sha256: str | None = None, precision: Precision = Precision.EXACT) -> Generator:
    """The generator in `path` (.safetensors with its .json beside it); `sha256` pins the file's digest.

    Raises CheckpointDigestDiffersError naming both digests, or CheckpointError naming the file.
    """
    network, metadata = read_checkpoint(path, sha256)
    if not isinstance(network, GeneratorNetwork):
        raise CheckpointError(f"{path}: a {metadata.architecture}, not a StyleGAN2")
    return Generator(network, metadata.sha256, precision)


def bundled_checkpoint(name: str) -> Path:
    """Where the package keeps the checkpoint `name`; raises CheckpointError naming the ones there are."""
    known = sorted(path.stem for path in _BUNDLED.glob("*.safetensors"))
    if name not in known:
        raise CheckpointError(f"no bundled checkpoint {name!r}; there are: {', '.join(known)}")
    return _BUNDLED / f"{name}.safetensors"
