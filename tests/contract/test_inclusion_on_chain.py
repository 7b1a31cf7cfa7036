"""The proofs of inclusion that are made from a real node's answers lead to the roots that its headers name."""

from __future__ import annotations

from typing import Any

import pytest
from faceledger_contracts.canonical import from_hex
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.inclusion import proved_outcome
from faceledger_contracts.witness import WitnessError, prove_inclusion

pytestmark = pytest.mark.chain

KINDS: list[dict[str, Any]] = [
    {"gasPrice": hex(10**10)},
    {"gasPrice": hex(10**10), "accessList": [{"address": "0x" + "11" * 20, "storageKeys": ["0x" + "22" * 32] * 2}]},
    {"maxFeePerGas": hex(10**10), "maxPriorityFeePerGas": "0x0"},
    {"maxFeePerGas": hex(10**10), "maxPriorityFeePerGas": hex(10**9), "data": "0x1234", "value": "0x0"},
]


def ask(ledger: Any, method: str, *parameters: Any) -> Any:
    answer = ledger.web3.provider.make_request(method, list(parameters))
    assert "error" not in answer, answer
    return answer["result"]


@pytest.fixture
def block(ledger: Any) -> Any:
    """A block of 140 transactions of several kinds: more than one byte of RLP holds as a place."""
    sender = ask(ledger, "eth_accounts")[5]
    ask(ledger, "evm_setAutomine", False)
    try:
        for number in range(140):
            request = {"from": sender, "to": "0x" + f"{number:040x}", "value": hex(number), "gas": hex(60_000)}
            ask(ledger, "eth_sendTransaction", request | KINDS[number % len(KINDS)])
        ask(ledger, "evm_mine")
    finally:
        ask(ledger, "evm_setAutomine", True)
    mined = ask(ledger, "eth_getBlockByNumber", "latest", True)
    assert len(mined["transactions"]) == 140
    assert {transaction["type"] for transaction in mined["transactions"]} == {"0x0", "0x1", "0x2"}
    return mined


@pytest.mark.parametrize("index", [0, 1, 2, 127, 128, 139])
def test_a_transaction_among_many_is_proved(block: Any, reader: ChainReader, index: int) -> None:
    transaction = from_hex(block["transactions"][index]["hash"], 32)
    inclusion = reader.inclusion(transaction)
    assert inclusion is not None
    outcome = proved_outcome(inclusion, from_hex(block["hash"], 32), transaction, "0x" + "00" * 20)
    assert outcome.block_number == int(block["number"], 16)
    assert outcome.succeeded


def test_a_commit_is_proved_as_the_node_tells_it(ledger: Any, reader: ChainReader) -> None:
    mined = ledger.authorise("0x" + "11" * 20)
    transaction = bytes(mined["transactionHash"])
    inclusion = reader.inclusion(transaction)
    assert inclusion is not None
    proved = proved_outcome(inclusion, bytes(mined["blockHash"]), transaction, ledger.address)
    assert proved == reader.outcome(transaction, ledger.address)


def test_a_transaction_in_no_block_has_no_proof(reader: ChainReader) -> None:
    assert reader.inclusion(bytes(32)) is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"extraData": "0x00"}, id="whose hash is made otherwise"),
        pytest.param({"transactions": [{"type": "0x7e"}]}, id="with a transaction of a kind that no EIP defines"),
    ],
)
def test_a_block_has_no_proof(ledger: Any, change: dict[str, Any]) -> None:
    ledger.authorise("0x" + "22" * 20)
    block = ask(ledger, "eth_getBlockByNumber", "latest", True)
    receipts = ask(ledger, "eth_getBlockReceipts", "latest")
    assert prove_inclusion(block, receipts, 0) is not None
    assert prove_inclusion(block | change, receipts, 0) is None


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        pytest.param(lambda block, receipts: (block, []), "0 receipts are shown", id="a receipt is kept back"),
        pytest.param(
            lambda block, receipts: (block, [{**receipts[0], "status": "0x0"}]), "receipts", id="a failure is claimed"
        ),
        pytest.param(
            lambda block, receipts: (
                {**block, "transactions": [{**block["transactions"][0], "nonce": "0x9"}]},
                receipts,
            ),
            "transactions",
            id="a transaction is changed",
        ),
    ],
)
def test_what_is_not_in_the_block_is_no_proof_but_a_lie(ledger: Any, shown: Any, says: str) -> None:
    ledger.authorise("0x" + "33" * 20)
    block = ask(ledger, "eth_getBlockByNumber", "latest", True)
    receipts = ask(ledger, "eth_getBlockReceipts", "latest")
    with pytest.raises(WitnessError, match=says):
        prove_inclusion(*shown(block, receipts), 0)
