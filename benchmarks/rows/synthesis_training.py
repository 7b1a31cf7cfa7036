"""Figures of distribution and training: faces regenerated to the same bytes, and training that survives kill -9.

regenerated_identical: the faces of the bundled checkpoint, made by one Ray worker, by three, and each from its address
(checkpoint, seed, index) alone. train_resume_loss_gap: for each of the four models, weights and losses after one
interval whose process was killed in the middle and that was repeated, against a run that nobody disturbed.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import ray
import torch
from faceledger_workloads.pool import FacePool
from faceledger_workloads.runspec import Images, Synthesis
from faceledger_workloads.sampler import load_sampler
from faceledger_workloads.shards import Step, cut
from faceledger_workloads.synthesis.dataset import TrainingImages
from faceledger_workloads.synthesis.interval import Interval, initial_state, take
from faceledger_workloads.synthesis.trainers import TRAINERS, training_config
from faceledger_workloads.work import WorkerSetup
from faceledger_workloads.worker import FaceWorker

__all__ = ["rows"]

FACES = 96
SIDE = 32
STEP_KIMG = 0.008
INTERVAL_KIMG = 0.4


def rows() -> Iterator[dict[str, Any]]:
    """The two figures."""
    yield {
        "name": "regenerated_identical",
        "ours": _regenerated_identical(),
        "unit": f"{FACES} faces by 1 worker, by 3 workers, and from their addresses",
        "target": "== true",
    }
    gaps = {kind: _gap(kind) for kind in TRAINERS}
    yield {
        "name": "train_resume_loss_gap",
        "ours": max(gaps.values()),
        "unit": f"bytes of state that differ after kill -9 ({', '.join(gaps)})",
        "target": "== 0",
    }


def _regenerated_identical() -> bool:
    synthesis = Synthesis.model_validate(
        {"generator": "StyleGAN2", "checkpoint": {"bundled": "faces-64"}, "faces": FACES, "truncation": 1, "seed": 42}
    )
    draws = [(index, 0) for index in range(FACES)]
    expected = [_digest(pixels) for pixels in load_sampler(synthesis).draw(draws[::-1])][::-1]
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
    try:
        return all(_made(synthesis, draws, workers) == expected for workers in (1, 3))
    finally:
        ray.shutdown()


def _made(synthesis: Synthesis, draws: list[tuple[int, int]], workers: int) -> list[str]:
    setup = WorkerSetup(
        source=Images(path="/"), chip_size=150, encoder=None, threads=1, device="cpu", synthesis=synthesis
    )
    actor = ray.remote(FaceWorker).options(num_cpus=1)
    pool = FacePool(lambda: actor.remote(setup), workers, lambda any_worker: None)
    chain = (Step("generate_faces", "generate_faces"),)
    try:
        return [_digest(pixels) for shard in pool.run(chain, cut(draws)) for pixels in shard.images]
    finally:
        pool.close()


def _digest(pixels: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _gap(kind: str) -> int:
    """Bytes that differ between the states of a disturbed and an undisturbed run."""
    config = training_config(
        kind, resolution=SIDE, channels=16, seed=1, batch=8, learning_rate=None, kimg=1.0, bfloat16=False
    )
    start = take(Interval(initial_state(kind, config.model_dump_json()), STEP_KIMG), _images()).state
    interval = Interval(start, STEP_KIMG + INTERVAL_KIMG)
    _killed_half_way(interval)
    # Whoever takes the interval again has nothing but the state before it.
    again, undisturbed = _in_own_process(interval), take(interval, _images()).state
    if len(again) != len(undisturbed):
        return max(len(again), len(undisturbed))
    return sum(one != other for one, other in zip(again, undisturbed, strict=True))


def _images() -> TrainingImages:
    random = torch.Generator().manual_seed(0)
    return TrainingImages(torch.randint(0, 256, (128, 3, SIDE, SIDE), dtype=torch.uint8, generator=random))


def _killed_half_way(interval: Interval) -> None:
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=_answer, args=(interval, answers), daemon=True)
    process.start()
    started = answers.get()
    assert started is None
    time.sleep(0.5)
    assert process.is_alive(), "the interval is too short to be killed half way"
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def _in_own_process(interval: Interval) -> bytes:
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=_answer, args=(interval, answers), daemon=True)
    process.start()
    answers.get()
    state: bytes = answers.get()
    process.join()
    return state


def _answer(interval: Interval, answers: Any) -> None:
    """None when the work begins, then the state."""
    images = _images()
    answers.put(None)
    answers.put(take(interval, images).state)
