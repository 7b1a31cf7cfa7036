"""Training a data set's generator: the driver's part, a fold over intervals that workers take.

In: the faces to train on and what is asked for. Out: a generator's checkpoint, and artefacts that show the course.
Whoever dies, worker or driver, one interval is repeated at most: the state between two intervals is encrypted on the
output volume, under a name that says what it is a state of, so a later attempt finds it.
Invariant: the generator and its course are functions of (faces, settings, seed) alone, however often the run was
interrupted and whatever else was trained on the same volume.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from itertools import takewhile
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from faceledger_contracts.canonical import canonical_json
from faceledger_contracts.envelope import EncryptedFileError

from faceledger_workloads.artefacts import write_whole
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.runreport import FailureReason, TrainingSummary
from faceledger_workloads.runspec import DatasetRun, Training
from faceledger_workloads.sealing import Seal
from faceledger_workloads.session import Session
from faceledger_workloads.shards import Pool
from faceledger_workloads.shards import training as training_chain
from faceledger_workloads.training_course import Point, converged_at, course_json, curves_png, event_file
from faceledger_workloads.work import TrainedGenerator, TrainingOrder, TrainingResult

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["MIN_TRAINING_FACES", "Trained", "train_generator"]

MIN_TRAINING_FACES = 64
"""With fewer the discriminator memorises the set at once, and every generated face is a copy."""


@dataclass(frozen=True)
class Trained:
    """What a training run gave."""

    generator: TrainedGenerator
    summary: TrainingSummary


def train_generator(session: Session, pool: Pool, run: DatasetRun, faces: Pixels) -> Trained:
    """`faces` (n, r, r, 3). Raises `RunFailed` (TooFewImages, TrainingDiverged, OutputFull, RunSpecInvalid)."""
    assert run.synthesis is not None
    training = run.synthesis.train
    assert training is not None
    if len(faces) < MIN_TRAINING_FACES:
        message = f"synthesis.train: {len(faces)} faces, at least {MIN_TRAINING_FACES} are needed to train"
        raise RunFailed(FailureReason.TOO_FEW_IMAGES, message)
    config = _config(run, training)
    state = _StateFile.named_by(session, run, config, faces)
    shared = pool.share(faces)
    course = _Course.opened(state.read())
    for until in _milestones(training, course):
        (result,) = pool.run(training_chain(shared), [_order(run, config, course, until)])
        course = course.extended(result)
        state.write(course.packed())
        _tell(session, run.synthesis.generator, training, course.points[-1])
    return _finished(session, training, course, len(faces))


@dataclass(frozen=True)
class _StateFile:
    """Where a run's newest checkpoint lies. Its name says all that decides it: a run of another length or with other
    checkpoints has another course, and a state of its own."""

    path: Path
    seal: Seal

    @classmethod
    def named_by(cls, session: Session, run: DatasetRun, config: BaseModel, faces: Pixels) -> _StateFile:
        assert run.synthesis is not None
        assert run.synthesis.train is not None
        determined = {
            "generator": run.synthesis.generator,
            "config": config.model_dump(mode="json"),
            "faces": hashlib.sha256(faces.tobytes()).hexdigest(),
            "workers": [str(run.workers.cpu), run.workers.gpu],
            "kimg": float(run.synthesis.train.kimg),
            "checkpointEvery": float(run.synthesis.train.checkpoint_every),
        }
        name = f"training-{hashlib.sha256(canonical_json(determined)).hexdigest()[:32]}"
        seal = session.vault.seal(name)
        return cls(session.vault.folder / "training" / f"{name}{seal.suffix}", seal)

    def read(self) -> bytes | None:
        """None where there is no such file, or one that was altered: then the run begins anew."""
        try:
            with self.path.open("rb") as reader:
                return b"".join(self.seal.read(reader, "state"))
        except (FileNotFoundError, EncryptedFileError):
            return None

    def write(self, content: bytes) -> None:
        """Raises `RunFailed` (OutputFull)."""
        write_whole(self.path, self.seal, "state", [content])


@dataclass(frozen=True)
class _Course:
    """The run so far: what was measured, and the newest checkpoint."""

    points: tuple[Point, ...] = ()
    state: bytes = b""
    generator: TrainedGenerator | None = None

    @classmethod
    def opened(cls, content: bytes | None) -> _Course:
        """What `packed` packed; a run at its beginning for None, and for what was altered where nothing seals it."""
        digest, _, body = (content or b"").partition(b"\n")
        if digest != _digest(body):
            return cls()
        head, _, rest = body.partition(b"\n")
        described = json.loads(head)
        size = described["state"]
        points = tuple(Point(**point) for point in described["points"])
        return cls(points, rest[:size], TrainedGenerator(rest[size:], described["metadata"]))

    def packed(self) -> bytes:
        assert self.generator is not None
        described = {
            "points": [asdict(point) for point in self.points],
            "state": len(self.state),
            "metadata": self.generator.metadata,
        }
        body = canonical_json(described) + b"\n" + self.state + self.generator.content
        return _digest(body) + b"\n" + body

    def extended(self, result: TrainingResult) -> _Course:
        return replace(self, points=(*self.points, result.point), state=result.state, generator=result.generator)

    @property
    def kimg(self) -> float:
        return self.points[-1].kimg if self.points else 0.0


def _config(run: DatasetRun, training: Training) -> BaseModel:
    # The driver of a run that trains nothing does without torch.
    from pydantic import ValidationError

    from faceledger_workloads.synthesis.trainers import training_config

    assert run.synthesis is not None
    rate = training.learning_rate
    try:
        return training_config(
            run.synthesis.generator,
            resolution=training.resolution,
            channels=training.channels,
            seed=run.synthesis.seed,
            batch=training.batch,
            learning_rate=None if rate is None else float(rate),
            kimg=float(training.kimg),
            bfloat16=training.precision == "BFloat16",
        )
    except ValidationError as error:
        wrong = "; ".join(one["msg"] for one in error.errors(include_input=False))
        raise RunFailed(FailureReason.RUN_SPEC_INVALID, f"synthesis.train: {wrong}") from error


def _milestones(training: Training, course: _Course) -> Iterator[float]:
    """Thousand images at which a checkpoint is still to be taken."""
    every, end = float(training.checkpoint_every), float(training.kimg)
    reached = course.kimg
    marks = (number * every for number in range(1, ceil(end / every)))
    yield from (mark for mark in takewhile(lambda mark: mark < end, marks) if mark > reached + 1e-9)
    if reached < end - 1e-9:
        yield end


def _order(run: DatasetRun, config: BaseModel, course: _Course, until: float) -> TrainingOrder:
    assert run.synthesis is not None
    return TrainingOrder(run.synthesis.generator, config.model_dump_json(), course.state, until)


def _tell(session: Session, generator: str, training: Training, point: Point) -> None:
    losses = f"G {point.generator_loss:.3f}, D {point.discriminator_loss:.3f}, p {point.augment_p:.2f}"
    stage = f"training {generator}: {losses}, FD {point.frechet_distance:.3f}"
    session.reporter.progress(stage, round(point.kimg * 1000), round(float(training.kimg) * 1000))


def _finished(session: Session, training: Training, course: _Course, faces: int) -> Trained:
    assert course.generator is not None
    session.keep("generator.safetensors", [course.generator.content])
    session.keep("generator.json", [course.generator.metadata.encode()])
    session.keep("training.json", [course_json(course.points)])
    session.keep("training.tfevents", [event_file(course.points)])
    session.keep("training-curves.png", [curves_png(course.points)])
    last, converged = course.points[-1], converged_at(course.points)
    summary = TrainingSummary(
        kimg=_decimal(last.kimg),
        images=faces,
        frechet_distance=_decimal(last.frechet_distance),
        converged_kimg=None if converged is None else _decimal(converged),
    )
    return Trained(course.generator, summary)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _decimal(number: float) -> Decimal:
    return Decimal(f"{number:.4f}")
