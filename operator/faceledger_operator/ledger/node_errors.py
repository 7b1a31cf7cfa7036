"""What a node's refusal of a transaction means: one table of the texts that the clients in use answer with.

In: the message of a JSON-RPC error. Out: a `Refusal`. Invariant: a text that the table does not know is `UNKNOWN`,
which callers treat as passing by itself; no text is ever taken for success except that the node has the transaction.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["NodeRefusedError", "Refusal", "classify_refusal"]


class Refusal(StrEnum):
    """Why a node does not take a transaction."""

    ALREADY_KNOWN = "AlreadyKnown"
    """It has the very same transaction."""
    NONCE_TOO_LOW = "NonceTooLow"
    """Another transaction with this nonce is in a block."""
    UNDERPRICED = "Underpriced"
    """It has another one with this nonce that pays as much, or the fee is below its minimum."""
    INSUFFICIENT_FUNDS = "InsufficientFunds"
    """The signer cannot pay gas limit times fee."""
    UNKNOWN_METHOD = "UnknownMethod"
    """It does not know what it is asked."""
    UNKNOWN = "Unknown"
    """None of the texts that we know."""


class NodeRefusedError(Exception):
    """The node answered, and refuses. The message is the node's own, free of the URL's secrets."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


METHOD_NOT_FOUND = -32601
"""Of JSON-RPC 2.0; the texts differ."""

_TEXTS: dict[Refusal, tuple[str, ...]] = {
    Refusal.ALREADY_KNOWN: (
        "already known",  # geth, Erigon, reth
        "known transaction",  # geth before 1.9.20, Besu
        "alreadyknown",  # Nethermind
        "already imported",  # anvil, OpenEthereum
    ),
    Refusal.NONCE_TOO_LOW: ("nonce too low", "oldnonce", "nonce is too low", "nonce has already been used"),
    Refusal.UNDERPRICED: (
        "underpriced",  # geth (also "replacement transaction underpriced"), Besu, Erigon, anvil
        "replacementnotallowed",  # Nethermind
        "could not replace existing",  # Erigon
        "feetoolow",  # Nethermind
        "below configured minimum",  # Besu
        "less than block base fee",  # geth, anvil
        "max fee per gas less than",
    ),
    Refusal.INSUFFICIENT_FUNDS: (
        "insufficient funds",  # geth, anvil, reth
        "insufficientfunds",  # Nethermind
        "upfront cost exceeds",  # Besu
        "insufficient balance",
    ),
}


def classify_refusal(message: str, code: int | None = None) -> Refusal:
    """The refusal that a JSON-RPC error's message and code tell of."""
    if code == METHOD_NOT_FOUND:
        return Refusal.UNKNOWN_METHOD
    text = message.lower()
    for refusal, parts in _TEXTS.items():
        if any(part in text for part in parts):
            return refusal
    return Refusal.UNKNOWN
