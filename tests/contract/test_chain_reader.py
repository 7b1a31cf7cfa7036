"""A node's answers come back as plain values, and its failures without a secret of its URL."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests
from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.canonical import from_hex, keccak256
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.eip712 import new_run_key
from faceledger_contracts.evidence import ChainUnavailable, RunKeyWindow

pytestmark = pytest.mark.chain

NOBODY = "0x" + "00" * 19 + "01"


def test_chain_id_head_and_code(ledger: Any, reader: ChainReader) -> None:
    assert reader.chain_id() == 31337
    assert reader.head() == ledger.web3.eth.block_number
    assert reader.code_hash(ledger.address) == from_hex(faceledger_artefact().code_hash, 32)
    assert reader.code_hash("0x" + "12" * 20) == keccak256(b"")


def test_a_block_is_read_and_a_later_one_is_not_there(ledger: Any, reader: ChainReader) -> None:
    latest = ledger.web3.eth.get_block("latest")
    block = reader.block(latest["number"])
    assert block is not None
    assert (block.number, block.hash, block.timestamp) == (latest["number"], latest["hash"], latest["timestamp"])
    assert reader.block(latest["number"] + 1000) is None


def test_an_unknown_transaction_has_no_outcome(ledger: Any, reader: ChainReader) -> None:
    assert reader.outcome(bytes(32), ledger.address) is None


def test_a_transaction_without_a_commit_has_none(ledger: Any, reader: ChainReader) -> None:
    mined = ledger.authorise(new_run_key()[0])
    outcome = reader.outcome(mined["transactionHash"], ledger.address)
    assert outcome is not None
    assert outcome.succeeded
    assert outcome.commits == ()


def test_the_window_of_a_run_key_is_read(ledger: Any, reader: ChainReader) -> None:
    key, _ = new_run_key()
    assert reader.run_key_windows(ledger.address, [key]) == [RunKeyWindow(0, 0)]
    ledger.authorise(key, 3600)
    (window,) = reader.run_key_windows(ledger.address, [key])
    assert window.start == ledger.now()
    assert 3590 <= window.end - window.start <= 3600


def test_the_finalized_block_lags_behind_the_head(ledger: Any, reader: ChainReader) -> None:
    ledger.mine(3)
    finalized = reader.tagged("finalized")
    assert finalized is not None
    assert finalized < reader.head()


def test_a_run_key_cannot_be_asked_where_there_is_no_contract(reader: ChainReader) -> None:
    with pytest.raises(ChainUnavailable, match="run keys: "):
        reader.run_key_windows("0x" + "12" * 20, [NOBODY])


def test_a_session_with_headers_is_used(anvil: str) -> None:
    session = requests.Session()
    session.headers["Authorization"] = "Bearer s3cret"
    with recording("{}", 200) as (url, seen), pytest.raises(ChainUnavailable):
        ChainReader(url, session=session).chain_id()
    assert seen[0]["Authorization"] == "Bearer s3cret"


def test_headers_and_basic_authentication_are_sent() -> None:
    with recording('{"jsonrpc":"2.0","id":0,"result":"0x539"}', 200) as (url, seen):
        reader = ChainReader(url.replace("://", "://user:s3cret@"), headers={"X-Api-Key": "k3y"})
        assert reader.chain_id() == 1337
    assert seen[0]["X-Api-Key"] == "k3y"
    assert seen[0]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        pytest.param("no", 401, "HTTPError", id="it refuses the credentials"),
        pytest.param("", 429, "HTTPError", id="it limits the rate"),
        pytest.param("not json", 200, "", id="it speaks no JSON"),
        pytest.param("{}", 200, "", id="it leaves out the result"),
        pytest.param('{"jsonrpc":"2.0","id":0,"result":null}', 200, "", id="it knows no chain id"),
        pytest.param(
            '{"jsonrpc":"2.0","id":0,"error":{"code":-32005,"message":"limit of s3cret reached"}}',
            200,
            "limit of … reached",
            id="it answers with an error that holds the key",
        ),
    ],
)
def test_a_node_that_fails_is_named_without_secrets(body: str, status: int, detail: str) -> None:
    with recording(body, status) as (url, _), pytest.raises(ChainUnavailable) as failure:
        ChainReader(f"{url}/v3/s3cret".replace("://", "://user:s3cret@")).chain_id()
    assert detail in str(failure.value)
    assert url in str(failure.value)
    assert "s3cret" not in "".join(map(str, (failure.value, failure.value.__cause__)))


def test_a_node_out_of_reach_is_named_without_secrets() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(ChainUnavailable, match=rf"chain id: ConnectionError at http://127.0.0.1:{port}/…$"):
        ChainReader(f"http://user:s3cret@127.0.0.1:{port}/v3/s3cret").chain_id()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            '{"jsonrpc":"2.0","id":0,"error":{"code":-32000,"message":"finalized block not found"}}', id="geth"
        ),
        pytest.param('{"jsonrpc":"2.0","id":0,"error":{"code":-39001,"message":"Unknown block"}}', id="Besu, Erigon"),
        pytest.param('{"jsonrpc":"2.0","id":0,"result":null}', id="reth, Nethermind"),
    ],
)
def test_a_chain_without_finality_is_told_as_each_client_tells_it(answer: str) -> None:
    with recording(answer, 200) as (url, _):
        assert ChainReader(url).tagged("finalized") is None


@contextmanager
def recording(body: str, status: int) -> Iterator[tuple[str, list[Any]]]:
    """An HTTP server that answers everything alike, and the headers that it was sent."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.headers)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
