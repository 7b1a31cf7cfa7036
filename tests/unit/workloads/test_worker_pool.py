"""Shards over real Ray actors: order, back-pressure, and workers that die."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import ray
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.pool import MAX_DEATHS, MAX_STILLBORN, WINDOW, FacePool
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.shards import Step
from faceledger_workloads.step_taker import StepTaker

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120), pytest.mark.usefixtures("local_ray")]


class Squarer(StepTaker):
    """A worker that dies or fails on request, the first time or always."""

    def __init__(self, notes: Any) -> None:
        self._notes = notes

    def ready(self) -> int:
        return os.getpid()

    def square(self, shard: tuple[int, str]) -> int:
        number, event = shard
        first = ray.get(self._notes.first.remote(number))
        match event:
            case "die once" if first:
                os._exit(1)
            case "die always":
                os._exit(1)
            case "fail":
                raise RunFailed(FailureReason.NO_FACE_FOUND, "no face", retryable=False)
            case "break":
                raise ZeroDivisionError
        return number * number

    def negate(self, number: int) -> int:
        return -number


class Notes:
    """Remembers outside of the workers which shards were begun."""

    def __init__(self) -> None:
        self._begun: set[int] = set()

    def first(self, number: int) -> bool:
        new = number not in self._begun
        self._begun.add(number)
        return new


@pytest.fixture(scope="module")
def pool(local_ray: None) -> Iterator[FacePool]:
    notes = ray.remote(Notes).options(num_cpus=0).remote()
    worker = ray.remote(Squarer).options(num_cpus=1)
    pool = FacePool(lambda: worker.remote(notes), 2, lambda _: None)
    yield pool
    pool.close()


class Stillborn(StepTaker):
    """A worker whose process ends while it loads its models."""

    def ready(self) -> int:
        os._exit(1)


SQUARE = (Step("square", "square"),)
NEGATIVE = (*SQUARE, Step("negate", "negate"))


def shards(count: int, **events: str) -> list[tuple[int, str]]:
    return [(number, events.get(f"at{number}", "")) for number in range(count)]


def test_results_come_in_the_order_of_the_shards(pool: FacePool) -> None:
    assert list(pool.run(SQUARE, shards(20))) == [number**2 for number in range(20)]


def test_each_step_goes_on_with_what_the_one_before_it_answered(pool: FacePool) -> None:
    events = {"at2": "die once"}
    assert list(pool.run(NEGATIVE, shards(9, **events))) == [-(number**2) for number in range(9)]


def test_what_an_early_step_raises_arrives_as_itself_and_harms_no_later_shard(pool: FacePool) -> None:
    with pytest.raises(RunFailed, match="no face"):
        list(pool.run(NEGATIVE, shards(4, at1="fail")))
    assert list(pool.run(NEGATIVE, shards(3))) == [0, -1, -4]


def test_no_shards_give_no_results(pool: FacePool) -> None:
    list(pool.run(SQUARE, shards(1)))
    assert list(pool.run(SQUARE, [])) == []


def test_a_shard_whose_worker_died_is_done_by_another(pool: FacePool) -> None:
    assert list(pool.run(SQUARE, shards(8, at2="die once", at5="die once"))) == [number**2 for number in range(8)]


def test_a_shard_that_kills_every_worker_ends_the_run(pool: FacePool) -> None:
    with pytest.raises(RunFailed) as caught:
        list(pool.run(SQUARE, shards(4, at1="die always")))
    assert caught.value.failure.reason is FailureReason.INFRASTRUCTURE_FAILED
    assert f"{MAX_DEATHS} workers died" in caught.value.failure.message
    assert caught.value.failure.retryable


def test_a_failure_in_a_worker_arrives_as_itself(pool: FacePool) -> None:
    with pytest.raises(RunFailed) as caught:
        list(pool.run(SQUARE, shards(4, at1="fail")))
    assert caught.value.failure.reason is FailureReason.NO_FACE_FOUND


def test_a_bug_in_a_worker_is_raised(pool: FacePool) -> None:
    with pytest.raises(ZeroDivisionError):
        list(pool.run(SQUARE, shards(4, at1="break")))


def test_a_pool_serves_another_run_after_one_that_was_left_early(pool: FacePool) -> None:
    results = pool.run(SQUARE, shards(50))
    assert next(results) == 0
    results.close()
    assert list(pool.run(SQUARE, shards(5))) == [0, 1, 4, 9, 16]


def test_shards_are_made_only_a_window_ahead(pool: FacePool) -> None:
    made = []

    def lazily() -> Iterator[tuple[int, str]]:
        for number in range(1000):
            made.append(number)
            yield number, ""

    results = pool.run(SQUARE, lazily())
    for _ in range(3):
        next(results)
    assert len(made) <= 3 + WINDOW * 2 + 1
    results.close()


def test_work_starts_with_the_workers_that_are_there(pool: FacePool) -> None:
    del pool  # it holds two of the three CPUs
    notes = ray.remote(Notes).options(num_cpus=0).remote()
    worker = ray.remote(Squarer).options(num_cpus=1)  # there is room for one of the four
    other = FacePool(lambda: worker.remote(notes), 4, lambda _: None)
    try:
        assert list(other.run(SQUARE, shards(6))) == [0, 1, 4, 9, 16, 25]
    finally:
        other.close()


def test_workers_that_all_die_at_birth_end_the_run(local_ray: None) -> None:
    pool = FacePool(ray.remote(Stillborn).options(num_cpus=1).remote, 1, lambda _: None)
    try:
        with pytest.raises(RunFailed, match=f"{MAX_STILLBORN} workers died before they were up") as caught:
            list(pool.run(SQUARE, shards(1)))
        assert caught.value.failure.retryable
    finally:
        pool.close()
