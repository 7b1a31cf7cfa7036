"""Screening: how fast generated faces are found, aligned, encoded and judged, and what the fast look changes.

Out: screening_images_s beside dlib, one image after the other, of the same faces in as many processes;
screening_same_decisions: how many faces are decided alike after the search that photos get. Packing chips as PNG,
which a worker does with each face before it is known which are kept, belongs to neither side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any

import dlib
import numpy as np
import torch
from faceledger_workloads.embedding.encoder import FaceEncoder, load_encoder
from faceledger_workloads.face import Face, FaceFinder
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.scale import decode_png, enlarged
from faceledger_workloads.matching.gallery import unit_rows
from faceledger_workloads.models import FACE_RESNET, FIVE_POINTS
from faceledger_workloads.runspec import Encoder
from faceledger_workloads.synthesis.generator import Generator, Precision, bundled_checkpoint, load_checkpoint
from faceledger_workloads.synthesis.portraits import Portrait, PortraitFinder
from faceledger_workloads.synthesis.screening import Candidate, Decision, Screening, ScreeningThresholds
from testbed.in_turns import in_turns

__all__ = ["rows"]

SEED, TRUNCATION, SIDE, CHIP = 1000, 1.0, 300, 150
SCREENED, DLIB_SCREENED, PROCESSES = 256, 24, 2

REAL_PEOPLE = 1000
"""Templates that screened faces are compared with."""

AGREED = 2048
"""Faces that are screened after either search."""


def rows() -> Iterator[dict[str, Any]]:
    """Both figures."""
    generator = load_checkpoint(bundled_checkpoint("faces-64"), precision=Precision.FAST)
    yield _screening(generator)
    yield _same_decisions(generator)


def _screening(generator: Generator) -> dict[str, Any]:
    """Both sides in the same processes, each of which works with one thread."""
    images = list(generator.sample(SEED, range(SCREENED), TRUNCATION))
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:

        def shared(screen: Callable[[Sequence[Pixels]], int], count: int) -> int:
            return sum(pool.map(screen, [images[start:count:PROCESSES] for start in range(PROCESSES)]))

        for screen in (_screen, _screen_by_dlib):  # models are loaded, and routines chosen, before the clock runs
            shared(screen, 64)
        seconds = in_turns(lambda: shared(_screen, SCREENED), lambda: shared(_screen_by_dlib, DLIB_SCREENED))
    speeds = SCREENED / seconds[0], DLIB_SCREENED / seconds[1]
    unit = f"images/s: found, aligned, encoded (ours: measured, judged, in bfloat16), {PROCESSES} processes each"
    return {
        "name": "screening_images_s",
        "ours": speeds[0],
        "theirs": speeds[1],
        "ratio": speeds[0] / speeds[1],
        "unit": unit,
        "target": ">= 20x",
    }


@cache
def _screener() -> _Screener:
    torch.set_num_threads(1)
    return _Screener()


def _screen(images: Sequence[Pixels]) -> int:
    decisions = _screener().judge(images, _screener().small)
    return sum(decision.reason is None for decision in decisions)


@cache
def _dlib_screener() -> _DlibScreener:
    return _DlibScreener()


def _screen_by_dlib(images: Sequence[Pixels]) -> int:
    return _dlib_screener().screen(images)


class _DlibScreener:
    """What one writes with dlib alone."""

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(FIVE_POINTS.path()))
        self._encoder = dlib.face_recognition_model_v1(str(FACE_RESNET.path()))

    def screen(self, images: Sequence[Pixels]) -> int:
        """How many faces were found and encoded."""
        found = 0
        for image in images:
            large, _ = enlarged(image, SIDE)
            for box in self._detector(large)[:1]:
                self._encoder.compute_face_descriptor(large, self._predictor(large, box))
                found += 1
        return found


class _Screener:
    """What a worker and the driver do with generated faces."""

    def __init__(self) -> None:
        self._finder = FaceFinder()
        self._portraits = PortraitFinder(self._finder)
        self._encoder: FaceEncoder = load_encoder(Encoder(precision="BFloat16"), "cpu")
        rows = np.random.default_rng(0).normal(size=(REAL_PEOPLE, 128)).astype(np.float32)
        self._real = unit_rows(rows)

    def small(self, images: Sequence[Pixels]) -> list[Portrait | None]:
        """By the first look at a generated face."""
        return [one if isinstance(one, Portrait) else None for one in self._portraits.look(images, CHIP)]

    def thorough(self, images: Sequence[Pixels]) -> list[Portrait | None]:
        """By the search of a photo."""
        found = self._finder.in_pixels(images, CHIP)
        return [Portrait(one, decode_png(one.chip_png)) if isinstance(one, Face) else None for one in found]

    def judge(
        self, images: Sequence[Pixels], look: Callable[[Sequence[Pixels]], list[Portrait | None]]
    ) -> tuple[Decision, ...]:
        looked = look(images)
        rows = iter(unit_rows(self._encoder.encode([one.chip for one in looked if one])))
        faces = [
            Candidate(index, one.face.detection_score, one.face.clarity, next(rows)) if one else Candidate(index)
            for index, one in enumerate(looked)
        ]
        return Screening(self._real, ScreeningThresholds()).judge(faces)


def _same_decisions(generator: Generator) -> dict[str, Any]:
    images, screener = list(generator.sample(SEED, range(AGREED), TRUNCATION)), _screener()
    ours, theirs = screener.judge(images, screener.small), screener.judge(images, screener.thorough)
    same = sum(one == other for one, other in zip(ours, theirs, strict=True)) / AGREED
    kept = [sum(one.reason is None for one in decisions) for decisions in (ours, theirs)]
    unit = f"share of {AGREED} faces decided alike after a photo's search; kept: {kept[0]} and {kept[1]}"
    return {"name": "screening_same_decisions", "ours": same, "unit": unit, "target": ">= 0.995"}
