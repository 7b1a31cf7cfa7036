"""A batch: the set of leaves that one transaction commits.

In: leaves in any order. Out: the same batch id and root for the same set. Invariant: the id follows from root and
count, so a batch that is sent twice meets its own id on chain, and a receipt alone shows which batch it is of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from faceledger_contracts import merkle

__all__ = ["MAX_LEAVES", "Batch", "batch_id", "batch_id_of"]

MAX_LEAVES = 2**32 - 1
"""The contract counts leaves in 32 bits."""


@dataclass(frozen=True)
class Batch:
    """Leaves in ascending order, their root, and the id under which the contract stores it."""

    leaves: tuple[bytes, ...]
    root: bytes
    id: bytes

    @classmethod
    def of(cls, leaves: Iterable[bytes]) -> Batch:
        """The batch of these leaves; ValueError for none, for two that are equal, or for a length other than 32."""
        ordered = tuple(sorted(leaves))
        if len(set(ordered)) != len(ordered):
            raise ValueError("a batch holds each leaf once")
        root = merkle.root(ordered)
        return cls(ordered, root, batch_id_of(root, len(ordered)))

    @property
    def count(self) -> int:
        return len(self.leaves)

    def proof(self, leaf: bytes) -> list[bytes]:
        """The siblings that lead from `leaf` to the root; ValueError if it is none of this batch's."""
        return merkle.proof(self.leaves, self.leaves.index(leaf))

    def proofs(self) -> dict[bytes, list[bytes]]:
        """The proof of every leaf."""
        return dict(zip(self.leaves, merkle.proofs(self.leaves), strict=True))


def batch_id(leaves: Iterable[bytes]) -> bytes:
    """The 32-byte id of the batch of these leaves, whatever their order."""
    return Batch.of(leaves).id


def batch_id_of(root: bytes, count: int) -> bytes:
    """The id of the batch with this root (32 bytes, over leaves in ascending order) and count."""
    if not 0 < count <= MAX_LEAVES:
        raise ValueError(f"a batch holds 1 to {MAX_LEAVES} leaves, not {count}")
    return merkle.leaf_hash(_BATCH_TAG, root + count.to_bytes(32, "big"))


_BATCH_TAG = merkle.type_tag("FaceLedger batch v1")
