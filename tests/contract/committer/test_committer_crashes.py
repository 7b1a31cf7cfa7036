"""A process that dies at any moment, and the one that comes after it: nothing is lost, nothing is committed twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from faceledger_contracts.canonical import from_hex
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.verify import is_verified, verify_receipt
from faceledger_operator.ledger.contract import commit_topics

pytestmark = pytest.mark.chain

Bench = Any
"""The fixture `bench` of conftest.py."""

SECONDS = 240


async def _life(bench: Bench, pending: list[Any]) -> None:
    """What one process does with these results until all are final."""
    for one in pending:
        await bench.authorise(one.record.run_key)
        await bench.ledger.submit(one)
    await bench.commit_all()


@pytest.mark.timeout(SECONDS)
async def test_a_process_may_die_wherever_it_waits(bench: Bench, reader: ChainReader, until_step: Any) -> None:
    """Kills one process after 1 step, one after 2, and so on until one lives to the end of its work."""
    step, finished = 0, False
    while not finished:
        step += 1
        names = [f"step-{step}-{i}" for i in range(1)]
        pending = [await bench.attempt(name, authorised=False) for name in names]
        doomed = until_step(_life(bench, pending), step)
        await doomed
        finished = doomed.finished
        await _stop_children()
        bench = await bench.restarted()
        await _life(bench, pending)
        for name in names:
            await _assert_committed_once(bench, name, reader)
    assert step > 20


async def _assert_committed_once(bench: Bench, name: str, reader: ChainReader) -> None:
    receipt = bench.receipt(name)
    steps = verify_receipt(receipt, reader)
    assert is_verified(steps), [step for step in steps if not step.ok]
    head = await bench.connection.head()
    topics = commit_topics(from_hex(receipt.batch_id, 32))
    assert len(await bench.connection.logs(bench.contract, topics, 0, head.number)) == 1
    logs = await bench.connection.logs(bench.contract, topics[:1], 0, head.number)
    assert sum(int.from_bytes(log.data[32:], "big") for log in logs) == bench.journal.finalized


async def _stop_children() -> None:
    """What a killed process had started dies with it."""
    children = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for child in children:
        child.cancel()
    await asyncio.gather(*children, return_exceptions=True)
