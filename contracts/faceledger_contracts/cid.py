"""The CID of a file, computed by ourselves: no IPFS node is believed about what it stores.

In: a file's bytes as a stream. Out: the CIDv1 that `ipfs add --cid-version=1 --raw-leaves` gives it: raw leaves of
256 KiB under a balanced tree of dag-pb nodes with 174 links each, base32; or all of these blocks. Invariant: constant
memory (at most 174 links a level), and equal bytes have an equal CID.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from faceledger_contracts.dagpb import Link, encode_node

__all__ = [
    "CHUNK_BYTES",
    "DAG_PB",
    "RAW",
    "Block",
    "block_cid",
    "blocks_of_stream",
    "cid_of_bytes",
    "cid_of_file",
    "cid_of_stream",
    "codec",
    "decode_cid",
    "encode_cid",
]

CHUNK_BYTES = 256 * 1024
"""Bytes in a leaf (Kubo's `size-262144` chunker)."""

LINKS_PER_NODE = 174
"""Kubo's `--max-file-links`: a node of 174 links stays below 8 KiB."""

RAW = 0x55
DAG_PB = 0x70
_SHA256_MULTIHASH = bytes([0x12, 0x20])

Block = tuple[bytes, bytes]
"""A block's binary CID, and its bytes."""


def cid_of_file(path: str | Path) -> str:
    """The CID of the file at `path`."""
    with Path(path).open("rb") as file:
        return cid_of_stream(file)


def cid_of_bytes(data: bytes) -> str:
    """The CID of a file with this content."""
    return cid_of_stream(BytesIO(data))


def cid_of_stream(reader: BinaryIO) -> str:
    """The CID of the rest of `reader`, which is read to its end."""
    ((root, _),) = deque(blocks_of_stream(reader), maxlen=1)
    return encode_cid(root)


def blocks_of_stream(reader: BinaryIO) -> Iterator[Block]:
    """Every block of the rest of `reader`, children before their node; the last one is the file's."""
    levels: list[list[Link]] = [[]]
    while chunk := _read_chunk(reader):
        leaf = Link(block_cid(RAW, chunk), len(chunk), len(chunk))
        yield leaf.cid, chunk
        yield from _append(levels, 0, leaf)
    if not levels[0]:
        yield block_cid(RAW, b""), b""
    yield from _close(levels)


def block_cid(codec: int, block: bytes) -> bytes:
    """The binary CIDv1 of a block: version, codec (`RAW` or `DAG_PB`), SHA-256 multihash."""
    return bytes([1, codec]) + _SHA256_MULTIHASH + hashlib.sha256(block).digest()


def encode_cid(cid: bytes) -> str:
    """Binary to text: multibase `b` (base32, lower case, no padding)."""
    return "b" + base64.b32encode(cid).decode().rstrip("=").lower()


def decode_cid(text: str) -> bytes:
    """Text to binary; ValueError unless it is the one spelling of a CIDv1 with SHA-256 over a raw or dag-pb block."""
    body = text[1:].upper()
    try:
        cid = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError as error:
        raise ValueError("not a base32 CID") from error
    if len(cid) != 36 or cid[0] != 1 or cid[1] not in (RAW, DAG_PB) or cid[2:4] != _SHA256_MULTIHASH:
        raise ValueError("not a CIDv1 with SHA-256 of a raw or dag-pb block")
    if encode_cid(cid) != text:
        raise ValueError("not the canonical spelling of its CID")
    return cid


def codec(cid: bytes) -> int:
    """`RAW` or `DAG_PB`."""
    return cid[1]


def _append(levels: list[list[Link]], depth: int, link: Link) -> Iterator[Block]:
    """Adds a link to a level; the node of those before it, where they have filled one."""
    if depth == len(levels):
        levels.append([])
    if len(levels[depth]) == LINKS_PER_NODE:
        yield from _end_node(levels, depth)
    levels[depth].append(link)


def _close(levels: list[list[Link]]) -> Iterator[Block]:
    depth = 0
    while depth + 1 < len(levels) or len(levels[depth]) > 1:
        yield from _end_node(levels, depth)
        depth += 1


def _end_node(levels: list[list[Link]], depth: int) -> Iterator[Block]:
    links, levels[depth] = levels[depth], []
    block = encode_node(links)
    tree_size = len(block) + sum(link.tree_size for link in links)
    node = Link(block_cid(DAG_PB, block), tree_size, sum(link.file_size for link in links))
    yield node.cid, block
    yield from _append(levels, depth + 1, node)


def _read_chunk(reader: BinaryIO) -> bytes:
    chunk = reader.read(CHUNK_BYTES)
    while chunk and len(chunk) < CHUNK_BYTES and (more := reader.read(CHUNK_BYTES - len(chunk))):
        chunk += more
    return chunk
