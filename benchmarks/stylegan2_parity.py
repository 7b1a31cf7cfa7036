"""Compares this project's StyleGAN2 with a checkout of the published stylegan2-ada-pytorch, on random weights.

`python benchmarks/stylegan2_parity.py CHECKOUT [--write-golden]` prints one JSON object a case. The checkout is no part
of this project (its licence forbids commerce); --write-golden keeps its images, and no line of it, for the unit tests.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hack"))

from faceledger_workloads.synthesis.discriminator import Discriminator
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork
from testbed.figures import print_figure
from testbed.stylegan2_cases import (
    GOLDEN_CASES,
    LARGE_CASES,
    NOISE_SEED,
    TOLERANCE,
    Case,
    case_latents,
    numbered_weights,
)

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "unit" / "synthesis" / "stylegan2_images.npz"


def main() -> None:
    """Exit status 1 when an image differs by more than the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path, help="folder of the published implementation")
    parser.add_argument("--write-golden", action="store_true", help=f"write {GOLDEN.relative_to(ROOT)}")
    options = parser.parse_args()
    sys.path.insert(0, str(options.checkout))
    published = importlib.import_module("training.networks")
    golden: dict[str, np.ndarray[Any, Any]] = {}
    worst = 0.0
    with torch.inference_mode():
        for case in (*GOLDEN_CASES, *LARGE_CASES):
            network = GeneratorNetwork(case.config).eval()
            network.load_state_dict(numbered_weights(network.state_dict()))
            theirs = _their_image(published, case, network)
            worst = max(worst, _compare(case.name, _our_image(case, network), theirs))
            if case in GOLDEN_CASES:
                golden[case.name] = theirs.numpy()
        logits = _their_logits(published, GOLDEN_CASES[0], golden[GOLDEN_CASES[0].name])
    golden["logits"] = logits.numpy()
    if options.write_golden:
        np.savez_compressed(GOLDEN, **golden)  # type: ignore[arg-type]
    sys.exit(worst > TOLERANCE)


def _compare(name: str, ours: torch.Tensor, theirs: torch.Tensor) -> float:
    difference = (ours - theirs).abs().max().item()
    print_figure(f"stylegan2_parity ({name})", ours=difference, unit="largest difference", target=f"<= {TOLERANCE}")
    return difference


def _our_image(case: Case, network: GeneratorNetwork) -> torch.Tensor:
    ws = network.styles(case_latents(case), case.psi, case.cutoff)
    image: torch.Tensor = network.synthesis(ws, case.noise, random=torch.Generator().manual_seed(NOISE_SEED))
    return image


def _their_image(published: Any, case: Case, network: GeneratorNetwork) -> torch.Tensor:
    config = case.config
    sizes = {"channel_base": config.channel_base, "channel_max": config.channel_max, "conv_clamp": config.conv_clamp}
    theirs = published.Generator(
        z_dim=config.z_dim,
        c_dim=0,
        w_dim=config.w_dim,
        img_resolution=config.img_resolution,
        img_channels=config.img_channels,
        mapping_kwargs={"num_layers": config.num_layers},
        synthesis_kwargs=sizes,
    ).eval()
    theirs.load_state_dict(network.state_dict())
    torch.manual_seed(NOISE_SEED)
    image: torch.Tensor = theirs(
        case_latents(case), None, truncation_psi=case.psi, truncation_cutoff=case.cutoff, noise_mode=str(case.noise)
    )
    return image


def _their_logits(published: Any, case: Case, images: np.ndarray[Any, Any]) -> torch.Tensor:
    config = case.config
    ours = Discriminator(config).eval()
    ours.load_state_dict(numbered_weights(ours.state_dict()))
    theirs = published.Discriminator(
        c_dim=0,
        img_resolution=config.img_resolution,
        img_channels=config.img_channels,
        channel_base=config.channel_base,
        channel_max=config.channel_max,
        epilogue_kwargs={"mbstd_group_size": config.mbstd_group_size},
    ).eval()
    theirs.load_state_dict(ours.state_dict())
    pixels = torch.from_numpy(images)
    logits: torch.Tensor = theirs(pixels, None)
    _compare("logits", ours(pixels), logits)
    return logits


if __name__ == "__main__":
    main()
