"""One byte string for one value: canonical JSON (RFC 8785) and the digests taken of it.

In: JSON values and bytes. Out: canonical bytes, `sha256:<hex>` digests, Keccak-256 words. Invariant: two parties that
hold the same value compute the same bytes, whatever language they write it in.
"""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785
from eth_hash.auto import keccak

__all__ = ["canonical_json", "from_hex", "keccak256", "sha256_digest", "to_hex"]


def canonical_json(value: Any) -> bytes:
    """`value` as RFC 8785 JSON: keys sorted by UTF-16 code unit, no spaces, UTF-8. ValueError for what JSON lacks."""
    return rfc8785.dumps(value)


def sha256_digest(data: bytes) -> str:
    """The SHA-256 of `data` as `sha256:` and 64 lower-case hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 that the EVM computes (not NIST's SHA-3)."""
    return keccak(data)


def to_hex(data: bytes) -> str:
    """`0x` and lower-case hex digits."""
    return "0x" + data.hex()


def from_hex(text: str, length: int) -> bytes:
    """The `length` bytes that `text` (`0x` and hex digits) spells; ValueError for any other form."""
    if not text.startswith("0x") or len(text) != 2 + 2 * length:
        raise ValueError(f"expected 0x and {2 * length} hex digits, got {len(text)} characters")
    return bytes.fromhex(text[2:])
