"""From a checkpoint of any kind to the generator of faces that it holds.

In: a file, or the bytes that training left. Out: a `FaceGenerator`. Invariant: its digest is that of the bytes it was
built from.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from faceledger_workloads.synthesis.checkpoint import CheckpointMetadata, read_checkpoint, unpack_checkpoint
from faceledger_workloads.synthesis.cyclegan import CycleGANFaces, Translators
from faceledger_workloads.synthesis.generator import Generator, Precision
from faceledger_workloads.synthesis.mgan import MGANFaces, MGANGenerators
from faceledger_workloads.synthesis.model import FaceGenerator
from faceledger_workloads.synthesis.progan import ProGANFaces, ProGANGenerator
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork

__all__ = ["face_generator", "load_faces", "unpack_faces"]


def load_faces(
    path: Path, sha256: str | None = None, precision: Precision = Precision.EXACT
) -> tuple[FaceGenerator, CheckpointMetadata]:
    """The generator in `path` (.safetensors with its .json beside it); `sha256` pins the file's digest.

    Raises CheckpointDigestDiffersError naming both digests, or CheckpointError naming the file.
    """
    network, metadata = read_checkpoint(path, sha256)
    return face_generator(network, metadata.sha256, precision), metadata


def unpack_faces(content: bytes, metadata: CheckpointMetadata, precision: Precision = Precision.EXACT) -> FaceGenerator:
    """The generator in the bytes of a safetensors file. Raises CheckpointError."""
    return face_generator(unpack_checkpoint(content, metadata, "the trained generator"), metadata.sha256, precision)


def face_generator(network: nn.Module, sha256: str, precision: Precision = Precision.EXACT) -> FaceGenerator:
    """The way to ask `network` for faces; `sha256` is its checkpoint's, `precision` a StyleGAN2's: the others have but
    the exact one. TypeError for what is no generator."""
    match network:
        case GeneratorNetwork():
            return Generator(network, sha256, precision)
        case ProGANGenerator():
            return ProGANFaces(network, sha256)
        case MGANGenerators():
            return MGANFaces(network, sha256)
        case Translators():
            return CycleGANFaces(network, sha256)
        case _:
            raise TypeError(f"{type(network).__name__} makes no faces")
