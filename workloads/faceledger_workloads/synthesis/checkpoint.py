"""A generator at rest: NAME.safetensors with its tensors and NAME.json with what they are.

Loading runs no code from the file, checks the sha256 of its bytes against the metadata, and builds the network that
the metadata describe. Writing goes through a temporary file, so that a checkpoint is either whole or not there.
Invariant: a network that was returned has exactly the bytes whose digest stands in the metadata.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from faceledger_workloads.synthesis.architectures import ARCHITECTURES, NetworkConfig, architecture_of

__all__ = [
    "CheckpointDigestDiffersError",
    "CheckpointError",
    "CheckpointMetadata",
    "pack_checkpoint",
    "read_checkpoint",
    "unpack_checkpoint",
    "write_atomically",
    "write_checkpoint",
]


PICKLE_SUFFIXES = frozenset({".ckpt", ".pickle", ".pkl", ".pt", ".pth"})
"""File name endings, lower case, of what runs code when it is read."""


class CheckpointMetadata(BaseModel):
    """The JSON beside the tensors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str = Field(default="StyleGAN2", validate_default=True, description="Kind of generator.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the safetensors file.")
    config: NetworkConfig
    kimg: float = Field(ge=0, description="Thousands of training images that had been shown.")
    data: str = Field(default="", description="What the generator was trained on.")
    data_licence: str = Field(default="", description="Licence status of that data.")

    @field_validator("architecture")
    @classmethod
    def _is_known(cls, architecture: str) -> str:
        if architecture not in ARCHITECTURES:
            raise ValueError(f"{architecture} is none of {', '.join(ARCHITECTURES)}")
        return architecture

    @field_validator("config", mode="before")
    @classmethod
    def _fits_architecture(cls, config: object, info: ValidationInfo) -> object:
        """The same fields may fit several kinds of network, so the kind that is named decides."""
        architecture = ARCHITECTURES.get(info.data.get("architecture", ""))
        return architecture.config.model_validate(config) if architecture and isinstance(config, dict) else config


class CheckpointError(ValueError):
    """The checkpoint cannot be used; the message names the file."""


class CheckpointDigestDiffersError(CheckpointError):
    """The file is not the one that was asked for; the message names both digests."""


def read_checkpoint(path: Path, sha256: str | None = None) -> tuple[nn.Module, CheckpointMetadata]:
    """The network (float32, evaluation mode) and the metadata of `path`, a .safetensors file with its .json beside it.

    `sha256` is the digest that the caller pinned, if any. Raises CheckpointDigestDiffersError when the file's digest is
    not the pinned one or not that of the metadata, CheckpointError when a file is missing, damaged, unfit or a pickle.
    """
    if path.suffix.lower() in PICKLE_SUFFIXES:
        how = "convert it once: python -m faceledger_workloads.synthesis.convert"
        raise CheckpointError(f"{path}: a pickle could run any code and is never read here; {how}")
    try:
        content = path.read_bytes()
        # The pin comes first: what is not the user's file is not worth a word about its description.
        digest = hashlib.sha256(content).hexdigest()
        _expect(path, digest, sha256 or digest)
        metadata = CheckpointMetadata.model_validate_json(path.with_suffix(".json").read_bytes())
    except OSError as error:
        raise CheckpointError(f"{error.filename}: {error.strerror}") from error
    except ValidationError as error:
        raise CheckpointError(f"{path.with_suffix('.json')}: {error}") from error
    _expect(path, digest, metadata.sha256)
    return _build(path, content, metadata), metadata


def write_checkpoint(
    path: Path, network: nn.Module, *, kimg: float, data: str, data_licence: str = ""
) -> CheckpointMetadata:
    """Store `network` in half precision at `path` (.safetensors) and its metadata beside it; returns the metadata."""
    content, metadata = pack_checkpoint(network, kimg=kimg, data=data, data_licence=data_licence)
    write_atomically(path, content)
    write_atomically(path.with_suffix(".json"), metadata.model_dump_json(indent=2).encode() + b"\n")
    return metadata


def pack_checkpoint(
    network: nn.Module, *, kimg: float, data: str, data_licence: str = "", half: bool = True
) -> tuple[bytes, CheckpointMetadata]:
    """The bytes of a safetensors file with `network` in half (or single) precision, and their metadata."""
    dtype = torch.float16 if half else torch.float32
    tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in network.state_dict().items()}
    content = save_tensors(tensors)
    metadata = CheckpointMetadata(
        architecture=architecture_of(network),
        sha256=hashlib.sha256(content).hexdigest(),
        config=network.config,
        kimg=kimg,
        data=data,
        data_licence=data_licence,
    )
    return content, metadata


def unpack_checkpoint(content: bytes, metadata: CheckpointMetadata, name: str) -> nn.Module:
    """The network of `pack_checkpoint`; `name` is what a CheckpointError calls the file."""
    _expect(name, hashlib.sha256(content).hexdigest(), metadata.sha256)
    return _build(name, content, metadata)


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path`: readers see the old file or the whole new one, also after a crash or a full disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _expect(path: Path | str, actual: str, expected: str) -> None:
    if actual != expected:
        raise CheckpointDigestDiffersError(f"{path}: sha256 is {actual}, expected {expected}")


def _build(path: Path | str, content: bytes, metadata: CheckpointMetadata) -> nn.Module:
    network: nn.Module = ARCHITECTURES[metadata.architecture].network(metadata.config)
    try:
        tensors: dict[str, torch.Tensor] = load_tensors(content)
        network.load_state_dict(tensors, strict=True)
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"{path}: tensors do not fit the configuration: {error}") from error
    return network.eval().requires_grad_(False)
