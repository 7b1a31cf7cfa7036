"""A file on IPFS as its blocks: whoever has them, each is hashed, and they are put together in their order.

In: a CID and a way to get a block. Out: the file. Invariant: no byte is passed on that is not the CID's, and one block
and the links on the way to it are all that is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from faceledger_contracts import cid as cids
from faceledger_contracts.content import ContentCorrupt, ContentError
from faceledger_contracts.dagpb import decode_node

__all__ = ["BlockOf", "checked_block", "walk", "write_file"]

BlockOf = Callable[[bytes], bytes]
"""The block of a binary CID. Raises ContentUnavailable or ContentCorrupt."""


def write_file(cid: str, block_of: BlockOf, writer: BinaryIO) -> None:
    """Writes the file behind `cid`. ContentCorrupt names the block that differs or is no part of a file."""
    for current, block in walk(cid, block_of):
        if cids.codec(current) == cids.RAW:
            writer.write(block)


def walk(cid: str, block_of: BlockOf) -> Iterator[tuple[bytes, bytes]]:
    """Every block of a file with its CID, a node before its children, the leaves in the order of the file."""
    waiting = [cids.decode_cid(cid)]
    while waiting:
        current = waiting.pop()
        try:
            block = block_of(current)
        except ContentError as error:
            # Whoever asked knows the file by its CID, not by those of its blocks.
            raise error if cid in str(error) else type(error)(f"{cid}: {error}") from None
        yield current, block
        if cids.codec(current) == cids.RAW:
            continue
        try:
            waiting.extend(link.cid for link in reversed(decode_node(block)))
        except ValueError as error:
            raise ContentCorrupt(f"{cid}: block {cids.encode_cid(current)} is {error}") from None


def checked_block(cid: bytes, block: bytes) -> bytes:
    """The block itself; ContentCorrupt unless it is that of its CID."""
    if cids.block_cid(cids.codec(cid), block) != cid:
        raise ContentCorrupt(f"the bytes of block {cids.encode_cid(cid)} are not those of its hash")
    return block
