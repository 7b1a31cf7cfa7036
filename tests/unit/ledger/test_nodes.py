"""Which of several nodes is asked, how long one that fails is left alone, and what happens when two disagree."""

from __future__ import annotations

from typing import Any

import pytest
from faceledger_operator.ledger.chain import Block
from faceledger_operator.ledger.connection import RateLimitedError
from faceledger_operator.ledger.ledger import ChainContradictedError, LedgerUnavailableError
from faceledger_operator.ledger.nodes import LONGEST_REST, Nodes

HASH, OTHER = "0x" + "aa" * 32, "0x" + "bb" * 32


class Node:
    """A node that answers, or fails with what it is told to fail with."""

    def __init__(self, shown: str, block_hash: str | None = HASH, chain: int = 1337) -> None:
        self.shown, self.block_hash, self.chain = shown, block_hash, chain
        self.error: Exception | None = None
        self.asked = 0

    async def block(self, number: int) -> Block | None:
        self._answer()
        return Block(number, self.block_hash, 0, None) if self.block_hash else None

    async def chain_id(self) -> int:
        self._answer()
        return self.chain

    def _answer(self) -> None:
        self.asked += 1
        if self.error:
            raise self.error


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def nodes_of(*nodes: Node) -> tuple[Any, Clock]:
    clock = Clock()
    connections: Any = nodes
    return Nodes(connections, clock), clock


async def shown(nodes: Any) -> str:
    async def ask(node: Any) -> str:
        await node.chain_id()
        return str(node.shown)

    return str(await nodes.ask(ask))


async def test_the_first_node_is_asked_as_long_as_it_answers() -> None:
    first, second = Node("first"), Node("second")
    nodes, _ = nodes_of(first, second)
    assert [await shown(nodes) for _ in range(3)] == ["first"] * 3
    assert second.asked == 0


async def test_the_next_node_is_asked_where_one_fails_and_the_first_again_after_its_rest() -> None:
    first, second = Node("first"), Node("second")
    nodes, clock = nodes_of(first, second)
    first.error = LedgerUnavailableError("away")
    assert await shown(nodes) == "second"
    assert nodes.answering() == 1
    first.error = None
    assert await shown(nodes) == "second"
    clock.now += 1.0
    assert await shown(nodes) == "first"
    assert nodes.answering() == 2


async def test_a_node_that_rests_is_not_asked_and_its_problem_is_told() -> None:
    only = Node("only")
    nodes, clock = nodes_of(only)
    only.error = LedgerUnavailableError("away")
    for _ in range(10):
        with pytest.raises(LedgerUnavailableError, match="away"):
            await shown(nodes)
    assert only.asked == 1
    clock.now += LONGEST_REST
    with pytest.raises(LedgerUnavailableError, match="away"):
        await shown(nodes)
    assert only.asked == 2


async def test_a_node_that_limits_requests_is_left_alone_as_long_as_it_wants() -> None:
    only = Node("only")
    nodes, clock = nodes_of(only)
    only.error = RateLimitedError("HTTP 429", 60.0)
    for _ in range(2):
        with pytest.raises(LedgerUnavailableError, match="429"):
            await shown(nodes)
    only.error = None
    clock.now += 59.0
    with pytest.raises(LedgerUnavailableError, match="429"):
        await shown(nodes)
    assert only.asked == 1
    clock.now += 1.0
    assert await shown(nodes) == "only"


async def test_another_block_of_the_same_number_is_a_contradiction_that_names_the_host() -> None:
    nodes, _ = nodes_of(Node("honest"), Node("liar", OTHER))
    with pytest.raises(ChainContradictedError, match=f"{HASH} to one node and {OTHER} to liar"):
        await nodes.confirm_block(7, HASH)


@pytest.mark.parametrize("second", [Node("behind", None), Node("same")], ids=["without the block", "with the same"])
async def test_a_node_does_not_contradict(second: Node) -> None:
    nodes, _ = nodes_of(Node("first"), second)
    await nodes.confirm_block(7, HASH)
    assert second.asked == 1
    assert nodes.answering() == 2


async def test_a_node_that_is_away_is_no_witness() -> None:
    away = Node("away")
    away.error = LedgerUnavailableError("away")
    nodes, _ = nodes_of(Node("first"), away)
    await nodes.confirm_block(7, HASH)
    assert away.asked == 1
    assert nodes.answering() == 1


async def test_a_node_of_another_chain_is_named() -> None:
    nodes, _ = nodes_of(Node("first"), Node("stray", chain=5))
    with pytest.raises(ChainContradictedError, match="stray is on chain 5, not 1337"):
        await nodes.confirm_chain(1337)
