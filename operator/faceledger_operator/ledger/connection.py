"""The operator's line to a node: JSON-RPC over HTTP, asked and never subscribed.

In: an RPC URL, which may carry credentials in its user info, path or query. Out: the values of chain.py. Invariant:
an error tells what was asked, the host and the node's own words, and nothing else of the URL; a request has one
answer or one error, and repeating it is the caller's decision.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import Any, TypeVar, cast

from aiohttp import ClientError, ClientResponseError, ClientTimeout
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from faceledger_contracts.inclusion import Inclusion
from faceledger_contracts.redaction import redact, redact_url
from faceledger_contracts.witness import WitnessError, prove_inclusion
from hexbytes import HexBytes
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import (
    BlockNotFound,
    ContractLogicError,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import RPCEndpoint

from .chain import Block, FeeMarket, Log, TransactionReceipt
from .contract import Revert, decode_answer, decode_revert, encode_call
from .ledger import ChainContradictedError, LedgerRefusedError, LedgerUnavailableError
from .node_errors import NodeRefusedError, Refusal, classify_refusal

__all__ = ["Connection", "Endpoint", "RateLimitedError", "RevertedError"]

# web3 writes the whole URL, credentials and all, at the levels below WARNING.
logging.getLogger("web3").setLevel(logging.WARNING)

REQUEST_SECONDS = 10.0
"""A node that takes longer for one request counts as unreachable; blocks come every few seconds."""

FEE_HISTORY_BLOCKS = 10
"""Blocks whose tips are looked at: about two minutes on the slowest chains in use."""

TOO_MANY_REQUESTS = 429

DEFAULT_RETRY_SECONDS = 5.0
"""A node that limits requests and does not say for how long is left alone for this."""

T = TypeVar("T")


class RevertedError(Exception):
    """The contract refuses the call."""

    def __init__(self, revert: Revert) -> None:
        super().__init__(str(revert))
        self.revert = revert


class RateLimitedError(LedgerUnavailableError):
    """The node wants to be left alone for `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Endpoint:
    """Where a node is, and the headers that go with every request; none of it is ever shown."""

    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class Connection:
    """A node. Every method raises LedgerUnavailableError when it does not answer."""

    def __init__(self, endpoint: Endpoint, timeout: float = REQUEST_SECONDS) -> None:
        self.shown = redact_url(endpoint.url)
        self._endpoint = endpoint
        self._provider = AsyncHTTPProvider(
            endpoint.url,
            request_kwargs={
                "timeout": ClientTimeout(total=timeout),
                "headers": {"Content-Type": "application/json", **dict(endpoint.headers)},
            },
            exception_retry_configuration=None,
        )
        # A contract must not be able to send the operator to an address of its choice (EIP-3668).
        self._provider.global_ccip_read_enabled = False
        self._eth = AsyncWeb3(self._provider, middleware=[ExtraDataToPOAMiddleware]).eth

    async def close(self) -> None:
        await self._provider.disconnect()

    async def chain_id(self) -> int:
        return await self._ask("eth_chainId", self._eth.chain_id)

    async def block(self, which: int | str) -> Block | None:
        """A block by number or tag. None where the node has none, also when it does not know the tag."""
        what = f"eth_getBlockByNumber {which}"
        try:
            found = await self._try(what, self._eth.get_block(cast("Any", which)))
        except NodeRefusedError as error:
            if which in ("safe", "finalized"):
                return None
            raise LedgerUnavailableError(f"{what} at {self.shown}: {error}") from None
        return _block(found) if found else None

    async def head(self) -> Block:
        block = await self.block("latest")
        if block is None:
            raise LedgerUnavailableError(f"{self.shown}: the node has no block yet")
        return block

    async def balance(self, address: str) -> int:
        return await self._ask("eth_getBalance", self._eth.get_balance(_address(address)))

    async def nonce(self, address: str, state: str = "latest") -> int:
        """Transactions of `address` in blocks (`latest`), or also those that wait in a row (`pending`)."""
        count = self._eth.get_transaction_count(_address(address), cast("Any", state))
        return await self._ask("eth_getTransactionCount", count)

    async def code(self, address: str) -> bytes:
        return bytes(await self._ask("eth_getCode", self._eth.get_code(_address(address))))

    async def market(self, head: Block) -> FeeMarket:
        """What transactions pay now."""
        if head.base_fee is None:
            return FeeMarket(None, 0, await self._ask("eth_gasPrice", self._eth.gas_price))
        history = await self._ask("eth_feeHistory", self._eth.fee_history(FEE_HISTORY_BLOCKS, "latest", [50]))
        tips = [rewards[0] for rewards in history.get("reward") or () if rewards]
        return FeeMarket(history["baseFeePerGas"][-1], median_low(tips) if tips else 0, 0)

    async def receipt(self, transaction: str) -> TransactionReceipt | None:
        """The receipt of a transaction that is in a block; None for any other."""
        asked = self._eth.get_transaction_receipt(HexBytes(transaction))
        found = await self._ask("eth_getTransactionReceipt", asked)
        return _receipt(found) if found else None

    async def inclusion(self, transaction: str, block_hash: str) -> Inclusion | None:
        """The proof that the transaction is in the block; None where this chain's blocks allow none.

        ChainContradictedError where what the node says of the block does not hash to what the block's header says.
        """
        try:
            block = await self._ask("eth_getBlockByHash", self._raw("eth_getBlockByHash", block_hash, True))
            hashes = [each["hash"] for each in block["transactions"]] if block else []
            if transaction not in hashes:
                raise ChainContradictedError(
                    f"{self.shown}: block {block_hash} does not hold transaction {transaction}"
                )
            receipts = await self._receipts_of(block, hashes)
            return await asyncio.to_thread(prove_inclusion, block, receipts, hashes.index(transaction))
        except WitnessError as error:
            raise ChainContradictedError(f"{self.shown}: block {block_hash}: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerUnavailableError(f"eth_getBlockByHash at {self.shown}: {type(error).__name__}") from None

    async def _receipts_of(self, block: Mapping[str, Any], hashes: Sequence[str]) -> list[Any]:
        try:
            return list(await self._try("eth_getBlockReceipts", self._raw("eth_getBlockReceipts", block["number"])))
        except NodeRefusedError as error:
            if error.refusal is not Refusal.UNKNOWN_METHOD:
                raise LedgerUnavailableError(f"eth_getBlockReceipts at {self.shown}: {error}") from None
            method = "eth_getTransactionReceipt"
            return [await self._ask(method, self._raw(method, transaction)) for transaction in hashes]

    async def _raw(self, method: str, *parameters: object) -> Any:
        """A node's answer as it sent it: web3 would rename and convert what is to be hashed."""
        answer = await self._provider.make_request(RPCEndpoint(method), list(parameters))
        if "error" in answer:
            raise Web3RPCError(str(answer["error"]), rpc_response=answer)
        return answer["result"]

    async def send(self, raw: str) -> None:
        """Broadcasts a signed transaction; NodeRefusedError also where the node has it already."""
        await self._try("eth_sendRawTransaction", self._eth.send_raw_transaction(HexBytes(raw)))

    async def estimate(self, transaction: Mapping[str, Any]) -> int:
        """Gas of a transaction at the head; RevertedError where it would fail."""
        return await self._ask("eth_estimateGas", self._eth.estimate_gas(cast("Any", dict(transaction))))

    async def view(self, contract: str, function: str, *arguments: object) -> tuple[Any, ...]:
        """What a view function of the contract answers at the head. LedgerRefusedError if it is no FaceLedger."""
        call = {"to": contract, "data": encode_call(function, *arguments)}
        try:
            answer = await self._ask("eth_call", self._eth.call(cast("Any", call), ccip_read_enabled=False))
            return decode_answer(function, bytes(answer))
        except (DecodingError, RevertedError):
            raise LedgerRefusedError(f"contract {contract} does not answer {function}: it is no FaceLedger") from None

    async def logs(self, contract: str, topics: Sequence[bytes], first: int, last: int) -> list[Log]:
        """Logs of a contract in a range of blocks, both ends included."""
        wanted = {
            "address": contract,
            "topics": ["0x" + topic.hex() for topic in topics],
            "fromBlock": first,
            "toBlock": last,
        }
        return [_log(entry) for entry in await self._ask("eth_getLogs", self._eth.get_logs(cast("Any", wanted)))]

    async def _ask(self, what: str, question: Awaitable[T]) -> T:
        """The answer to a question that a healthy node does not refuse."""
        try:
            return await self._try(what, question)
        except NodeRefusedError as error:
            raise LedgerUnavailableError(f"{what} at {self.shown}: the node answers: {error}") from None

    async def _try(self, what: str, question: Awaitable[T]) -> T:
        try:
            return await question
        except (BlockNotFound, TransactionNotFound):
            return cast("T", None)
        except ContractLogicError as error:
            raise RevertedError(decode_revert(_revert_data(error.data))) from None
        except Web3RPCError as error:
            message = redact(_node_message(error), self._endpoint.url)
            for _, secret in self._endpoint.headers:
                message = message.replace(secret, "…")
            raise NodeRefusedError(classify_refusal(message, _node_code(error)), message) from None
        except ClientResponseError as error:
            if error.status == TOO_MANY_REQUESTS:
                message = f"{what} at {self.shown}: the node answers HTTP 429, too many requests"
                raise RateLimitedError(message, _retry_after(error)) from None
            raise LedgerUnavailableError(f"{what} at {self.shown}: the node answers HTTP {error.status}") from None
        except (ClientError, TimeoutError, OSError, Web3Exception, ValueError) as error:
            raise LedgerUnavailableError(f"{what} at {self.shown}: {_unanswered(error)}") from None


def _unanswered(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__


def _retry_after(error: ClientResponseError) -> float:
    """Seconds that the node asks for (RFC 9110, 10.2.3); a date, which no RPC provider sends, counts as no wish."""
    try:
        return max(0.0, float(error.headers["Retry-After"] if error.headers else ""))
    except (KeyError, ValueError):
        return DEFAULT_RETRY_SECONDS


def _node_code(error: Web3RPCError) -> int | None:
    told = (error.rpc_response or {}).get("error")
    return told.get("code") if isinstance(told, Mapping) else None


def _node_message(error: Web3RPCError) -> str:
    response = error.rpc_response or {}
    told = response.get("error") if isinstance(response, Mapping) else None
    return str(told.get("message", "")) if isinstance(told, Mapping) else str(told or "error without a message")


def _revert_data(data: Any) -> bytes:
    text = data.get("data") if isinstance(data, Mapping) else data
    try:
        return bytes.fromhex(str(text or "").removeprefix("0x"))
    except ValueError:
        return b""


def _address(address: str) -> Any:
    return to_checksum_address(address)


def _hash(value: bytes) -> str:
    return "0x" + bytes(value).hex()


def _block(block: Mapping[str, Any]) -> Block:
    return Block(block["number"], _hash(block["hash"]), block["timestamp"], block.get("baseFeePerGas"))


def _log(log: Mapping[str, Any]) -> Log:
    return Log(
        to_checksum_address(log["address"]),
        tuple(bytes(topic) for topic in log["topics"]),
        bytes(log["data"]),
        _hash(log["transactionHash"]),
        log["blockNumber"],
        _hash(log["blockHash"]),
    )


def _receipt(receipt: Mapping[str, Any]) -> TransactionReceipt:
    return TransactionReceipt(
        _hash(receipt["transactionHash"]),
        receipt["blockNumber"],
        _hash(receipt["blockHash"]),
        receipt["status"] == 1,
        receipt["gasUsed"] * receipt.get("effectiveGasPrice", 0),
        tuple(_log(log) for log in receipt["logs"]),
    )
