"""Workers that stay up between runs, on a real Ray: found again, never shared at once, and out of the way of others."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import ray
from faceledger_workloads.runspec import Images, Workers
from faceledger_workloads.shards import Step
from faceledger_workloads.step_taker import StepTaker
from faceledger_workloads.warm import warm_actors
from faceledger_workloads.work import WorkerSetup

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120), pytest.mark.usefixtures("local_ray")]


@pytest.fixture(autouse=True, scope="module")
def gone_afterwards(local_ray: None) -> Iterator[None]:
    """Ends the workers: they would keep the processors of this machine's Ray from the tests that follow."""
    yield
    end_all()


def end_all() -> None:
    for one in ray.util.list_named_actors(all_namespaces=True):
        ray.kill(ray.get_actor(one["name"], one["namespace"]))


def wait_until(reached: Callable[[], bool]) -> None:
    """For a minute at most: this machine may start processes slowly."""
    assert any(reached() or time.sleep(0.1) for _ in range(600))


class Counter(StepTaker):
    """A worker that remembers until it is told to forget."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._seen = 0

    def ready(self) -> int:
        return os.getpid()

    def forget(self) -> None:
        self._seen = 0

    def count(self, shard: int) -> tuple[int, int]:
        self._seen += 1
        return os.getpid(), self._seen


def setup(folder: str) -> WorkerSetup:
    return WorkerSetup(Images(path=folder), 64, None, 1, "cpu")


def pool(locks: Path, folder: str, cpu: str = "1", workers: int = 1) -> Any:
    asked = Workers(min=1, max=workers, cpu=Decimal(cpu), gpu=0)
    return warm_actors(asked, locks, Counter)(setup(folder), lambda _: None)


def answers(found: Any, shards: int = 1) -> list[tuple[int, int]]:
    return list(found.run((Step("count", "count"),), range(shards)))


def test_a_worker_is_found_again_and_has_forgotten_the_run_before(tmp_path: Path) -> None:
    first = pool(tmp_path, "/a")
    ((process, _), (_, seen)) = answers(first, 2)
    first.close()
    second = pool(tmp_path, "/a")
    assert seen == 2
    assert answers(second) == [(process, 1)]
    second.close()


def test_a_worker_that_a_run_has_is_not_another_ones(tmp_path: Path) -> None:
    first, second = pool(tmp_path, "/b"), pool(tmp_path, "/b")
    assert answers(first)[0][0] != answers(second)[0][0]
    first.close()
    second.close()


def free_processors() -> float:
    found: float = ray.available_resources().get("CPU", 0.0)
    return found


@pytest.mark.parametrize(
    ("folders", "cpu", "workers"),
    [
        pytest.param(("/c", "/d"), "2", 1, id="one"),
        pytest.param(("/e", "/f"), "1.5", 2, id="two, of which the first finds room that is free"),
    ],
)
def test_a_worker_that_no_run_has_makes_room_for_those_of_other_settings(
    folders: tuple[str, str], cpu: str, workers: int, tmp_path: Path
) -> None:
    end_all()
    idle = pool(tmp_path, folders[0], cpu)
    answers(idle)
    idle.close()
    wait_until(lambda: free_processors() == 3 - float(cpu))
    other = pool(tmp_path, folders[1], cpu, workers)
    assert answers(other)[0][1] == 1
    wait_until(lambda: len({process for process, _ in answers(other, 4)}) == workers)
    other.close()
