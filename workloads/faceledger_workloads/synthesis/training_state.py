"""A training run at rest: one safetensors file with networks, moving average, optimisers and counters.

Goes in: a Trainer. Comes out: the same Trainer, later, in another process. No pickle is involved.
Invariant: a run that is saved and resumed continues bit by bit as if it had not been interrupted (on the same machine
and with the same number of threads).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from faceledger_workloads.synthesis.checkpoint import CheckpointError, write_atomically
from faceledger_workloads.synthesis.model import FaceTrainer
from faceledger_workloads.synthesis.training import Trainer, TrainingConfig

__all__ = ["load_state", "save_state"]


def save_state(trainer: FaceTrainer, path: Path) -> None:
    """Write everything the next step depends on."""
    tensors = {
        f"{part}.{name}": tensor.detach().cpu().clone()
        for part, module in trainer.modules().items()
        for name, tensor in module.state_dict().items()
    }
    for part, optimizer in trainer.optimizers().items():
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"{part}.{index}.{name}": moment.cpu().clone() for name, moment in moments.items()}
    counters = json.dumps(dict(trainer.counters()))
    metadata = {"config": trainer.config.model_dump_json(), "counters": counters}
    write_atomically(path, save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata))


def load_state(path: Path, device: torch.device | None = None) -> Trainer:
    """The Trainer that `save_state` wrote; raises CheckpointError naming the file when it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        trainer = Trainer(TrainingConfig.model_validate_json(metadata["config"]), device)
        for part, module in trainer.modules().items():
            module.load_state_dict(_under(f"{part}.", tensors))
        for part, optimizer in trainer.optimizers().items():
            _load_moments(optimizer, _under(f"{part}.", tensors))
    except (OSError, SafetensorError, ValidationError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path}: not a training state: {error}") from error
    trainer.restore(json.loads(metadata["counters"]))
    return trainer


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _load_moments(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, moment = name.split(".")
        moments.setdefault(int(index), {})[moment] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
