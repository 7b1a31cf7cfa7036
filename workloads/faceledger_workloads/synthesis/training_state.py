"""A training run at rest: one safetensors file with networks, moving average, optimisers and counters.

Goes in: a FaceTrainer of any kind. Comes out: the same, later, in another process. No pickle is involved.
Invariant: a run that is saved and resumed continues bit by bit as if it had not been interrupted (on the same machine
and with the same number of threads).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from faceledger_workloads.synthesis.checkpoint import CheckpointError, write_atomically
from faceledger_workloads.synthesis.model import FaceTrainer
from faceledger_workloads.synthesis.share import ALONE, Share
from faceledger_workloads.synthesis.trainers import build_trainer, kind_of

__all__ = ["load_state", "pack_state", "save_state", "unpack_state"]


def pack_state(trainer: FaceTrainer) -> bytes:
    """Everything the next step depends on, as the bytes of a safetensors file."""
    tensors = {
        f"{part}.{name}": tensor.detach().cpu().clone()
        for part, module in trainer.modules().items()
        for name, tensor in module.state_dict().items()
    }
    for part, optimizer in trainer.optimizers().items():
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"{part}.{index}.{name}": moment.cpu().clone() for name, moment in moments.items()}
    run = {
        "kind": kind_of(trainer),
        "config": trainer.config.model_dump_json(),
        "counters": json.dumps(dict(trainer.counters())),
    }
    # In one entry: safetensors writes several in an order of its own, and equal states have equal bytes.
    return save({name: tensor.contiguous() for name, tensor in tensors.items()}, {"run": json.dumps(run)})


def unpack_state(
    content: bytes, device: torch.device | None = None, share: Share = ALONE, name: str = "training state"
) -> FaceTrainer:
    """The run that `pack_state` packed; raises CheckpointError, which calls it `name`, when it is damaged."""
    try:
        tensors, metadata = load(content), _metadata(content)
        trainer = build_trainer(metadata.get("kind", "StyleGAN2"), metadata["config"], device, share)
        for part, module in trainer.modules().items():
            module.load_state_dict(_under(f"{part}.", tensors))
        for part, optimizer in trainer.optimizers().items():
            _load_moments(optimizer, _under(f"{part}.", tensors))
        trainer.restore(json.loads(metadata["counters"]))
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{name}: not a training state: {error}") from error
    return trainer


def save_state(trainer: FaceTrainer, path: Path) -> None:
    """Write `pack_state` to `path`."""
    write_atomically(path, pack_state(trainer))


def load_state(path: Path, device: torch.device | None = None) -> FaceTrainer:
    """The run that `save_state` wrote; raises CheckpointError naming the file when it is missing or damaged."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    return unpack_state(content, device, name=str(path))


def _metadata(content: bytes) -> dict[str, str]:
    """The text that a safetensors file carries: a JSON header comes after its length (8 bytes, little-endian)."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])["__metadata__"]
    # The first states had the entries of the run themselves, and were all of StyleGAN2.
    metadata: dict[str, str] = json.loads(header["run"]) if "run" in header else header
    return metadata


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _load_moments(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, moment = name.split(".")
        moments.setdefault(int(index), {})[moment] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
