"""One writer for each key: the turn of a signer on a chain, and the nonces that its bindings have in flight.

Invariant: whoever holds the lock is the only one in this process that chooses nonces for the signer; the leader lease
makes this process the only one.
"""

from __future__ import annotations

import asyncio

__all__ = ["SignerLane", "SignerLanes"]


class SignerLane:
    """Shared by all bindings of one signer on one chain."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self._nonces: dict[str, frozenset[int]] = {}

    def reserve(self, binding: str, nonces: frozenset[int]) -> None:
        """Says which nonces the binding's journal holds now."""
        self._nonces[binding] = nonces

    def release(self, binding: str) -> None:
        """The binding is gone or has another signer: what it had in flight is nobody's any more."""
        self._nonces.pop(binding, None)

    def reserved_beside(self, binding: str) -> frozenset[int]:
        """The nonces of all other bindings."""
        return frozenset().union(*(nonces for other, nonces in self._nonces.items() if other != binding))


class SignerLanes:
    """The lanes of a process."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[int, str], SignerLane] = {}

    def of(self, chain_id: int, signer: str) -> SignerLane:
        return self._lanes.setdefault((chain_id, signer), SignerLane())
