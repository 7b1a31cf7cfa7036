"""Faces from a checkpoint: a seed and indices in, uint8 pixels out.

One face is computed at a time, with constant noise and in double precision: its rounding errors are some ten orders of
magnitude below one grey level, so batches, threads, workers and kinds of processors do not show in the bytes.
Invariant: face i is a function of (checkpoint sha256, seed, i, truncation) alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from faceledger_workloads.synthesis.checkpoint import CheckpointError, read_checkpoint
from faceledger_workloads.synthesis.latent import latent
from faceledger_workloads.synthesis.model import CannotVaryError, Latent, Subject
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork

__all__ = ["DEFAULT_TRUNCATION", "Generator", "bundled_checkpoint", "load_checkpoint"]

DEFAULT_TRUNCATION = 0.7
"""Usual compromise: faces closer to the mean look better and differ less."""

VARIED_RESOLUTION = 32
"""A variation takes the styles from this resolution (pixels) on from another face: light, colours and skin change, the
shape of the face, which the coarser layers make, stays."""

VARIED_SHARE = 0.5
"""How far those styles move towards the other face's; the coarser ones do not move."""

_BUNDLED = Path(__file__).parent / "checkpoints"


class Generator:
    """Samples and variations of one checkpoint."""

    def __init__(self, network: GeneratorNetwork, sha256: str) -> None:
        self.sha256 = sha256
        self.resolution = network.config.img_resolution
        self._config = network.config
        self._network = network.double().eval().requires_grad_(False)

    def sample(self, seed: int, indices: Sequence[int], truncation: float = DEFAULT_TRUNCATION) -> NDArray[np.uint8]:
        """(len(indices), resolution, resolution, 3), RGB. Raises ValueError naming a number out of range."""
        faces = [self._render(self._styles(seed, index, 0, truncation)) for index in indices]
        return np.stack(faces) if faces else np.empty((0, self.resolution, self.resolution, 3), np.uint8)

    def vary(self, subject: Subject, variation: int) -> NDArray[np.uint8]:
        """(resolution, resolution, 3): a generated face in other light and colours, different for each `variation`.

        Variation 0 is the face itself. Raises CannotVaryError for pixels: they have no latent here.
        """
        if not isinstance(subject, Latent):
            raise CannotVaryError("StyleGAN2 varies faces that it made, not images")
        ws = self._styles(subject.seed, subject.index, 0, subject.truncation)
        if variation:
            other = self._styles(subject.seed, subject.index, variation, subject.truncation)
            ws = ws.lerp(other, self._varied_share())
        return self._render(ws)

    @torch.no_grad()
    def _styles(self, seed: int, index: int, variation: int, truncation: float) -> torch.Tensor:
        """(1, num_ws, w_dim)."""
        if not 0 <= truncation <= 1:
            raise ValueError(f"truncation {truncation}: must lie between 0 and 1")
        z = torch.from_numpy(latent(seed, index, variation, self._config.z_dim))
        return self._network.styles(z.unsqueeze(0), truncation)

    def _varied_share(self) -> torch.Tensor:
        """(num_ws, 1): by how much each layer's style moves towards the other face."""
        coarse = 2 * sum(resolution < VARIED_RESOLUTION for resolution in self._config.block_resolutions) - 1
        return torch.where(torch.arange(self._config.num_ws) < coarse, 0.0, VARIED_SHARE).double().unsqueeze(1)

    @torch.no_grad()
    def _render(self, ws: torch.Tensor) -> NDArray[np.uint8]:
        """(resolution, resolution, 3)."""
        image = self._network.synthesis(ws)[0].permute(1, 2, 0)
        levels = ((image + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        pixels: NDArray[np.uint8] = levels.contiguous().numpy()
        return pixels


def load_checkpoint(path: Path, sha256: str | None = None) -> Generator:
    """The generator in `path` (.safetensors with its .json beside it); `sha256` pins the file's digest.

    Raises CheckpointDigestDiffersError naming both digests, or CheckpointError naming the file.
    """
    network, metadata = read_checkpoint(path, sha256)
    if not isinstance(network, GeneratorNetwork):
        raise CheckpointError(f"{path}: a {metadata.architecture}, not a StyleGAN2")
    return Generator(network, metadata.sha256)


def bundled_checkpoint(name: str) -> Path:
    """Where the package keeps the checkpoint `name`; raises CheckpointError naming the ones there are."""
    known = sorted(path.stem for path in _BUNDLED.glob("*.safetensors"))
    if name not in known:
        raise CheckpointError(f"no bundled checkpoint {name!r}; there are: {', '.join(known)}")
    return _BUNDLED / f"{name}.safetensors"
