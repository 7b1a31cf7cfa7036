"""The generator of a run, as a worker uses it: which checkpoint, which seed, which truncation.

In: the run's synthesis settings. Out: pixels for (index, variation). Invariants: the checkpoint is the one that the
settings pin, or the run fails naming the field; a face is the same however the draws are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faceledger_workloads.failures import RunFailed
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import Checkpoint, Synthesis
from faceledger_workloads.synthesis.checkpoint import CheckpointDigestDiffersError, CheckpointError, CheckpointMetadata
from faceledger_workloads.synthesis.faces import load_faces, unpack_faces
from faceledger_workloads.synthesis.generator import Precision, bundled_checkpoint
from faceledger_workloads.synthesis.model import FaceGenerator, Latent
from faceledger_workloads.work import Draw, TrainedGenerator

__all__ = ["Sampler", "load_sampler", "trained_sampler"]


@dataclass(frozen=True)
class Sampler:
    """A loaded generator with the numbers that it is asked with."""

    generator: FaceGenerator
    seed: int
    truncation: float

    @property
    def checkpoint(self) -> str:
        """Digest of the checkpoint: `sha256:<hex>`."""
        return f"sha256:{self.generator.sha256}"

    def draw(self, draws: Sequence[Draw]) -> Iterator[Pixels]:
        """One image a draw."""
        faces = [(Latent(self.seed, index, self.truncation), variation) for index, variation in draws]
        yield from self.generator.draw(faces)


def load_sampler(synthesis: Synthesis) -> Sampler:
    """Raises `RunFailed` (CheckpointDigestMismatch, CheckpointUnreadable) naming `synthesis.checkpoint`."""
    assert synthesis.checkpoint is not None, "the run trains its own generator"
    try:
        path, precision = _path(synthesis.checkpoint), Precision(synthesis.precision)
        generator, metadata = load_faces(path, synthesis.checkpoint.sha256, precision)
    except CheckpointDigestDiffersError as error:
        message = f"synthesis.checkpoint: {error}"
        raise RunFailed(FailureReason.CHECKPOINT_DIGEST_MISMATCH, message) from error
    except CheckpointError as error:
        raise RunFailed(FailureReason.CHECKPOINT_UNREADABLE, f"synthesis.checkpoint: {error}") from error
    if metadata.architecture != synthesis.generator:
        message = f"synthesis.generator is {synthesis.generator}, and the checkpoint holds a {metadata.architecture}"
        raise RunFailed(FailureReason.GENERATOR_UNSUPPORTED, message)
    return Sampler(generator, synthesis.seed, float(synthesis.truncation))


def trained_sampler(synthesis: Synthesis, trained: TrainedGenerator) -> Sampler:
    """The generator that the run itself trained."""
    metadata = CheckpointMetadata.model_validate_json(trained.metadata)
    generator = unpack_faces(trained.content, metadata, Precision(synthesis.precision))
    return Sampler(generator, synthesis.seed, float(synthesis.truncation))


def _path(checkpoint: Checkpoint) -> Path:
    if checkpoint.bundled is not None:
        return bundled_checkpoint(checkpoint.bundled)
    if checkpoint.path is None:
        raise CheckpointError("neither bundled nor a file")
    return Path(checkpoint.path)
