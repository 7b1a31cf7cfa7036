"""What the operator sees of a chain: blocks, logs, receipts of transactions and the market for fees.

Invariant: plain frozen values, so that decisions over them are pure and a test writes them by hand. Hashes are 0x hex
in lower case, addresses carry their checksum, amounts are in wei, times in seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Block", "FeeMarket", "Log", "TransactionReceipt"]


@dataclass(frozen=True)
class Block:
    number: int
    hash: str
    timestamp: int
    base_fee: int | None
    """None on a chain from before EIP-1559."""


@dataclass(frozen=True)
class FeeMarket:
    """`base_fee` of the next block and the median `tip` of the last ones; base fee None: only `gas_price` counts."""

    base_fee: int | None
    tip: int
    gas_price: int


@dataclass(frozen=True)
class Log:
    address: str
    topics: tuple[bytes, ...]
    data: bytes
    transaction: str
    block_number: int
    block_hash: str


@dataclass(frozen=True)
class TransactionReceipt:
    """A transaction that is in a block. `cost` is gas used times the price that was paid."""

    transaction: str
    block_number: int
    block_hash: str
    succeeded: bool
    cost: int
    logs: tuple[Log, ...]
