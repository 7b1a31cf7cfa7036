"""What nodes do to a committer: lose answers, lie, lose their state, and disagree."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.verify import is_verified, verify_receipt
from faceledger_operator.api.conditions import BindingReason
from faceledger_operator.ledger.ledger import LedgerUnavailableError

pytestmark = pytest.mark.chain

Bench = Any
"""The fixture `bench` of conftest.py."""

Change = Callable[[str, Any], Any]
"""From a method and its answer to what is answered instead; None: nothing is, the line breaks."""


@asynccontextmanager
async def between(url: str, change: Change) -> AsyncIterator[str]:
    """The URL of a proxy that passes every request on and every answer through `change`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        async with ClientSession() as session, session.post(url, json=asked) as response:
            told = change(asked["method"], await response.json())
        if told is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.json_response(told)

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def through(bench: Bench, *urls: str) -> Bench:
    """The same binding, whose nodes are at these URLs."""
    made = await bench.restarted(url=urls[0])
    made.connect(*urls)
    return made


async def test_an_answer_that_is_lost_after_the_node_took_the_transaction_changes_nothing(
    bench: Bench, reader: ChainReader
) -> None:
    lost = []

    def drop(method: str, answer: Any) -> Any:
        if method == "eth_sendRawTransaction" and not lost:
            lost.append(answer)
            return None
        return answer

    await bench.ledger.submit(await bench.attempt("lost"))
    async with between(bench.url, drop) as url:
        dropped = await through(bench, url)
        with pytest.raises(LedgerUnavailableError, match="eth_sendRawTransaction"):
            await dropped.committer.run_pass()
        dropped.clock.ahead += 6  # the node has rested
        await dropped.commit_all()
        assert "result" in lost[0]
        assert is_verified(verify_receipt(dropped.receipt("lost"), reader))
        assert dropped.journal.finalized == 1


async def test_a_second_node_takes_over_where_the_first_is_away(bench: Bench) -> None:
    await bench.ledger.submit(await bench.attempt("moved"))
    both = await through(bench, "http://127.0.0.1:9", bench.url)
    await both.commit_all()
    assert both.receipt("moved") is not None
    assert both.nodes.answering() == 1


@pytest.mark.parametrize(
    ("method", "lie", "says"),
    [
        pytest.param(
            "eth_getBlockReceipts",
            lambda told: {**told, "result": [{**one, "cumulativeGasUsed": "0x1"} for one in told["result"]]},
            "the receipts that are shown are not those of its header",
            id="a forged receipt",
        ),
        pytest.param(
            "eth_getBlockByHash",
            lambda told: {**told, "result": {**told["result"], "transactions": []}},
            "does not hold transaction",
            id="a transaction that is in no block",
        ),
    ],
)
async def test_a_lie_of_the_only_node_is_found_before_a_receipt_is_written(
    bench: Bench, method: str, lie: Any, says: str
) -> None:
    await bench.ledger.submit(await bench.attempt("lied"))
    async with between(bench.url, lambda asked, told: lie(told) if asked == method else told) as url:
        lied = await through(bench, url)
        outcome = await lied.committer.run_pass()
        while outcome.trouble is None:
            await lied.mine()
            outcome = await lied.committer.run_pass()
        assert outcome.trouble.reason is BindingReason.CHAIN_CONTRADICTED
        assert says in outcome.trouble.message
        assert "127.0.0.1" in outcome.trouble.message
    assert lied.receipt("lied") is None
    honest = await through(lied, bench.url)
    await honest.commit_all()
    assert honest.receipt("lied").version == 2


async def test_two_nodes_that_have_different_blocks_finalise_nothing(bench: Bench) -> None:
    def other_hash(method: str, told: Any) -> Any:
        if method != "eth_getBlockByNumber" or not told.get("result"):
            return told
        return {**told, "result": {**told["result"], "hash": "0x" + "bb" * 32}}

    await bench.ledger.submit(await bench.attempt("split"))
    async with between(bench.url, other_hash) as url:
        split = await through(bench, bench.url, url)
        outcome = await split.committer.run_pass()
        while outcome.trouble is None:
            await split.mine()
            outcome = await split.committer.run_pass()
        assert outcome.trouble.reason is BindingReason.CHAIN_CONTRADICTED
        assert url in outcome.trouble.message
        assert split.receipt("split") is None


async def test_a_node_that_lost_what_was_final_is_signed_for_no_more(bench: Bench) -> None:
    await bench.ledger.submit(await bench.attempt("before"))
    await bench.commit_all()
    anchor = bench.journal.anchor
    assert anchor is not None
    sent = []

    def forget(method: str, told: Any) -> Any:
        sent.extend([method] if method == "eth_sendRawTransaction" else [])
        found = told.get("result")
        lost = method == "eth_getBlockByNumber" and found and int(found["number"], 16) == anchor.block_number
        return {**told, "result": None} if lost else told

    pending = await bench.attempt("after")
    async with between(bench.url, forget) as url:
        lost = await through(bench, url)
        await lost.ledger.submit(pending)
        outcome = await lost.committer.run_pass()
        assert outcome.trouble.reason is BindingReason.CHAIN_REPLACED
        assert f"block {anchor.block_number} was final" in outcome.trouble.message
    assert not sent
    back = await through(lost, bench.url)
    await back.commit_all()
    assert back.receipt("after") is not None
