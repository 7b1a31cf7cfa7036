"""The nullifier of a commitment: what is published when it is revoked, and tells nobody which one it was.

In: a record's leaf and its salts. Out: 32 bytes. Invariant: who holds the receipt computes the nullifier and asks the
contract for it; who knows the leaf alone, or all of the chain, cannot link the two.
"""

from __future__ import annotations

from faceledger_contracts import merkle
from faceledger_contracts.canonical import from_hex
from faceledger_contracts.record import FIELDS, RecordSalts

__all__ = ["nullifier", "nullifier_of", "nullifier_salt"]


def nullifier(leaf: bytes, salts: RecordSalts) -> bytes:
    """The nullifier of the record with this 32-byte leaf and these salts."""
    return nullifier_of(leaf, nullifier_salt(salts))


def nullifier_salt(salts: RecordSalts) -> bytes:
    """The 32-byte salt of the nullifier. It may be shown with single fields: it opens none of the others."""
    return merkle.leaf_hash(_SALT_TAG, b"".join(from_hex(getattr(salts, name), 32) for name in FIELDS))


def nullifier_of(leaf: bytes, salt: bytes) -> bytes:
    """The nullifier of a leaf and its `nullifier_salt`, 32 bytes each."""
    if len(leaf) != 32 or len(salt) != 32:
        raise ValueError("leaf and nullifier salt have 32 bytes each")
    return merkle.leaf_hash(_NULLIFIER_TAG, salt + leaf)


_SALT_TAG = merkle.type_tag("FaceLedger nullifier salt v1")
_NULLIFIER_TAG = merkle.type_tag("FaceLedger nullifier v1")
