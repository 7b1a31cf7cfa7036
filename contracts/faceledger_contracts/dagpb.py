"""The block format of files on IPFS: dag-pb nodes that hold UnixFS file metadata.

In: links (CID, size) of child blocks. Out: a node's bytes, and back. Source: the dag-pb and UnixFS specifications.
Invariant: `decode_node(encode_node(links)) == links`, and a node that was encoded in any other way is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Link", "decode_node", "encode_node"]

FILE = 2
"""UnixFS data type of a file."""


@dataclass(frozen=True)
class Link:
    """A child block: its binary CID, the bytes of all blocks of its subtree, and the file content below it in bytes."""

    cid: bytes
    tree_size: int
    file_size: int


def encode_node(links: Sequence[Link]) -> bytes:
    """The dag-pb node of a file part that consists of `links` in order and carries no content of its own."""
    encoded = b"".join(_field(2, _field(1, x.cid) + _field(2, b"") + _number(3, x.tree_size)) for x in links)
    sizes = b"".join(_number(4, x.file_size) for x in links)
    return encoded + _field(1, _number(1, FILE) + _number(3, sum(x.file_size for x in links)) + sizes)


def decode_node(block: bytes) -> list[Link]:
    """The links of a node; ValueError unless `block` is exactly what `encode_node` gives for them."""
    raw_links, sizes = [], []
    for number, value in _fields(block):
        if number == 2 and isinstance(value, bytes):
            raw_links.append(dict(_fields(value)))
        elif number == 1 and isinstance(value, bytes):
            sizes = [size for tag, size in _fields(value) if tag == 4]
    links = [
        Link(cid, tree_size, file_size)
        for link, file_size in zip(raw_links, sizes, strict=True)
        if isinstance(cid := link.get(1), bytes)
        and isinstance(tree_size := link.get(3), int)
        and isinstance(file_size, int)
    ]
    if not links or encode_node(links) != block:
        raise ValueError("not a dag-pb node of a plain UnixFS file")
    return links


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _fields(data: bytes) -> list[tuple[int, bytes | int]]:
    fields: list[tuple[int, bytes | int]] = []
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        value, at = _read_varint(data, at)
        if key & 7 == 0:
            fields.append((key >> 3, value))
        elif key & 7 == 2 and at + value <= len(data):
            fields.append((key >> 3, data[at : at + value]))
            at += value
        else:
            raise ValueError("malformed protobuf field")
    return fields


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 64:
        number |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return number, at
        shift += 7
    raise ValueError("malformed protobuf number")
