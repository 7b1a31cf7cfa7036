"""Figures of distribution and training: faces regenerated to the same bytes, and training that survives kill -9.

regenerated_identical: the faces of the bundled checkpoint, made by one Ray worker, by three, and each from its address
(checkpoint, seed, index) alone. train_resume_loss_gap: each of the four models is trained as a data set's run trains
it, on a pool of Ray actors one of which is killed in the middle of an interval, and by a process that nobody disturbs:
the bytes of the weights that differ, and the largest difference of a loss.
"""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import ray
from faceledger_contracts.eip712 import Domain, new_run_key
from faceledger_workloads.artefacts import ArtefactStore, LocalContent
from faceledger_workloads.clock import SystemClock
from faceledger_workloads.generator_training import train_generator
from faceledger_workloads.own_process import OwnProcess
from faceledger_workloads.pool import FacePool
from faceledger_workloads.report import FileSink, Reporter, run_key_signer
from faceledger_workloads.runspec import DatasetRun, Encoder, Images, Synthesis
from faceledger_workloads.sampler import load_sampler
from faceledger_workloads.session import Session
from faceledger_workloads.shards import Chain, Pool, Step, cut
from faceledger_workloads.synthesis.trainers import TRAINERS
from faceledger_workloads.vault import Vault
from faceledger_workloads.work import TrainingOrder, TrainingResult, WorkerSetup
from faceledger_workloads.worker import FaceWorker
from numpy.typing import NDArray

__all__ = ["rows"]

FACES = 96
SIDE = 32
INTERVAL_KIMG, KIMG = "0.2", "0.6"
"""Three intervals: one that gives a state to go on from, one whose worker is killed, and one after it."""

KILL_AFTER_S = 0.3


def rows() -> Iterator[dict[str, Any]]:
    """The two figures."""
    yield {
        "name": "regenerated_identical",
        "ours": _regenerated_identical(),
        "unit": f"{FACES} faces by 1 worker, by 3 workers, and from their addresses",
        "target": "== true",
    }
    gaps = {kind: _gap(kind) for kind in TRAINERS}
    weights = sum(gap.weights for gap in gaps.values())
    yield {
        "name": "train_resume_loss_gap",
        "ours": max(gap.loss for gap in gaps.values()),
        "unit": f"difference of a loss after a worker's kill -9, {weights} bytes of weights differ ({', '.join(gaps)})",
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


@dataclass(frozen=True)
class _Gap:
    """Between a disturbed and an undisturbed run: bytes of the generator's checkpoint; the losses of its course."""

    weights: int
    loss: float


class _Mortal(FaceWorker):
    """Is killed in the middle of an interval, once: the first later one that it begins while `flag` is there."""

    def __init__(self, setup: WorkerSetup, flag: str) -> None:
        super().__init__(setup)
        self._flag = Path(flag)

    def train_generator(self, order: TrainingOrder, faces: Any) -> TrainingResult:
        doomed = bool(order.state) and self._flag.exists()
        if doomed:
            self._flag.unlink()
            # Steps are under way when it comes.
            threading.Timer(KILL_AFTER_S, os.kill, (os.getpid(), signal.SIGKILL)).start()
        result = super().train_generator(order, faces)
        if doomed:
            self._flag.with_name("too-late").touch()
        return result


class _Noting:
    """A pool of which the losses are noted."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.losses: list[float] = []

    def run(self, chain: Chain, shards: Iterable[Any]) -> Iterator[Any]:
        for result in self._pool.run(chain, shards):
            self.losses += [result.point.generator_loss, result.point.discriminator_loss]
            yield result

    def share(self, value: Any) -> Any:
        return self._pool.share(value)

    def close(self) -> None:
        self._pool.close()


def _gap(kind: str) -> _Gap:
    setup = WorkerSetup(source=Images(path="/"), chip_size=150, encoder=Encoder(), threads=1, device="cpu")
    with TemporaryDirectory() as folder:
        undisturbed = _trained(OwnProcess(FaceWorker(setup)), kind, Path(folder, "undisturbed"))
        flag = Path(folder, "kill")
        flag.touch()
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        actor = ray.remote(_Mortal).options(num_cpus=1, max_restarts=0)
        pool = FacePool(lambda: actor.remote(setup, str(flag)), 1, lambda any_worker: None)
        try:
            disturbed = _trained(pool, kind, Path(folder, "disturbed"))
        finally:
            pool.close()
            ray.shutdown()
        if flag.exists() or flag.with_name("too-late").exists():
            raise RuntimeError(f"{kind}: no worker was killed in the middle of an interval")
    return _between(disturbed, undisturbed)


def _trained(pool: Pool, kind: str, output: Path) -> tuple[bytes, list[float]]:
    """The generator's checkpoint and the losses of each interval, of a run of which nothing is there yet."""
    run, noting = _run(kind, output), _Noting(pool)
    domain = Domain(run.chain_id, run.contract)
    reporter = Reporter(
        run.attempt, run_key_signer(new_run_key()[1], run.attempt, domain), FileSink(output), SystemClock()
    )
    vault = Vault(output, bytes(32), run.purpose)
    store = ArtefactStore(vault.folder, vault.seal(run.attempt), LocalContent(), SystemClock(), lambda reason: None)
    session = Session(reporter, store, vault, run.subject.uid, lambda setup, on_wait: noting)
    return train_generator(session, noting, run, _faces()).generator.content, noting.losses


def _run(kind: str, output: Path) -> DatasetRun:
    train = {"resolution": SIDE, "channels": 16, "batch": 8, "kimg": KIMG, "checkpointEvery": INTERVAL_KIMG}
    return DatasetRun.model_validate(
        {
            "kind": "FaceDataset",
            "attempt": "staff-1",
            "subject": {"kind": "FaceDataset", "namespace": "demo", "name": "staff", "uid": "4f7a", "generation": 1},
            "purpose": "Research",
            "chainId": 1337,
            "contract": "0x" + "11" * 20,
            "ipfsApis": [],
            "imageDigest": "sha256:" + "0" * 64,
            "reportConfigMap": "report",
            "runKeyFile": str(output / "run.key"),
            "dataKeyFile": str(output / "data.key"),
            "output": str(output),
            "workers": {"min": 1, "max": 1, "cpu": "1"},
            "source": {"path": str(output)},
            "preprocessing": {"size": 150},
            "synthesis": {"generator": kind, "train": train, "faces": 0, "truncation": "1", "seed": 1},
        }
    )


def _faces() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (128, SIDE, SIDE, 3), dtype=np.uint8)


def _between(disturbed: tuple[bytes, list[float]], undisturbed: tuple[bytes, list[float]]) -> _Gap:
    (one, losses), (other, expected) = disturbed, undisturbed
    different = sum(a != b for a, b in zip_longest(one, other))
    return _Gap(different, max(abs(a - b) for a, b in zip(losses, expected, strict=True)))
