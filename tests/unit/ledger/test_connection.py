"""How nodes of different kinds are asked, and what of a URL an error may show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from faceledger_contracts.canonical import keccak256
from faceledger_operator.ledger.chain import Block, FeeMarket
from faceledger_operator.ledger.connection import Connection, Endpoint, RateLimitedError, RevertedError
from faceledger_operator.ledger.ledger import LedgerRefusedError, LedgerUnavailableError
from faceledger_operator.ledger.node_errors import NodeRefusedError, Refusal

HASH = "0x" + "ab" * 32
ZERO = "0x" + "00" * 32
ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SECRETS = ("us3rname", "passw0rd", "pathk3y0123", "qu3rykey")


class Node:
    """A JSON-RPC server on the loopback interface that answers from a table: results, errors, or an HTTP status."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"eth_chainId": "0x539"}
        self.authorizations: list[str | None] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.keys: list[str | None] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.authorizations.append(request.headers.get("Authorization"))
        self.keys.append(request.headers.get("X-Api-Key"))
        if self.status != 200:
            return web.Response(status=self.status, text=str(request.url), headers=self.headers)
        asked = await request.json()
        found = self.answers[asked["method"]]
        if found == "not json":
            return web.Response(text="<html>")
        body = found if isinstance(found, dict) and "error" in found else {"result": found}
        return web.json_response({"jsonrpc": "2.0", "id": asked["id"], **body})


@pytest.fixture
async def node(unused_tcp_port: int) -> AsyncIterator[Node]:
    made = Node()
    app = web.Application()
    app.router.add_post("/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    made.port = unused_tcp_port  # type: ignore[attr-defined]
    yield made
    await runner.cleanup()


@pytest.fixture
async def connection(node: Any) -> AsyncIterator[Connection]:
    url = f"http://{SECRETS[0]}:{SECRETS[1]}@127.0.0.1:{node.port}/v3/{SECRETS[2]}?key={SECRETS[3]}"
    made = Connection(Endpoint(url))
    yield made
    await made.close()


def block(**changes: Any) -> dict[str, Any]:
    fields = {"number": "0x7", "hash": HASH, "timestamp": "0x64", "baseFeePerGas": "0x5", "extraData": "0x"}
    return {**fields, **changes}


def shows_no_secret(error: Exception) -> bool:
    return not any(secret in str(error) for secret in SECRETS)


async def test_credentials_of_the_url_are_sent_as_basic_authentication(node: Node, connection: Connection) -> None:
    assert await connection.chain_id() == 1337
    assert node.authorizations[0] is not None
    assert node.authorizations[0].startswith("Basic ")


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502])
async def test_an_http_error_is_told_by_its_number(node: Node, connection: Connection, status: int) -> None:
    node.status = status
    with pytest.raises(LedgerUnavailableError, match=f"HTTP {status}") as error:
        await connection.chain_id()
    assert shows_no_secret(error.value)


async def test_an_answer_that_is_no_json_is_no_answer(node: Node, connection: Connection) -> None:
    node.answers["eth_chainId"] = "not json"
    with pytest.raises(LedgerUnavailableError) as error:
        await connection.chain_id()
    assert shows_no_secret(error.value)


async def test_a_node_that_repeats_the_url_is_cut_short(node: Node, connection: Connection) -> None:
    node.answers["eth_chainId"] = {
        "error": {"code": -32000, "message": f"project {SECRETS[2]} of {SECRETS[0]} is over"}
    }
    with pytest.raises(LedgerUnavailableError, match="is over") as error:
        await connection.chain_id()
    assert shows_no_secret(error.value)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"error": {"code": -32000, "message": "finalized block not found"}}, id="geth"),
        pytest.param({"error": {"code": -39001, "message": "Unknown block"}}, id="Besu and Erigon"),
        pytest.param(None, id="reth and Nethermind"),
    ],
)
async def test_a_chain_without_finality_has_no_finalized_block(node: Node, connection: Connection, answer: Any) -> None:
    node.answers["eth_getBlockByNumber"] = answer
    assert await connection.block("finalized") is None


async def test_a_chain_whose_head_cannot_be_read_is_out_of_reach(node: Node, connection: Connection) -> None:
    node.answers["eth_getBlockByNumber"] = {"error": {"code": -32000, "message": "boom"}}
    with pytest.raises(LedgerUnavailableError, match="boom"):
        await connection.head()


