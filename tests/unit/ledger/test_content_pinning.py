"""A record that the content store has nothing of holds up no other, and none is forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from faceledger_contracts.content import ContentStoreUnreachable, ContentUnavailable
from faceledger_operator.ledger.pinning import PLACES, Pinning

LOOK_SECONDS = 0.02


class Store:
    """A content store: it has nothing of `absent`, keeps silent about `silent`, and is out of reach while `away`."""

    def __init__(self, absent: Sequence[str] = (), silent: Sequence[str] = (), away: bool = False) -> None:
        self.absent, self.silent, self.away = set(absent), set(silent), away
        self.asked: Counter[str] = Counter()
        self.heard = asyncio.Event()

    async def ask(self, cids: Sequence[str]) -> None:
        self.asked.update(cids)
        if self.away:
            raise ContentStoreUnreachable("no answer")
        if self.silent & set(cids):
            await self.heard.wait()
        if self.absent & set(cids):
            raise ContentUnavailable(f"{cids[0]}: no such block")


def names(count: int, prefix: str = "good") -> list[str]:
    return [f"{prefix}-{i}" for i in range(count)]


def wanted(*attempts: str) -> dict[str, list[str]]:
    return {attempt: [attempt] for attempt in attempts}


async def test_all_that_the_store_has_is_pinned_in_one_look() -> None:
    pinned, problems = await Pinning(Store().ask).look(wanted(*names(100)))
    assert sorted(pinned) == sorted(names(100))
    assert problems == {}


async def test_an_absent_block_holds_up_nothing_behind_it() -> None:
    pinned, problems = await Pinning(Store(absent=["lost"]).ask).look(wanted("lost", *names(20)))
    assert sorted(pinned) == sorted(names(20))
    assert list(problems) == ["lost"]


async def test_a_silent_store_holds_up_a_look_for_a_moment_only_and_its_answer_is_collected_later() -> None:
    store = Store(silent=["slow"])
    pinning = Pinning(store.ask, LOOK_SECONDS)
    async with asyncio.timeout(10):
        assert await pinning.look(wanted("slow", "good")) == (["good"], {})
    store.heard.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await pinning.look(wanted("slow")) == (["slow"], {})
    assert store.asked["slow"] == 1


async def test_what_failed_before_leaves_places_for_what_is_new() -> None:
    lost = names(2 * PLACES, "lost")
    store = Store(absent=lost)
    pinning = Pinning(store.ask, LOOK_SECONDS)
    await pinning.look(wanted(*lost))
    store.silent, store.heard = set(lost), asyncio.Event()
    await pinning.look(wanted(*lost))
    pinned, problems = await pinning.look(wanted(*lost, "new"))
    assert pinned == ["new"]
    assert list(problems) == lost


async def test_those_that_failed_take_turns() -> None:
    lost = names(3 * PLACES, "lost")
    store = Store(absent=lost)
    pinning = Pinning(store.ask)
    for _ in range(4):
        await pinning.look(wanted(*lost))
    assert set(store.asked.values()) == {4}


async def test_a_store_that_is_away_is_not_asked_for_all_that_waits() -> None:
    store = Store(away=True)
    pinning = Pinning(store.ask)
    pinned, problems = await pinning.look(wanted(*names(100)))
    assert pinned == []
    assert all(isinstance(problem, ContentStoreUnreachable) for problem in problems.values())
    assert store.asked.total() <= PLACES
    store.away = False
    pinned, problems = await pinning.look(wanted(*names(100)))
    assert (len(pinned), problems) == (100, {})


async def test_a_record_that_is_wanted_no_more_is_forgotten() -> None:
    pinning = Pinning(Store(absent=["lost"]).ask)
    await pinning.look(wanted("lost"))
    assert await pinning.look({}) == ([], {})


async def test_an_error_that_is_none_of_the_stores_is_not_hidden() -> None:
    async def broken(_: Sequence[str]) -> None:
        raise KeyError("a mistake of the code")

    with pytest.raises(KeyError):
        await Pinning(broken).look(wanted("any"))
