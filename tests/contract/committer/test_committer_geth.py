"""The committer against geth, which is stricter than anvil: fees of replacements, what it says, whole commits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.verify import is_verified, verify_receipt
from faceledger_operator.api.ledgerbinding import Finality
from faceledger_operator.ledger.fees import Fees, bump_fees
from faceledger_operator.ledger.node_errors import NodeRefusedError, Refusal
from testbed.processes import Process
from web3 import HTTPProvider, Web3

pytestmark = [pytest.mark.chain, pytest.mark.timeout(900)]  # the first time, geth is compiled

Bench = Any
"""The fixture `bench` of conftest.py."""

REPOSITORY = Path(__file__).parents[3]
CHAIN_ID = 1337


@pytest.fixture(scope="module")
def geth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The RPC URL of a geth that makes a block for each transaction."""
    make = [sys.executable, REPOSITORY / "hack" / "cluster", "geth"]
    binary = subprocess.run(make, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    folder = tmp_path_factory.mktemp("geth")
    options = ["--dev", "--datadir", str(folder / "data"), "--http", "--http.port", "0", "--ipcdisable"]
    with Process([binary, *options, "--authrpc.port", "0", "--port", "0"], folder / "log") as process:
        yield "http://" + process.said(r"HTTP server started\s+endpoint=(127\.0\.0\.1:\d+)")


@pytest.fixture
async def bench_on_geth(geth: str, bench: Bench) -> AsyncIterator[Bench]:
    """The same committer on geth, with a contract of its own."""
    web3, account, artefact = Web3(HTTPProvider(geth)), bench.account, faceledger_artefact()
    funds = {"from": web3.eth.accounts[0], "to": account.address, "value": 10**19}
    web3.eth.wait_for_transaction_receipt(web3.eth.send_transaction(funds), timeout=30)
    factory = web3.eth.contract(abi=artefact.abi, bytecode=artefact.bytecode)
    nonce = web3.eth.get_transaction_count(account.address)
    request = factory.constructor(account.address, account.address).build_transaction(
        {"from": account.address, "nonce": nonce}
    )
    sent = web3.eth.send_raw_transaction(account.sign_transaction(request).raw_transaction)
    contract = web3.eth.wait_for_transaction_receipt(sent, timeout=30)["contractAddress"]
    one = Finality(mode="Confirmations", confirmations=1)
    made = await bench.restarted(url=geth, contract=contract, chain_id=CHAIN_ID, finality=one)
    yield made
    await made.nodes.close()


async def _block(bench: Bench) -> None:
    """Geth makes a block for a transaction alone: one of another account."""
    web3 = Web3(HTTPProvider(bench.url))
    sender = web3.eth.accounts[0]
    web3.eth.wait_for_transaction_receipt(web3.eth.send_transaction({"from": sender, "to": sender}), timeout=30)


async def test_a_record_is_committed_and_proved_on_geth(bench_on_geth: Bench) -> None:
    bench = bench_on_geth
    await bench.ledger.submit(await bench.attempt("on-geth"))
    await bench.until_included("on-geth")
    for _ in range(2):
        await _block(bench)
        await bench.committer.run_pass()
    receipt = bench.receipt("on-geth")
    assert receipt.version == 2
    assert is_verified(verify_receipt(receipt, ChainReader(bench.url), finality=1))


async def test_geth_takes_no_replacement_for_less_than_a_tenth_more_and_takes_ours(bench_on_geth: Bench) -> None:
    bench = bench_on_geth
    market = await bench.connection.market(await bench.connection.head())
    first = Fees(cap=3 * 10**9, tip=10**9)
    nonce = await bench.connection.nonce(bench.account.address) + 1  # after a gap, so that it waits

    def signed(fees: Fees) -> str:
        fields = {"chainId": CHAIN_ID, "nonce": nonce, "gas": 21_000, "to": bench.account.address, "value": 1}
        return "0x" + bytes(bench.account.sign_transaction({**fields, **fees.fields()}).raw_transaction).hex()

    await bench.connection.send(signed(first))
    with pytest.raises(NodeRefusedError) as same:
        await bench.connection.send(signed(first))
    assert same.value.refusal is Refusal.ALREADY_KNOWN
    with pytest.raises(NodeRefusedError) as cheap:
        await bench.connection.send(signed(Fees(cap=first.cap * 21 // 20, tip=10**9 * 21 // 20)))
    assert cheap.value.refusal is Refusal.UNDERPRICED
    bumped = bump_fees(first, market, 10**12)
    assert bumped is not None
    await bench.connection.send(signed(bumped))


async def test_what_geth_says_of_a_used_nonce_and_of_too_little_money_is_understood(bench_on_geth: Bench) -> None:
    bench = bench_on_geth
    used = await bench.connection.nonce(bench.account.address) - 1

    def signed(**changes: int) -> str:
        fields = {"chainId": CHAIN_ID, "gas": 21_000, "to": bench.account.address, "value": 1, "gasPrice": 10**10}
        return "0x" + bytes(bench.account.sign_transaction({**fields, **changes}).raw_transaction).hex()

    for changes, refusal in (
        ({"nonce": used}, Refusal.NONCE_TOO_LOW),
        ({"nonce": used + 1, "value": 10**30}, Refusal.INSUFFICIENT_FUNDS),
    ):
        with pytest.raises(NodeRefusedError) as refused:
            await bench.connection.send(signed(**changes))
        assert refused.value.refusal is refusal