@pytest.mark.parametrize(
    ("changes", "base_fee"),
    [
        pytest.param({}, 5, id="EIP-1559"),
        pytest.param({"baseFeePerGas": None}, None, id="before EIP-1559"),
        pytest.param({"extraData": "0x" + "00" * 97}, 5, id="proof of authority, 97 bytes of extraData"),
    ],
)
async def test_a_block_of(node: Node, connection: Connection, changes: Any, base_fee: int | None) -> None:
    fields = {name: value for name, value in block(**changes).items() if value is not None}
    node.answers["eth_getBlockByNumber"] = fields
    assert await connection.head() == Block(7, HASH, 100, base_fee)


async def test_the_market_of_a_chain_with_base_fees(node: Node, connection: Connection) -> None:
    history = {
        "oldestBlock": "0x1",
        "baseFeePerGas": ["0x1", "0x9"],
        "gasUsedRatio": [0.5],
        "reward": [["0x3"], ["0x4"]],
    }
    node.answers["eth_feeHistory"] = history
    assert await connection.market(Block(7, HASH, 100, 5)) == FeeMarket(9, 3, 0)


async def test_the_market_of_a_legacy_chain(node: Node, connection: Connection) -> None:
    node.answers["eth_gasPrice"] = "0x0"
    assert await connection.market(Block(7, HASH, 100, None)) == FeeMarket(None, 0, 0)


async def test_a_refused_transaction_is_classified(node: Node, connection: Connection) -> None:
    node.answers["eth_sendRawTransaction"] = {"error": {"code": -32000, "message": "already known"}}
    with pytest.raises(NodeRefusedError) as error:
        await connection.send("0x02")
    assert error.value.refusal is Refusal.ALREADY_KNOWN


async def test_a_transaction_in_no_block_has_no_receipt(node: Node, connection: Connection) -> None:
    node.answers["eth_getTransactionReceipt"] = None
    assert await connection.receipt(HASH) is None


async def test_a_revert_is_read_by_the_contracts_own_errors(node: Node, connection: Connection) -> None:
    data = keccak256(b"EnforcedPause()")[:4].hex()
    error = {"code": 3, "message": "execution reverted", "data": "0x" + data}
    node.answers["eth_estimateGas"] = {"error": error}
    with pytest.raises(RevertedError, match="EnforcedPause") as reverted:
        await connection.estimate({"to": ADDRESS, "data": "0x"})
    assert reverted.value.revert.name == "EnforcedPause"


@pytest.mark.parametrize(
    "answer", ["0x", "0x01", {"error": {"code": 3, "message": "execution reverted", "data": "0x"}}]
)
async def test_a_contract_of_another_kind_is_said_to_be_one(node: Node, connection: Connection, answer: Any) -> None:
    node.answers["eth_call"] = answer
    with pytest.raises(LedgerRefusedError, match="it is no FaceLedger"):
        await connection.view(ADDRESS, "committedRoot", bytes(32))


async def test_a_view_is_decoded(node: Node, connection: Connection) -> None:
    node.answers["eth_call"] = "0x" + "00" * 31 + "07" + "00" * 31 + "09"
    assert await connection.view(ADDRESS, "runKeyWindow", ADDRESS) == (7, 9)


async def test_a_node_that_hangs_is_given_up(node: Any) -> None:
    hanging = Connection(Endpoint(f"http://10.255.255.1:{node.port}"), timeout=0.05)
    with pytest.raises(LedgerUnavailableError, match=r"no answer in time|Client\w+Error"):
        await hanging.chain_id()
    await hanging.close()


async def test_headers_are_sent_with_every_request_and_shown_nowhere(node: Any) -> None:
    endpoint = Endpoint(f"http://127.0.0.1:{node.port}", (("X-Api-Key", "h3aderkey"),))
    made = Connection(endpoint)
    assert await made.chain_id() == 1337
    assert node.keys == ["h3aderkey"]
    node.answers["eth_chainId"] = {"error": {"code": -32000, "message": "no credit left for h3aderkey"}}
    with pytest.raises(LedgerUnavailableError, match="no credit left") as caught:
        await made.chain_id()
    assert "h3aderkey" not in f"{caught.value} {endpoint!r} {made!r}"
    await made.close()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"Retry-After": "7"}, 7.0, id="it says for how long"),
        pytest.param({}, 5.0, id="it does not say"),
        pytest.param({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 5.0, id="it gives a date"),
    ],
)
async def test_a_node_that_limits_requests(node: Any, connection: Connection, headers: Any, seconds: float) -> None:
    node.status, node.headers = 429, headers
    with pytest.raises(RateLimitedError, match="HTTP 429") as caught:
        await connection.chain_id()
    assert caught.value.retry_after == seconds
    assert shows_no_secret(caught.value)
