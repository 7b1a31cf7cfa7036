"""A run's workers train a generator, and neither a killed worker nor a killed driver changes what it becomes."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from faceledger_workloads.artefacts import ArtefactStore, LocalContent, write_whole
from faceledger_workloads.clock import SystemClock
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.generator_training import Trained, train_generator
from faceledger_workloads.own_process import OwnProcess
from faceledger_workloads.report import Reporter
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import DatasetRun
from faceledger_workloads.sealing import Sealed
from faceledger_workloads.session import Session
from faceledger_workloads.shards import Pool
from faceledger_workloads.step_taker import StepTaker
from faceledger_workloads.training_course import Point, converged_at, course_json, curves_png, event_file
from faceledger_workloads.vault import Vault
from PIL import Image

if TYPE_CHECKING:
    from conftest import RunBuilder

KEY = bytes(range(32))
FACES = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), dtype=np.uint8)
TRAIN = {"kimg": "0.012", "checkpointEvery": "0.004", "resolution": 16, "channels": 8, "batch": 4}


def training_run(run_builder: RunBuilder, generator: str = "MGAN", **train: Any) -> DatasetRun:
    return run_builder.dataset(
        synthesis={"generator": generator, "train": TRAIN | train, "faces": 0, "truncation": "1.0", "seed": 5}
    )


class ConstantEncoder:
    """The first numbers of each picture as its embedding: what is measured is not what these tests are about."""

    def encode(self, chips: Any) -> Any:
        return np.stack([np.asarray(chip, dtype=np.float32).reshape(-1)[:128] for chip in chips])


class Trainer(StepTaker):
    """A worker that trains and does nothing else; it fails where it is told to."""

    def __init__(self, fail_at: float | None = None) -> None:
        self._fail_at = fail_at

    def ready(self) -> int:
        return os.getpid()

    def train_generator(self, order: Any, faces: Any) -> Any:
        from faceledger_workloads.interval_training import train_interval

        if self._fail_at is not None and order.until_kimg >= self._fail_at:
            raise KeyboardInterrupt
        return train_interval(order, faces.get(), ConstantEncoder(), "cpu", 1)


class Noting(Trainer):
    """Notes up to where it was asked to train."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def train_generator(self, order: Any, faces: Any) -> Any:
        self.asked.append(order.until_kimg)
        return super().train_generator(order, faces)


@dataclass
class Bench:
    """Trains in a folder, as often as one likes."""

    run: DatasetRun
    reporter: Reporter
    artefacts: dict[str, str] = field(default_factory=dict)
    key: bytes | None = KEY

    def train(self, fail_at: float | None = None, faces: Any = FACES) -> Trained:
        return self.train_on(OwnProcess(Trainer(fail_at)), faces)

    def train_on(self, pool: Pool, faces: Any = FACES) -> Trained:
        vault = Vault(Path(self.run.output), self.key, self.run.purpose)
        seal = vault.seal(self.run.attempt)
        store = ArtefactStore(vault.folder, seal, LocalContent(), SystemClock(), lambda reason: None)
        session = Session(self.reporter, store, vault, "uid", lambda setup, on_wait: pool)
        trained = train_generator(session, pool, self.run, faces)
        self.artefacts = {artefact.name: artefact.digest for artefact in session.artefacts}
        return trained

    @property
    def states(self) -> list[Path]:
        return sorted(Path(self.run.output, "training").iterdir())


@pytest.fixture
def bench(run_builder: RunBuilder, reporter: Reporter) -> Bench:
    return Bench(training_run(run_builder), reporter)


def test_a_run_that_was_killed_ends_with_the_generator_of_one_that_was_not(
    bench: Bench, run_builder: RunBuilder, reporter: Reporter, tmp_path: Path
) -> None:
    whole = Bench(bench.run.model_copy(update={"output": str(tmp_path / "other")}), reporter)
    expected = whole.train()
    with pytest.raises(KeyboardInterrupt):
        bench.train(fail_at=0.009)
    assert bench.train() == expected
    assert bench.artefacts == whole.artefacts
    assert set(bench.artefacts) == {
        *("generator.safetensors", "generator.json"),
        *("training.json", "training.tfevents", "training-curves.png"),
    }


def test_what_was_trained_is_not_trained_again(bench: Bench) -> None:
    first = bench.train()
    assert bench.train(fail_at=0.0) == first
    assert len(bench.states) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"kimg": "0.016"}, id="a longer one"),
        pytest.param({"checkpointEvery": "0.006"}, id="one with other checkpoints"),
    ],
)
def test_a_run_is_the_same_whatever_was_trained_on_the_volume_before(
    bench: Bench, run_builder: RunBuilder, other: dict[str, str]
) -> None:
    expected = bench.train()
    artefacts = bench.artefacts
    (state,) = bench.states
    state.unlink()
    asked, bench.run = bench.run, training_run(run_builder, **other)
    bench.train()
    bench.run = asked
    assert bench.train() == expected
    assert bench.artefacts == artefacts


