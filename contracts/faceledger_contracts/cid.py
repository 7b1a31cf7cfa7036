"""The CID of a file, computed by ourselves: no IPFS node is believed about what it stores.

In: a file's bytes as a stream. Out: the CIDv1 that `ipfs add --cid-version=1 --raw-leaves` gives it: raw leaves of
256 KiB under a balanced tree of dag-pb nodes with 174 links each, base32. Invariant: constant memory (at most 174
links a level), and equal bytes have an equal CID.
"""

from __future__ import annotations

import base64
import hashlib
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from faceledger_contracts.dagpb import Link, encode_node

__all__ = [
    "CHUNK_BYTES",
    "DAG_PB",
    "RAW",
    "block_cid",
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


def cid_of_file(path: str | Path) -> str:
    """The CID of the file at `path`."""
    with Path(path).open("rb") as file:
        return cid_of_stream(file)


def cid_of_bytes(data: bytes) -> str:
    """The CID of a file with this content."""
    return cid_of_stream(BytesIO(data))


def cid_of_stream(reader: BinaryIO) -> str:
    """The CID of the rest of `reader`, which is read to its end."""
    levels: list[list[Link]] = [[]]
    while chunk := _read_chunk(reader):
        _append(levels, 0, Link(block_cid(RAW, chunk), len(chunk), len(chunk)))
    return encode_cid(_close(levels).cid)


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


def _append(levels: list[list[Link]], depth: int, link: Link) -> None:
    if depth == len(levels):
        levels.append([])
    if len(levels[depth]) == LINKS_PER_NODE:
        _append(levels, depth + 1, _node(levels[depth]))
        levels[depth] = []
    levels[depth].append(link)


def _close(levels: list[list[Link]]) -> Link:
    if not levels[0]:
        return Link(block_cid(RAW, b""), 0, 0)
    depth = 0
    while depth + 1 < len(levels) or len(levels[depth]) > 1:
        _append(levels, depth + 1, _node(levels[depth]))
        depth += 1
    return levels[depth][0]


def _node(links: list[Link]) -> Link:
    block = encode_node(links)
    tree_size = len(block) + sum(link.tree_size for link in links)
    return Link(block_cid(DAG_PB, block), tree_size, sum(link.file_size for link in links))


def _read_chunk(reader: BinaryIO) -> bytes:
    chunk = reader.read(CHUNK_BYTES)
    while chunk and len(chunk) < CHUNK_BYTES and (more := reader.read(CHUNK_BYTES - len(chunk))):
        chunk += more
    return chunk
