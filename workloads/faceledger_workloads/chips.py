"""The archive of aligned face chips: a tar file whose bytes depend on names and chips alone.

In: (name, PNG bytes) in the manifest's order. Out: the tar's bytes, chunk by chunk; and back. Invariant: no time,
owner or mode of a machine is in it, and memory holds one chip.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from faceledger_workloads.chunks import ChunkReader

__all__ = ["read_chips", "write_chips"]


def write_chips(chips: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """A POSIX (ustar) archive of regular files."""
    for name, data in chips:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        entry.mode = 0o400
        yield entry.tobuf(tarfile.USTAR_FORMAT)
        yield data
        yield bytes(-len(data) % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def read_chips(archive: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """(name, PNG bytes) of each chip, while the archive's pieces arrive; all pieces are taken. ValueError for what is
    no such archive."""
    pieces = iter(archive)
    try:
        with tarfile.open(fileobj=cast("BinaryIO", ChunkReader(pieces)), mode="r|") as tar:
            while (entry := tar.next()) is not None:
                yield entry.name, _content(tar, entry)
                tar.members.clear()  # type: ignore[attr-defined]  # or it remembers each one
    except tarfile.TarError as error:
        raise ValueError(f"not an archive of chips: {error}") from error
    for _ in pieces:
        """What follows the archive's end still belongs to its digest."""


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    if file is None:
        raise ValueError(f"not an archive of chips: {entry.name} is no regular file")
    return file.read()
