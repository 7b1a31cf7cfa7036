"""The engine: one pass a key at a time, no wake-up lost, errors backed off and kept to themselves."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

import pytest
from faceledger_operator.kube.errors import ApiConflictError, ApiRefusedError, ApiUnavailableError
from faceledger_operator.kube.kinds import FACE_DATASET, RECOGNITION_JOB
from faceledger_operator.ledger.ledger import LedgerUnavailableError
from faceledger_operator.reconcile.engine import LONGEST_BACKOFF, Engine, backoff

DEADLINE = 5.0


async def until(condition: Callable[[], bool]) -> None:
    """Gives way until the condition holds; fails at the deadline."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - the condition is somebody else's state
            await asyncio.sleep(0)


class Passes:
    """A reconciler that records its passes; `then` decides what each answers."""

    def __init__(self, then: Callable[[int], Awaitable[float | None]]) -> None:
        self.seen: defaultdict[str, int] = defaultdict(int)
        self.at_once: defaultdict[str, int] = defaultdict(int)
        self.most = 0
        self._then = then

    async def __call__(self, namespace: str, name: str) -> float | None:
        self.seen[name] += 1
        self.at_once[name] += 1
        self.most = max(self.most, self.at_once[name])
        try:
            return await self._then(self.seen[name])
        finally:
            self.at_once[name] -= 1


async def nothing_more(_: int) -> None:
    return None


async def test_a_wake_up_makes_one_pass_and_the_key_sleeps_again() -> None:
    passes = Passes(nothing_more)
    async with Engine({FACE_DATASET: passes}) as engine:
        engine.wake(FACE_DATASET, "demo", "staff")
        await until(lambda: engine.active == 0)
    assert passes.seen == {"staff": 1}


async def test_wake_ups_before_a_pass_are_one() -> None:
    passes = Passes(nothing_more)
    async with Engine({FACE_DATASET: passes}) as engine:
        for _ in range(10):
            engine.wake(FACE_DATASET, "demo", "staff")
        await until(lambda: engine.active == 0)
    assert passes.seen == {"staff": 1}


async def test_wake_ups_during_a_pass_make_one_more_and_never_two_at_once() -> None:
    gate = asyncio.Event()

    async def wait(_: int) -> None:
        await gate.wait()

    passes = Passes(wait)
    async with Engine({FACE_DATASET: passes}) as engine:
        engine.wake(FACE_DATASET, "demo", "staff")
        await until(lambda: passes.seen["staff"] == 1)
        for _ in range(5):
            engine.wake(FACE_DATASET, "demo", "staff")
        gate.set()
        await until(lambda: engine.active == 0)
    assert passes.seen == {"staff": 2}
    assert passes.most == 1


async def test_a_pass_that_asks_for_another_look_gets_it() -> None:
    async def twice(number: int) -> float | None:
        return 0.001 if number == 1 else None

    passes = Passes(twice)
    async with Engine({FACE_DATASET: passes}) as engine:
        engine.wake(FACE_DATASET, "demo", "staff")
        await until(lambda: engine.active == 0)
    assert passes.seen == {"staff": 2}


async def test_a_wake_up_does_not_wait_for_the_next_look() -> None:
    async def much_later(number: int) -> float | None:
        return 3600.0 if number == 1 else None

    passes = Passes(much_later)
    async with Engine({FACE_DATASET: passes}) as engine:
        engine.wake(FACE_DATASET, "demo", "staff")
        await until(lambda: passes.seen["staff"] == 1 and passes.at_once["staff"] == 0)
        engine.wake(FACE_DATASET, "demo", "staff")
        await until(lambda: engine.active == 0)
    assert passes.seen == {"staff": 2}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ApiUnavailableError("no answer"), id="an API server that does not answer"),
        pytest.param(ApiConflictError("changed"), id="an object that changed meanwhile"),
        pytest.param(ApiRefusedError(403, "forbidden"), id="a refusal"),
        pytest.param(LedgerUnavailableError("no answer"), id="a ledger that does not answer"),
        pytest.param(ZeroDivisionError("a mistake"), id="a mistake of ours"),
    ],
)
async def test_an_error_is_followed_by_another_look_and_stops_no_other_key(error: Exception) -> None:
    async def fail_once(number: int) -> float | None:
        if number == 1:
            raise error
        return None

    failing, healthy = Passes(fail_once), Passes(nothing_more)
    async with Engine({FACE_DATASET: failing, RECOGNITION_JOB: healthy}, jitter=lambda: 0.0) as engine:
        engine.wake(FACE_DATASET, "demo", "staff")
        engine.wake(RECOGNITION_JOB, "demo", "front-door")
        await until(lambda: engine.active == 0)
    assert failing.seen == {"staff": 2}
    assert healthy.seen == {"front-door": 1}


async def test_leaving_the_engine_ends_its_passes() -> None:
    ended: list[str] = []

    async def for_ever(_: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    passes = Passes(for_ever)
    async with Engine({FACE_DATASET: passes}) as engine:
        engine.wake(FACE_DATASET, "demo", "staff")
        await until(lambda: passes.seen["staff"] == 1)
    assert ended == ["ended"]
    engine.wake(FACE_DATASET, "demo", "staff")
    assert engine.active == 0


async def test_a_wake_up_is_served_within_five_milliseconds() -> None:
    loop = asyncio.get_running_loop()
    served: list[float] = []

    async def note(_: int) -> None:
        served.append(loop.time())

    async with Engine({FACE_DATASET: Passes(note)}) as engine:
        delays = []
        for number in range(20):
            before = loop.time()
            engine.wake(FACE_DATASET, "demo", f"staff-{number}")
            await until(lambda: engine.active == 0)
            delays.append(served[-1] - before)
    assert sorted(delays)[10] < 0.005


def test_back_off_doubles_to_its_limit_with_full_jitter() -> None:
    assert [backoff(errors, 1.0) for errors in range(9)] == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff(1000, 1.0) == LONGEST_BACKOFF
    assert backoff(5, 0.0) == 0.0
