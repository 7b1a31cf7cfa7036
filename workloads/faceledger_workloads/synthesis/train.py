"""`python -m faceledger_workloads.synthesis.train --data DIR --out DIR --kimg N`: trains, saves, resumes.

Goes in: a folder of face images. Comes out in --out: state.safetensors (to resume from), generator.safetensors with
generator.json (the moving average, ready to sample), and on standard output one JSON object a line of progress.
Invariant: whatever is in --out is whole, and running the same command again continues where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from faceledger_workloads.synthesis.checkpoint import CheckpointError, write_checkpoint
from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.dataset import TrainingDataError, TrainingImages, load_training_images
from faceledger_workloads.synthesis.model import TrainingDivergedError
from faceledger_workloads.synthesis.training import Trainer, TrainingConfig
from faceledger_workloads.synthesis.training_state import load_state, save_state

__all__ = ["Provenance", "main", "train"]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the run reached --kimg, 2 when the input or the losses do not allow it."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        trainer = _start_or_resume(options)
        images = load_training_images(options.data, trainer.config.network.img_resolution, options.crop)
        provenance = Provenance(options.describe, options.data_licence)
        train(trainer, images, options.out, provenance, kimg=options.kimg, save_kimg=options.save_kimg)
    except (CheckpointError, TrainingDataError, TrainingDivergedError) as error:
        print(json.dumps({"event": "failed", "reason": str(error)}), file=sys.stderr)  # noqa: T201
        return 2
    return 0


@dataclass(frozen=True)
class Provenance:
    """What a checkpoint's metadata says of its data."""

    data: str = ""
    data_licence: str = ""


def train(
    trainer: Trainer, images: TrainingImages, out: Path, provenance: Provenance, *, kimg: float, save_kimg: float
) -> None:
    """Step until `kimg` thousand images were shown; save to `out` every `save_kimg` thousand and at the end."""
    started, first = time.monotonic(), trainer.kimg
    next_save = trainer.kimg + save_kimg
    while trainer.kimg < kimg:
        report = trainer.train_step(images)
        if trainer.kimg < min(next_save, kimg):
            continue
        next_save += save_kimg
        save_state(trainer, out / "state.safetensors")
        write_checkpoint(out / "generator.safetensors", trainer.average, kimg=trainer.kimg, **asdict(provenance))
        speed = (trainer.kimg - first) * 1000 / (time.monotonic() - started)
        print(json.dumps({"event": "saved", **asdict(report), "images_per_second": speed}), flush=True)  # noqa: T201


def _start_or_resume(options: argparse.Namespace) -> Trainer:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    state = options.out / "state.safetensors"
    if state.exists():
        trainer = load_state(state, device)
        if not isinstance(trainer, Trainer):
            raise CheckpointError(f"{state}: not the state of a StyleGAN2")
        return trainer
    network = StyleGAN2Config(
        img_resolution=options.resolution, channel_base=options.channel_base, channel_max=options.channel_max
    )
    config = TrainingConfig(
        network=network,
        seed=options.seed,
        batch=options.batch,
        learning_rate=options.learning_rate,
        r1_gamma=options.r1_gamma,
        path_length_weight=options.path_length_weight,
        identity_weight=options.identity_weight,
        noise=options.noise,
        augment_kimg=options.augment_kimg,
        bfloat16=options.bfloat16,
    )
    return Trainer(config, device)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="faceledger_workloads.synthesis.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of face images")
    parser.add_argument("--out", type=Path, required=True, help="folder for state and generator")
    parser.add_argument("--kimg", type=float, required=True, help="train until this many thousand images were shown")
    parser.add_argument("--save-kimg", type=float, default=4, help="thousand images from one save to the next")
    parser.add_argument("--describe", default="", help="what the data is, for the checkpoint's metadata")
    parser.add_argument("--data-licence", default="", help="licence status of the data, for the same place")
    parser.add_argument("--crop", type=float, default=1.0, help="share of the central square to keep")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    network = parser.add_argument_group("a new run's configuration (a resumed run keeps its own)")
    network.add_argument("--resolution", type=int, default=64, help="pixels a side, a power of two")
    network.add_argument("--channel-base", type=int, default=1024, help="channels times resolution")
    network.add_argument("--channel-max", type=int, default=128, help="most channels anywhere")
    network.add_argument("--seed", type=int, default=0, help="start of all randomness")
    network.add_argument("--batch", type=int, default=16, help="images a step")
    network.add_argument("--learning-rate", type=float, default=0.002, help="of Adam")
    network.add_argument("--r1-gamma", type=float, default=1.0, help="weight of the R1 penalty")
    network.add_argument("--augment-kimg", type=float, default=500, help="images in which augmentation may go 0 to 1")
    network.add_argument("--path-length-weight", type=float, default=0.0, help="weight of the path length penalty")
    network.add_argument("--identity-weight", type=float, default=0.0, help="weight of the identity-similarity loss")
    network.add_argument("--noise", action="store_true", help="learn per-pixel noise (for long runs)")
    network.add_argument("--bfloat16", action="store_true", help="activations in bfloat16 (fast where AMX is)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
