"""One interval of training on a worker, and how good the generator is after it.

In: an order and the faces. Out: the state to go on from, the generator, a point of the course. Invariant: a function
of order, faces and setup alone, so an interval whose worker died is repeated by another one to the same bytes.
"""

from __future__ import annotations

from dataclasses import asdict

import torch

from faceledger_workloads.embedding.encoder import FaceEncoder
from faceledger_workloads.embedding.rows import Embeddings, joined
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.synthesis.checkpoint import pack_checkpoint
from faceledger_workloads.synthesis.cyclegan import CycleGANFaces
from faceledger_workloads.synthesis.dataset import TrainingImages
from faceledger_workloads.synthesis.distances import frechet_distance
from faceledger_workloads.synthesis.faces import unpack_faces
from faceledger_workloads.synthesis.interval import Interval, initial_state, processes_for, take
from faceledger_workloads.synthesis.model import FaceGenerator, TrainingDivergedError
from faceledger_workloads.synthesis.trainers import TRAINERS
from faceledger_workloads.synthesis.training_state import unpack_state
from faceledger_workloads.training_course import Point
from faceledger_workloads.work import TrainedGenerator, TrainingOrder, TrainingResult

__all__ = ["train_interval"]

MEASURED_FACES = 128
"""Faces of each side in the Fréchet distance of a checkpoint: enough to see a trend, little against an interval."""

MEASURED_BATCH = 32


def train_interval(
    order: TrainingOrder, faces: Pixels, encoder: FaceEncoder, device: str, threads: int
) -> TrainingResult:
    """`faces` (n, r, r, 3). Raises `RunFailed` (TrainingDiverged) naming the step."""
    images = TrainingImages(torch.from_numpy(faces.copy()).permute(0, 3, 1, 2).contiguous())
    processes = processes_for(order.generator, _batch(order), device)
    state = order.state or initial_state(order.generator, order.config)
    try:
        result = take(Interval(state, order.until_kimg, device, processes, threads), images)
    except TrainingDivergedError as error:
        raise RunFailed(FailureReason.TRAINING_DIVERGED, f"synthesis.train: {error}") from error
    average = unpack_state(result.state).modules()["average"]
    content, metadata = pack_checkpoint(average, kimg=result.report.kimg, data="the faces of the data set")
    measured = _distance(unpack_faces(content, metadata), faces, encoder)
    point = Point(**asdict(result.report), frechet_distance=measured)
    return TrainingResult(result.state, TrainedGenerator(content, metadata.model_dump_json()), point)


def _batch(order: TrainingOrder) -> int:
    batch: int = TRAINERS[order.generator].config.model_validate_json(order.config).model_dump()["batch"]
    return batch


def _distance(generator: FaceGenerator, faces: Pixels, encoder: FaceEncoder) -> float:
    count = min(MEASURED_FACES, len(faces))
    real = [faces[number * len(faces) // count] for number in range(count)]
    if isinstance(generator, CycleGANFaces):
        made = [generator.vary(face, 1 + number % 2) for number, face in enumerate(real)]
    else:
        made = list(generator.sample(0, range(count), 1.0))
    return frechet_distance(_encoded(encoder, real), _encoded(encoder, made))


def _encoded(encoder: FaceEncoder, pixels: list[Pixels]) -> Embeddings:
    return joined([encoder.encode(pixels[n : n + MEASURED_BATCH]) for n in range(0, len(pixels), MEASURED_BATCH)])
