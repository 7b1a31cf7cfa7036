"""Leadership on a Lease: one leader at a time, whatever the clocks say and whoever is stopped."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from faceledger_operator.kube.errors import ApiConflictError, ApiUnavailableError
from faceledger_operator.kube.lease import LeaderLease, LeaseLostError, LeaseTiming

TIMING = LeaseTiming(duration=10.0, renew=7.0, retry=2.0)


class LeaseApi:
    """The API server, as far as one Lease goes."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.down = False
        self._version = 0

    async def get(self, *_: object) -> dict[str, Any] | None:
        self._answer()
        return deepcopy(self.lease)

    async def create(self, _: object, body: dict[str, Any]) -> dict[str, Any]:
        self._answer()
        if self.lease:
            raise ApiConflictError("exists")
        return self._store(body)

    async def replace(self, _: object, body: dict[str, Any]) -> dict[str, Any]:
        self._answer()
        if not self.lease or body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ApiConflictError("changed")
        return self._store(body)

    def _store(self, body: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        self.lease = deepcopy(body)
        self.lease["metadata"]["resourceVersion"] = str(self._version)
        return deepcopy(self.lease)

    def _answer(self) -> None:
        if self.down:
            raise ApiUnavailableError("no answer")


class Clock:
    """A monotonic clock that tests move; wall clocks are skewed at will."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def candidate(api: LeaseApi, name: str, clock: Clock, skew: timedelta = timedelta()) -> LeaderLease:
    kube: Any = api
    return LeaderLease(kube, "system", "lease", name, TIMING, clock, lambda: datetime(2026, 1, 2, tzinfo=UTC) + skew)


async def take(lease: LeaderLease) -> bool:
    return await lease._try_take()


async def test_the_first_candidate_leads_and_the_second_waits() -> None:
    api, clock = LeaseApi(), Clock()
    first, second = candidate(api, "a", clock), candidate(api, "b", clock)
    assert await take(first)
    assert not await take(second)
    assert (first.leading, second.leading) == (True, False)
    assert (first.standing_by, second.standing_by) == (False, True)


async def test_who_has_not_asked_for_the_lease_yet_does_not_stand_by() -> None:
    assert not candidate(LeaseApi(), "a", Clock()).standing_by


async def test_a_leader_that_renews_stays_leader() -> None:
    api, clock = LeaseApi(), Clock()
    first, second = candidate(api, "a", clock), candidate(api, "b", clock)
    for _ in range(20):
        assert await take(first)
        assert not await take(second)
        clock.seconds += TIMING.retry
    assert api.lease is not None
    assert api.lease["spec"]["leaseTransitions"] == 1


async def test_a_dead_leader_is_followed_after_the_leases_duration() -> None:
    api, clock = LeaseApi(), Clock()
    assert await take(candidate(api, "a", clock))
    second = candidate(api, "b", clock)
    waited = 0.0
    while not await take(second):
        clock.seconds += 1.0
        waited += 1.0
    assert waited == TIMING.duration
    assert (second.leading, second.standing_by) == (True, False)
    assert api.lease is not None
    assert api.lease["spec"]["leaseTransitions"] == 2


@pytest.mark.parametrize("skew", [timedelta(days=-1), timedelta(days=1)])
async def test_the_skew_of_clocks_makes_no_second_leader(skew: timedelta) -> None:
    api, clock = LeaseApi(), Clock()
    first, second = candidate(api, "a", clock), candidate(api, "b", clock, skew)
    for _ in range(10):
        assert await take(first)
        assert not await take(second)
        clock.seconds += TIMING.retry


async def test_a_leader_gives_up_before_anybody_else_may_take_over() -> None:
    api, clock = LeaseApi(), Clock()
    first, second = candidate(api, "a", clock), candidate(api, "b", clock)
    assert await take(first)
    assert not await take(second)
    clock.seconds += TIMING.renew
    assert not first.leading
    with pytest.raises(LeaseLostError):
        first.require()
    assert not await take(second)


async def test_a_process_that_was_stopped_beyond_its_lease_does_not_act_on() -> None:
    api, clock = LeaseApi(), Clock()
    first, second = candidate(api, "a", clock), candidate(api, "b", clock)
    assert await take(first)
    assert not await take(second)
    clock.seconds += TIMING.duration
    assert await take(second)
    with pytest.raises(LeaseLostError):
        first.require()
    assert not await take(first)
    second.require()


async def test_an_api_server_that_is_down_for_a_moment_costs_nothing() -> None:
    api, clock = LeaseApi(), Clock()
    first = candidate(api, "a", clock)
    assert await take(first)
    api.down = True
    clock.seconds += TIMING.retry
    assert not await take(first)
    assert first.leading
    api.down = False
    clock.seconds += TIMING.retry
    assert await take(first)


async def test_a_renewal_counts_from_before_its_request() -> None:
    api, clock = LeaseApi(), Clock()
    first = candidate(api, "a", clock)
    answer = api.get

    async def slowly(*arguments: object) -> dict[str, Any] | None:
        clock.seconds += TIMING.renew
        return await answer(*arguments)

    api.get = slowly  # type: ignore[method-assign]
    assert await take(first)
    assert not first.leading


async def test_a_leader_that_stops_hands_over_at_once() -> None:
    api, clock = LeaseApi(), Clock()
    first, second = candidate(api, "a", clock), candidate(api, "b", clock)
    assert await take(first)
    await first.release()
    assert not first.leading
    assert await take(second)


async def test_who_does_not_lead_releases_nothing() -> None:
    api, clock = LeaseApi(), Clock()
    first, second = candidate(api, "a", clock), candidate(api, "b", clock)
    assert await take(first)
    await second.release()
    assert await take(first)


async def test_two_that_take_a_free_lease_at_once_make_one_leader() -> None:
    api, clock = LeaseApi(), Clock()
    first, second = candidate(api, "a", clock), candidate(api, "b", clock)
    api.get = lambda *_: _nothing()  # type: ignore[method-assign]
    assert [await take(first), await take(second)] == [True, False]


async def _nothing() -> None:
    return None
