"""The proof that a transaction is in a block, and what it logged there, by nothing but the block's hash.

In: the block's header, the place of the transaction, two proofs; the hashes of block and transaction. Out: the outcome
that a node would answer. Source: Ethereum Yellow Paper, sections 4.3 and 4.4; EIP-2718. Invariant: a node that keeps
headers alone suffices for verification, and no answer of it but a block's hash.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import Field

from faceledger_contracts import rlp, trie
from faceledger_contracts.canonical import keccak256, to_hex
from faceledger_contracts.evidence import BatchCommitted, Outcome, decode_batch_committed
from faceledger_contracts.values import Frozen, HexBytes, JsonInt

__all__ = ["Inclusion", "InclusionError", "proved_outcome"]


class InclusionError(ValueError):
    """What does not fit together in a proof of inclusion."""


class Inclusion(Frozen):
    """What proves a transaction's outcome by its block's hash alone."""

    header: HexBytes = Field(description="RLP of the block's header; its Keccak-256 is the block's hash.")
    index: JsonInt = Field(description="Place of the transaction in the block.")
    transaction_proof: tuple[HexBytes, ...] = Field(description="Nodes from transactionsRoot to the raw transaction.")
    receipt_proof: tuple[HexBytes, ...] = Field(description="Nodes from receiptsRoot to the transaction's receipt.")


@lru_cache(maxsize=256)  # the receipts of a batch share it
def proved_outcome(inclusion: Inclusion, block_hash: bytes, transaction: bytes, contract: str) -> Outcome:
    """What became of `transaction` in the block of `block_hash`, and what `contract` logged in it; InclusionError."""
    header_bytes = _bytes(inclusion.header)
    if keccak256(header_bytes) != block_hash:
        raise InclusionError(f"inclusion.header: its hash is {to_hex(keccak256(header_bytes))}, not the block's")
    try:
        header: Any = rlp.decode(header_bytes)
        raw = trie.value_at(header[_TRANSACTIONS_ROOT], inclusion.index, _nodes(inclusion.transaction_proof))
        receipt = trie.value_at(header[_RECEIPTS_ROOT], inclusion.index, _nodes(inclusion.receipt_proof))
        if keccak256(raw) != transaction:
            raise InclusionError(f"inclusion.transactionProof: it proves {to_hex(keccak256(raw))}")
        fields: Any = rlp.decode(receipt[1:] if receipt[0] < _FIRST_LIST_BYTE else receipt)
        status, _, _, logs = fields
        return Outcome(
            block_number=int.from_bytes(header[_NUMBER], "big"),
            block_hash=block_hash,
            succeeded=status == b"\x01",
            commits=_commits(logs, bytes.fromhex(contract[2:])),
        )
    except InclusionError:
        raise
    except (ValueError, IndexError, TypeError) as error:
        raise InclusionError(f"inclusion: {error}") from error


def _commits(logs: list[Any], contract: bytes) -> tuple[BatchCommitted, ...]:
    decoded = (decode_batch_committed(topics, data) for address, topics, data in logs if address == contract)
    return tuple(commit for commit in decoded if commit is not None)


def _nodes(proof: tuple[str, ...]) -> list[bytes]:
    return [_bytes(node) for node in proof]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


_TRANSACTIONS_ROOT, _RECEIPTS_ROOT, _NUMBER = 4, 5, 8
"""Places in a header."""

_FIRST_LIST_BYTE = 0xC0
"""RLP of a list begins here; a typed receipt (EIP-2718) begins with a lower byte, its type."""
