"""Bytes that come piece by piece, as a file that is read: for libraries that know files alone.

In: an iterator of chunks. Out: a binary reader. Invariant: it holds one chunk, and takes the next only when that is
used up.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import cast

__all__ = ["ChunkReader"]


class ChunkReader(io.RawIOBase):
    """A stream that is produced while it is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