@pytest.mark.parametrize("at", [0, 0.5, 1], ids=["first byte", "middle", "last byte"])
def test_an_open_state_that_was_altered_is_not_used(bench: Bench, at: float) -> None:
    bench.key = None
    expected = bench.train()
    (state,) = bench.states
    content = bytearray(state.read_bytes())
    content[round(at * (len(content) - 1))] ^= 1
    state.write_bytes(content)
    assert bench.train() == expected


def test_the_state_is_encrypted_and_one_that_was_altered_is_not_used(bench: Bench) -> None:
    expected = bench.train()
    (state,) = bench.states
    content = bytearray(state.read_bytes())
    assert b"__metadata__" not in content
    content[len(content) // 2] ^= 1
    state.write_bytes(content)
    assert bench.train() == expected


def test_progress_names_losses_and_distance(bench: Bench) -> None:
    bench.train()
    progress = bench.reporter.last_progress
    assert (progress.done, progress.total) == (12, 12)
    assert progress.stage.startswith("training MGAN: G ")
    assert "FD" in progress.stage


def test_too_few_faces_are_refused_with_their_number(bench: Bench) -> None:
    with pytest.raises(RunFailed) as failed:
        bench.train(faces=FACES[:63])
    assert failed.value.failure.reason is FailureReason.TOO_FEW_IMAGES
    assert "63 faces" in failed.value.failure.message


def test_a_run_that_diverges_names_the_step_and_keeps_the_last_good_checkpoint(
    bench: Bench, run_builder: RunBuilder
) -> None:
    bench.run = training_run(
        run_builder, generator="ProGAN", learningRate="1000000000", kimg="0.4", checkpointEvery="0.004"
    )
    worker = Noting()
    with pytest.raises(RunFailed) as failed:
        bench.train_on(OwnProcess(worker))
    failure = failed.value.failure
    assert (failure.reason, failure.retryable) == (FailureReason.TRAINING_DIVERGED, False)
    assert "step " in failure.message
    assert not list(Path(bench.run.output).glob("*/generator.safetensors*"))
    # Whoever tries again goes on from the last good one: the interval that diverged is the first that is taken.
    again = Noting()
    with pytest.raises(RunFailed):
        bench.train_on(OwnProcess(again))
    assert len(worker.asked) > 1
    assert again.asked == worker.asked[-1:]


def test_a_full_disk_is_named_and_leaves_the_old_state_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seal, file = Sealed(KEY, "staff-1", "AccessControl"), tmp_path / "state.enc"
    write_whole(file, seal, "state", [b"old"])

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFailed) as failed:
        write_whole(file, seal, "state", [b"new"])
    assert failed.value.failure.reason is FailureReason.OUTPUT_FULL
    assert b"".join(seal.read(io.BytesIO(file.read_bytes()), "state")) == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["state.enc"]


@pytest.mark.ray
@pytest.mark.timeout(300)
def test_a_worker_that_is_killed_costs_one_interval_and_changes_nothing(
    bench: Bench, local_ray: None, tmp_path: Path, reporter: Reporter
) -> None:
    import ray
    from faceledger_workloads.pool import FacePool

    flag = tmp_path / "kill"
    flag.touch()

    class Mortal(Trainer):
        def train_generator(self, order: Any, faces: Any) -> Any:
            if order.until_kimg > 0.005 and flag.exists():
                flag.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().train_generator(order, faces)

    expected = Bench(bench.run.model_copy(update={"output": str(tmp_path / "other")}), reporter).train()
    actor = ray.remote(Mortal).options(num_cpus=1, max_restarts=0)
    pool = FacePool(actor.remote, 1, lambda any_worker: None)
    try:
        assert bench.train_on(pool) == expected
    finally:
        pool.close()
    assert not flag.exists()


def points(*distances: float) -> list[Point]:
    return [Point(n, float(n), 1.0, 1.0, 0.0, 0.0, distance) for n, distance in enumerate(distances, 1)]


@pytest.mark.parametrize(
    ("distances", "kimg"),
    [
        pytest.param((), None, id="nothing was measured"),
        pytest.param((5, 4, 3, 2, 1.5, 1.2, 1), None, id="the distance still falls"),
        pytest.param((5, 3, 1, 1.1, 0.995, 1.2, 1, 1), 3.0, id="it fell no more for five checkpoints"),
        pytest.param((5, 3, 1, 1.1, 1.2, 1, 1), None, id="four are not enough to tell"),
    ],
)
def test_convergence_is_a_distance_that_falls_no_more(distances: tuple[float, ...], kimg: float | None) -> None:
    assert converged_at(points(*distances)) == kimg


def test_the_course_is_shown_in_the_same_bytes_each_time(tmp_path: Path) -> None:
    course = points(3, 2, 1)
    for show in (course_json, curves_png, event_file):
        assert show(course) == show(course)
    assert Image.open(io.BytesIO(curves_png(course))).width == 900
    assert len(json.loads(course_json(course))["points"]) == 3
    assert event_file(course).count(b"training/frechet_distance") == 3
