"""What a chain says about a commitment, as plain values, and who may be asked.

In: logs as a node gives them. Out: frozen values that verification compares. Invariant: no value here depends on a
client library, so verification is pure and runs in a test without a chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from eth_utils.address import to_checksum_address

from faceledger_contracts.canonical import keccak256

__all__ = [
    "BATCH_COMMITTED",
    "BatchCommitted",
    "Block",
    "Chain",
    "ChainUnavailable",
    "FinalityTag",
    "Outcome",
    "RunKeyWindow",
    "decode_batch_committed",
]

FinalityTag = Literal["finalized", "safe"]

BATCH_COMMITTED = keccak256(b"BatchCommitted(bytes32,bytes32,uint32,address)")
"""First topic of the event that a commit leaves."""


class ChainUnavailable(Exception):  # noqa: N818 - the name says the state
    """A node is out of reach or refused to answer: try again later. The message shows no secret of its URL."""


@dataclass(frozen=True)
class BatchCommitted:
    """The event of one commit; hashes as 32 bytes, the run key's address with checksum."""

    batch_id: bytes
    root: bytes
    count: int
    run_key: str


@dataclass(frozen=True)
class Outcome:
    """A transaction that is in a block: whether it succeeded, and the commits that the contract logged in it."""

    block_number: int
    block_hash: bytes
    succeeded: bool
    commits: tuple[BatchCommitted, ...]


@dataclass(frozen=True)
class Block:
    """A canonical block: hash of 32 bytes, timestamp in seconds since 1970."""

    number: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True)
class RunKeyWindow:
    """When a run key was or is authorised: from `start` until before `end`, in seconds since 1970; 0 and 0 if never.

    `revoked_in` is the number of the block that revoked it, 0 if none did.
    """

    start: int
    end: int
    revoked_in: int = 0

    def contains(self, block: Block) -> bool:
        """Whether the key could sign in that block; where blocks share a time, in those up to the revoking one."""
        if self.revoked_in and block.timestamp == self.end:
            return self.start <= block.timestamp and block.number <= self.revoked_in
        return self.start <= block.timestamp < self.end


class Chain(Protocol):
    """A chain that can be read. Every method raises ChainUnavailable; None means that the node knows no such thing."""

    def chain_id(self) -> int:
        """EIP-155 chain id."""
        ...

    def code_hash(self, contract: str) -> bytes:
        """Keccak-256 of the code that runs at `contract`; that of no bytes where there is none."""
        ...

    def outcome(self, transaction: bytes, contract: str) -> Outcome | None:
        """What became of a transaction, and what `contract` logged in it; None if it is in no block."""
        ...

    def block(self, number: int) -> Block | None:
        """The canonical block of this number."""
        ...

    def head(self) -> int:
        """Number of the latest block."""
        ...

    def tagged(self, tag: FinalityTag) -> int | None:
        """Number of the block that the chain calls finalized or safe; None on a chain without such blocks."""
        ...

    def run_key_windows(self, contract: str, keys: Sequence[str]) -> list[RunKeyWindow]:
        """The window of each run key, from the latest state."""
        ...

    def revoked_at(self, contract: str, nullifiers: Sequence[bytes]) -> list[int]:
        """When each commitment was revoked, from the latest state: seconds since 1970, 0 if it was not."""
        ...


def decode_batch_committed(topics: Sequence[bytes], data: bytes) -> BatchCommitted | None:
    """The commit that a log says, or None for any other log."""
    if len(topics) != 3 or topics[0] != BATCH_COMMITTED or len(data) != 64:
        return None
    return BatchCommitted(
        batch_id=bytes(topics[1]),
        root=data[:32],
        count=int.from_bytes(data[32:], "big"),
        run_key=to_checksum_address(topics[2][12:]),
    )
