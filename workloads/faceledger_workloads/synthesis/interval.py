"""One interval of a training run: a packed state in, the packed state some thousand images later out.

A run is a fold over its intervals, so whoever loses one repeats it from the state before and gets the same bytes. With
several GPUs in a worker the interval is taken by one process a GPU (nccl), otherwise by this process.
Invariant: the state that comes out is a function of (state, images, number of steps, processes, threads) alone.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, multiprocessing
from torch.multiprocessing.spawn import start_processes

from faceledger_workloads.synthesis.dataset import TrainingImages
from faceledger_workloads.synthesis.model import FaceTrainer, StepReport
from faceledger_workloads.synthesis.share import Share
from faceledger_workloads.synthesis.trainers import TRAINERS, build_trainer
from faceledger_workloads.synthesis.training_state import pack_state, unpack_state

__all__ = ["Interval", "IntervalResult", "initial_state", "processes_for", "take"]

PEER_DEADLINE = timedelta(minutes=10)
"""How long a process waits for the others before the interval fails."""


@dataclass(frozen=True)
class Interval:
    """`state` is moved until `until_kimg` thousand images were shown. `processes` of `device` take part."""

    state: bytes
    until_kimg: float
    device: str = "cpu"
    processes: int = 1
    threads: int = 1


@dataclass(frozen=True)
class IntervalResult:
    """`report` holds means over the interval, with the counters of its last step."""

    state: bytes
    report: StepReport


def initial_state(kind: str, config_json: str) -> bytes:
    """The state of a run that has not begun. Raises pydantic's ValidationError."""
    return pack_state(build_trainer(kind, config_json))


def processes_for(kind: str, batch: int, device: str) -> int:
    """As many processes as there are GPUs here, where the model and the batch can be shared among them."""
    gpus = torch.cuda.device_count() if device == "cuda" else 1
    return next(n for n in range(gpus, 0, -1) if batch % n == 0) if TRAINERS[kind].several_processes and gpus else 1


def take(interval: Interval, images: TrainingImages) -> IntervalResult:
    """Train on. Raises TrainingDivergedError, and CheckpointError for a damaged state."""
    if interval.processes == 1:
        torch.set_num_threads(interval.threads)
        return _advance(unpack_state(interval.state, torch.device(interval.device)), interval.until_kimg, images)
    context = multiprocessing.get_context("forkserver")
    # The server imports torch once, for this interval's processes and those of all later ones, and starts no thread.
    context.set_forkserver_preload([__name__])
    results = context.SimpleQueue()
    arguments = (interval, images, _free_port(), results)
    spawned = start_processes(  # type: ignore[no-untyped-call]
        _peer, arguments, nprocs=interval.processes, join=False, start_method="forkserver"
    )
    # Taken before joining: a process does not end before what it put was read.
    result = _first_result(spawned, results)
    while not spawned.join():
        pass
    return result


def _first_result(spawned: Any, results: Any) -> IntervalResult:
    while results.empty():
        spawned.join(timeout=0.1)  # raises what a process raised
    outcome = results.get()
    if isinstance(outcome, Exception):
        raise outcome
    result: IntervalResult = outcome
    return result


def _peer(rank: int, interval: Interval, images: TrainingImages, port: int, results: Any) -> None:
    """One of several processes; rank 0 answers for all, since all end with the same weights."""
    torch.set_num_threads(interval.threads)
    device = torch.device("cuda", rank) if interval.device == "cuda" else torch.device("cpu")
    distributed.init_process_group(
        "nccl" if interval.device == "cuda" else "gloo",
        init_method=f"tcp://127.0.0.1:{port}",
        rank=rank,
        world_size=interval.processes,
        timeout=PEER_DEADLINE,
    )
    try:
        trainer = unpack_state(interval.state, device, Share(rank, interval.processes))
        outcome: object = _advance(trainer, interval.until_kimg, images)
    except ArithmeticError as error:
        outcome = error
    finally:
        distributed.destroy_process_group()
    if rank == 0:
        results.put(outcome)


def _advance(trainer: FaceTrainer, until_kimg: float, images: TrainingImages) -> IntervalResult:
    reports = [trainer.train_step(images)]
    while trainer.kimg < until_kimg - 1e-9:
        reports.append(trainer.train_step(images))
    return IntervalResult(pack_state(trainer), _mean(reports))


def _mean(reports: Sequence[StepReport]) -> StepReport:
    last = reports[-1]
    return StepReport(
        last.step,
        last.kimg,
        sum(report.generator_loss for report in reports) / len(reports),
        sum(report.discriminator_loss for report in reports) / len(reports),
        sum(report.real_sign for report in reports) / len(reports),
        last.augment_p,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
