"""The chain as web3 reads it over HTTP: Infura, Kaleido, Besu, geth, anvil.

In: an RPC URL, headers or an authenticated session. Out: the values of evidence.py. Invariant: no error shows user
info, path, query or header of the connection. This module alone imports web3; nothing in this package imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import starmap
from typing import Any, TypeVar

import requests
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_typing import HexStr
from web3 import HTTPProvider, Web3
from web3.exceptions import BlockNotFound, TransactionNotFound, Web3Exception, Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import BlockData, RPCEndpoint, TxReceipt

from faceledger_contracts.canonical import keccak256, to_hex
from faceledger_contracts.evidence import (
    Block,
    ChainUnavailable,
    FinalityTag,
    Outcome,
    RunKeyWindow,
    decode_batch_committed,
)
from faceledger_contracts.inclusion import Inclusion
from faceledger_contracts.redaction import redact, redact_url
from faceledger_contracts.witness import prove_inclusion

__all__ = ["ChainReader"]

_Answer = TypeVar("_Answer")

_NO_TAGGED_BLOCK = (-32000, -39001)
"""How geth (-32000), and Besu and Erigon (-39001), say that a chain has no such block; reth and Nethermind say null."""

_METHOD_NOT_FOUND = -32601


class ChainReader:
    """A node at `url`, http or https. `timeout` is in seconds for each request; nothing is retried."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        session: requests.Session | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._url = url
        options: dict[str, Any] = {"timeout": timeout}
        if headers is not None:
            options["headers"] = {"Content-Type": "application/json", **headers}
        provider = HTTPProvider(url, request_kwargs=options, session=session, exception_retry_configuration=None)
        self._web3 = Web3(provider)
        self._web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)

    def chain_id(self) -> int:
        return self._ask("chain id", lambda: int(self._web3.eth.chain_id))

    def code_hash(self, contract: str) -> bytes:
        code = self._ask("contract code", lambda: self._web3.eth.get_code(Web3.to_checksum_address(contract)))
        return keccak256(bytes(code))

    def outcome(self, transaction: bytes, contract: str) -> Outcome | None:
        hash_ = HexStr(to_hex(transaction))
        receipt = self._ask("transaction", lambda: self._known(lambda: self._web3.eth.get_transaction_receipt(hash_)))
        return None if receipt is None else _outcome(receipt, contract)

    def block(self, number: int) -> Block | None:
        block = self._ask("block", lambda: self._known(lambda: self._web3.eth.get_block(number)))
        return None if block is None else _block(block)

    def head(self) -> int:
        return self._ask("head", lambda: int(self._web3.eth.block_number))

    def tagged(self, tag: FinalityTag) -> int | None:
        block = self._ask(f"{tag} block", lambda: self._tagged(tag))
        return None if block is None else _block(block).number

    def run_key_windows(self, contract: str, keys: Sequence[str]) -> list[RunKeyWindow]:
        windows = self._ask("run keys", lambda: self._read(contract, "runKeyWindows(address[])", list(keys), 3))
        return list(starmap(RunKeyWindow, zip(*windows, strict=True)))

    def revoked_at(self, contract: str, nullifiers: Sequence[bytes]) -> list[int]:
        question = "commitmentsRevokedAt(bytes32[])"
        (times,) = self._ask("revocation", lambda: self._read(contract, question, list(nullifiers), 1))
        return list(times)

    def inclusion(self, transaction: bytes) -> Inclusion | None:
        """The proof that `transaction` is in its block; None if it is in none, or if this chain's blocks allow none."""
        return self._ask("inclusion", lambda: self._inclusion(to_hex(transaction)))

    def _inclusion(self, transaction: str) -> Inclusion | None:
        receipt = self._answer("eth_getTransactionReceipt", transaction)
        block = None if receipt is None else self._answer("eth_getBlockByHash", receipt["blockHash"], True)
        if receipt is None or block is None:
            return None
        return prove_inclusion(block, self._receipts(block), int(receipt["transactionIndex"], 16))

    def _receipts(self, block: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            return list(self._answer("eth_getBlockReceipts", block["number"]))
        except Web3RPCError as error:
            if _code(error) != _METHOD_NOT_FOUND:
                raise
        return [self._answer("eth_getTransactionReceipt", each["hash"]) for each in block["transactions"]]

    def _answer(self, method: str, *parameters: object) -> Any:
        """A node's answer as it sent it: web3 would rename and convert what is to be hashed."""
        answer = self._web3.provider.make_request(RPCEndpoint(method), list(parameters))
        if "error" in answer:
            raise Web3RPCError(str(answer["error"]), rpc_response=answer)
        return answer["result"]

    def _read(self, contract: str, function: str, items: list[Any], answers: int) -> tuple[tuple[int, ...], ...]:
        """Lists of numbers about `items`. web3's contract calls look at each of thousands of items several times."""
        name, _, argument = function.partition("(")
        data = keccak256(function.encode())[:4] + encode([argument.removesuffix(")")], [items])
        answer = self._web3.eth.call({"to": Web3.to_checksum_address(contract), "data": HexStr(to_hex(data))})
        try:
            return tuple(decode(["uint64[]"] * answers, bytes(answer)))
        except DecodingError as error:
            raise ValueError(f"{name} answered {len(answer)} bytes that are no lists: {error}") from error

    def _tagged(self, tag: FinalityTag) -> BlockData | None:
        try:
            return self._known(lambda: self._web3.eth.get_block(tag))
        except Web3RPCError as error:
            if _code(error) in _NO_TAGGED_BLOCK:
                return None
            raise

    def _known(self, question: Callable[[], _Answer]) -> _Answer | None:
        try:
            return question()
        except (BlockNotFound, TransactionNotFound):
            return None

    def _ask(self, what: str, question: Callable[[], _Answer]) -> _Answer:
        try:
            return question()
        except requests.RequestException as error:
            detail = type(error).__name__
        except (Web3Exception, ValueError, KeyError, TypeError) as error:
            # What web3 raises when an answer is an error, no JSON, or of another form than the protocol says.
            detail = redact(f"{type(error).__name__}: {error}", self._url)
        raise ChainUnavailable(f"{what}: {detail} at {redact_url(self._url)}")


def _code(error: Web3RPCError) -> int | None:
    answer = error.rpc_response.get("error") if error.rpc_response else None
    return answer.get("code") if isinstance(answer, dict) else None


def _outcome(receipt: TxReceipt, contract: str) -> Outcome:
    logs = [log for log in receipt["logs"] if log["address"].lower() == contract.lower()]
    decoded = (decode_batch_committed([bytes(topic) for topic in log["topics"]], bytes(log["data"])) for log in logs)
    return Outcome(
        block_number=int(receipt["blockNumber"]),
        block_hash=bytes(receipt["blockHash"]),
        succeeded=receipt["status"] == 1,
        commits=tuple(commit for commit in decoded if commit is not None),
    )


def _block(block: BlockData) -> Block:
    return Block(number=int(block["number"]), hash=bytes(block["hash"]), timestamp=int(block["timestamp"]))
