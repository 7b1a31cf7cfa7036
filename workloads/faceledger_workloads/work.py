"""What travels between the driver and its workers: plain data, no models.

In and out: see each class. Invariant: picklable, and free of anything that only one process has.
"""

from __future__ import annotations

from dataclasses import dataclass

from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.face import Face, Unfit
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.runspec import Encoder, Images, Synthesis

__all__ = ["Draw", "Encoded", "Generated", "WorkerSetup"]

Draw = tuple[int, int]
"""(index of a synthetic face, variation); variation 0 is the face itself."""


@dataclass(frozen=True)
class WorkerSetup:
    """What every worker of a run has in common."""

    source: Images
    chip_size: int
    encoder: Encoder | None
    """None where nothing is encoded: torch is not even loaded then."""
    threads: int
    """For torch. Part of the result: another number may round sums differently in the last bit."""
    device: str
    """`cpu` or `cuda`."""
    synthesis: Synthesis | None = None


@dataclass(frozen=True)
class Encoded:
    """A shard's images, and one embedding for each `Face` among them, in order. `checkpoint` made generated ones."""

    found: tuple[Face | Unfit, ...]
    embeddings: Embeddings
    checkpoint: str | None = None


@dataclass(frozen=True)
class Generated:
    """Synthetic images, one for each draw."""

    checkpoint: str
    images: tuple[Pixels, ...]
