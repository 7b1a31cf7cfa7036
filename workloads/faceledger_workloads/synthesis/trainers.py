"""The kinds of training run by name: what is set, and what is trained with it.

In: a kind's name and its configuration as JSON, or the few numbers that a data set's owner sets. Out: a `FaceTrainer`.
Invariant: the same configuration gives the same initial weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import BaseModel

from faceledger_workloads.synthesis.cyclegan import CycleGANTrainer, CycleGANTrainingConfig
from faceledger_workloads.synthesis.mgan import MGANTrainer, MGANTrainingConfig
from faceledger_workloads.synthesis.model import FaceTrainer
from faceledger_workloads.synthesis.progan import ProGANTrainer, ProGANTrainingConfig
from faceledger_workloads.synthesis.share import ALONE, Share
from faceledger_workloads.synthesis.training import Trainer, TrainingConfig

__all__ = ["TRAINERS", "TrainerKind", "build_trainer", "kind_of", "training_config"]


@dataclass(frozen=True)
class TrainerKind:
    """`trainer(config, device, share)` is a run at its beginning."""

    config: type[BaseModel]
    trainer: Any
    """Its class."""
    several_processes: bool = True
    """CycleGAN's pool of earlier images belongs to one process."""


TRAINERS: Mapping[str, TrainerKind] = {
    "StyleGAN2": TrainerKind(TrainingConfig, Trainer),
    "ProGAN": TrainerKind(ProGANTrainingConfig, ProGANTrainer),
    "CycleGAN": TrainerKind(CycleGANTrainingConfig, CycleGANTrainer, several_processes=False),
    "MGAN": TrainerKind(MGANTrainingConfig, MGANTrainer),
}


def build_trainer(kind: str, config_json: str, device: torch.device | None = None, share: Share = ALONE) -> FaceTrainer:
    """A run at its beginning. Raises KeyError for an unknown kind, pydantic's ValidationError for a wrong field."""
    config = TRAINERS[kind].config.model_validate_json(config_json)
    trainer: FaceTrainer = TRAINERS[kind].trainer(config, device, share)
    return trainer


def kind_of(trainer: FaceTrainer) -> str:
    """The name under which `build_trainer` makes such a run."""
    return next(name for name, kind in TRAINERS.items() if type(trainer) is kind.trainer)


def training_config(
    kind: str,
    *,
    resolution: int,
    channels: int,
    seed: int,
    batch: int,
    learning_rate: float | None,
    kimg: float,
    bfloat16: bool,
) -> BaseModel:
    """The configuration of a run of `kimg`. `channels`: the most anywhere in a network. Raises ValidationError."""
    settings: dict[str, Any] = {"seed": seed, "batch": batch, "bfloat16": bfloat16}
    if learning_rate is not None:
        settings["learning_rate"] = learning_rate
    sizes: dict[str, Any] = {"img_resolution": resolution}
    if kind == "CycleGAN":
        sizes["channels"] = max(4, channels // 4)
    else:
        sizes |= {"channel_max": channels, "channel_base": 16 * channels}
    if kind == "ProGAN":
        # Full resolution is reached after two thirds of the run: each doubling fades in and settles.
        doublings = max(1, resolution.bit_length() - 3)
        settings["phase_kimg"] = kimg / (3 * doublings)
    return TRAINERS[kind].config.model_validate({"network": sizes, **settings})
