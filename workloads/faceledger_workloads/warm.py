"""Workers that stay up between the runs of a standing cluster, with their models loaded.

In: what a run's workers have in common. Out: a pool of detached Ray actors, found again by the digest of that.
Invariants: one driver at a time has a worker, by a file lock that ends with the driver, however it ends (all drivers
are on the head); a worker that is given back forgets the run; one that no run has makes room for others.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import ray

from faceledger_workloads.pool import FacePool
from faceledger_workloads.runspec import Workers
from faceledger_workloads.session import PoolMaker
from faceledger_workloads.work import WorkerSetup
from faceledger_workloads.worker import FaceWorker

__all__ = ["warm_actors"]

NAMESPACE = "faceledger-warm"
"""Of the actors' names, in Ray."""

LOCKS = Path("/dev/shm/faceledger/warm")  # noqa: S108 - in the head pod's memory, of one user


def warm_actors(workers: Workers, locks: Path = LOCKS, worker: type[Any] = FaceWorker) -> PoolMaker:
    """Pools of workers that outlive the run; Ray is up. `worker`: made of a setup, can be `ready` and can `forget`."""
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)

    def make(setup: WorkerSetup, on_wait: Callable[[bool], None]) -> FacePool:
        taken: dict[Any, int] = {}
        usual = {"num_cpus": float(workers.cpu), "num_gpus": workers.gpu, "max_restarts": 0, "max_task_retries": 0}
        digest = hashlib.sha256(repr((setup, workers.cpu, workers.gpu)).encode()).hexdigest()[:16]

        def reserve(count: int) -> Iterator[tuple[str, int]]:
            """The first workers that no driver has, and room for those among them that are new: for all of them before
            one is asked for, because what that will take is still counted as free."""
            reserved = [_first_free(digest, locks) for _ in range(count)]
            new = len({name for name, _ in reserved}.difference(_names()))
            if new:
                _make_room(float(workers.cpu) * new, locks)
            return iter(reserved)

        places = reserve(workers.max)

        def take() -> Any:
            """A worker for this driver alone, one that is up or a new one."""
            name, lock = next(places, None) or next(reserve(1))
            kept = {"name": name, "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True}
            actor = ray.remote(worker).options(**usual, **kept).remote(setup)
            actor.forget.remote()  # what a driver that was killed left
            taken[actor] = lock
            return actor

        return FacePool(take, workers.max, on_wait, lambda actor: _give_back(actor, taken))

    return make


def _give_back(actor: Any, taken: dict[Any, int]) -> None:
    actor.forget.remote()
    os.close(taken.pop(actor))


def _first_free(digest: str, locks: Path) -> tuple[str, int]:
    for number in count():
        lock = _lock(locks / f"{digest}-{number}")
        if lock is not None:
            return f"{digest}-{number}", lock
    raise AssertionError("there is always a next number")


def _make_room(cpus: float, locks: Path) -> None:
    """Ends workers that no driver has, of other settings, until so many processors are free."""
    for name in _names():
        if ray.available_resources().get("CPU", 0.0) >= cpus:  # type: ignore[no-untyped-call]
            return
        held = _lock(locks / name)
        if held is not None:
            with suppress(ValueError):  # it is gone already
                ray.kill(ray.get_actor(name, NAMESPACE))
            os.close(held)


def _names() -> list[str]:
    named = ray.util.list_named_actors(all_namespaces=True)
    return sorted(one["name"] for one in named if one["namespace"] == NAMESPACE)


def _lock(file: Path) -> int | None:
    """The descriptor of the file, locked until it is closed or this process ends; None where a driver has it."""
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
