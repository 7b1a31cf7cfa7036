"""One byte string for one value: canonical JSON (RFC 8785) and the digests taken of it.

In: JSON values and bytes. Out: canonical bytes, `sha256:<hex>` digests, Keccak-256 words. Invariant: two parties that
hold the same value compute the same bytes, whatever language they write it in.
"""

from __future__ import annotations

import hashlib
from json.encoder import encode_basestring
from typing import Any

import rfc8785
from sha3 import keccak_256

__all__ = ["canonical_json", "from_hex", "keccak256", "sha256_digest", "to_hex"]

MAX_INTEGER = 2**53 - 1
"""Beyond it, readers that hold numbers as doubles read another one."""


def canonical_json(value: Any) -> bytes:
    """`value` as RFC 8785 JSON: keys sorted by UTF-16 code unit, no spaces, UTF-8. ValueError for what JSON lacks."""
    return _text(value).encode()


def sha256_digest(data: bytes) -> str:
    """The SHA-256 of `data` as `sha256:` and 64 lower-case hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 that the EVM computes (not NIST's SHA-3)."""
    digest: bytes = keccak_256(data).digest()
    return digest


def to_hex(data: bytes) -> str:
    """`0x` and lower-case hex digits."""
    return "0x" + data.hex()


def from_hex(text: str, length: int) -> bytes:
    """The `length` bytes that `text` (`0x` and hex digits) spells; ValueError for any other form."""
    if not text.startswith("0x") or len(text) != 2 + 2 * length:
        raise ValueError(f"expected 0x and {2 * length} hex digits, got {len(text)} characters")
    return bytes.fromhex(text[2:])


def _text(value: Any) -> str:
    """RFC 8785 of what records and receipts are made of; the library, three times slower, does the rest."""
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    if kind is dict and all(type(name) is str for name in value):
        members = sorted(value.items(), key=_utf16)
        return "{" + ",".join([f"{encode_basestring(name)}:{_text(member)}" for name, member in members]) + "}"
    if kind is list:
        return "[" + ",".join([_text(element) for element in value]) + "]"
    if value is None:
        return "null"
    if kind is int and -MAX_INTEGER <= value <= MAX_INTEGER:
        return str(value)
    return rfc8785.dumps(value).decode()


def _utf16(member: tuple[str, Any]) -> bytes:
    return member[0].encode("utf-16-be")
