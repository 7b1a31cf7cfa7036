"""Recursive length prefix: how Ethereum writes headers, transactions, receipts and the nodes of its tries.

In: byte strings and lists of them. Out: one byte string, and back. Source: Ethereum Yellow Paper, appendix B.
Invariant: only the shortest form of a value is read, so `encode(decode(data)) == data` for whatever is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, Union

__all__ = ["Item", "RlpError", "decode", "encode", "number_bytes"]

Item: TypeAlias = Union[bytes, "Sequence[Item]"]
"""A byte string, or a list of items."""

MAX_DEPTH = 32
"""Lists in one another; Ethereum's own need fewer than ten, and a stranger's file must not exhaust the stack."""


class RlpError(ValueError):
    """Bytes are no item, or not in its shortest form."""


def encode(item: Item) -> bytes:
    """The one encoding of `item`."""
    if not isinstance(item, bytes):
        content = b"".join(map(encode, item))
        return _prefix(_LIST, len(content)) + content
    if len(item) == 1 and item[0] < _STRING:
        return item
    return _prefix(_STRING, len(item)) + item


def decode(data: bytes) -> Item:
    """The item that `data` is, lists as `list`; RlpError if it is none, or more than one."""
    item, end = _read(data, 0, len(data), 0)
    if end != len(data):
        raise RlpError(f"{len(data) - end} bytes follow the item")
    return item


def number_bytes(number: int) -> bytes:
    """A number as RLP holds it: big-endian without leading zeros, none at all for 0."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _prefix(kind: int, length: int) -> bytes:
    if length <= _SHORT:
        return bytes([kind + length])
    digits = number_bytes(length)
    return bytes([kind + _SHORT + len(digits)]) + digits


def _read(data: bytes, at: int, limit: int, depth: int) -> tuple[Item, int]:
    """The item that begins at `at` and lies before `limit`, and where it ends."""
    if at >= limit:
        raise RlpError("an item is missing")
    if depth > MAX_DEPTH:
        raise RlpError(f"lists lie {MAX_DEPTH} deep in one another")
    first = data[at]
    if first < _STRING:
        return data[at : at + 1], at + 1
    kind = _LIST if first >= _LIST else _STRING
    start, end = _bounds(data, at, first - kind, limit)
    if kind == _STRING:
        if end - start == 1 and data[start] < _STRING:
            raise RlpError("a single byte has a prefix that it does not need")
        return data[start:end], end
    items = []
    while start < end:
        item, start = _read(data, start, end, depth + 1)
        items.append(item)
    return items, end


def _bounds(data: bytes, at: int, size: int, limit: int) -> tuple[int, int]:
    """Where the content of the item at `at` begins and ends; `size` is its length, or beyond _SHORT its length's."""
    start, length = at + 1, size
    if size > _SHORT:
        start += size - _SHORT
        length = int.from_bytes(data[at + 1 : start], "big")
        if start > limit or data[at + 1] == 0 or length <= _SHORT:
            raise RlpError("a length is not in its shortest form")
    if start + length > limit:
        raise RlpError("an item is longer than what holds it")
    return start, start + length


_STRING, _LIST = 0x80, 0xC0
"""What the prefixes of strings and of lists begin with."""

_SHORT = 55
"""The longest content whose length fits into the prefix."""
