"""Everything that a run leaves behind: sealed, on the output volume and on IPFS, named by its plaintext's digest.

In: plaintext as a stream of chunks. Out: an `Artefact`. Invariants: what touches the output volume is sealed; a file
has its final name only when it is whole; a run that is repeated replaces its own files and nothing else.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from faceledger_contracts.cid import cid_of_file
from faceledger_contracts.content import ContentCorrupt, ContentUnavailable
from faceledger_contracts.envelope import EncryptedFileError, Plaintext

from faceledger_workloads.chunks import ChunkReader
from faceledger_workloads.clock import Clock, backoff
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.runreport import Artefact, FailureReason
from faceledger_workloads.sealing import Seal

__all__ = [
    "CONTENT_DEADLINE_S",
    "ArtefactStore",
    "ContentAdder",
    "LocalContent",
    "open_artefact",
    "read_artefact",
    "write_whole",
]

CONTENT_DEADLINE_S = 600.0
"""How long an unreachable IPFS node is waited for before the run gives up, to be tried again later."""


class ContentAdder(Protocol):
    """Content-addressed storage that files are added to."""

    def add(self, path: str | Path) -> str:
        """Adds and pins the file; answers its CID. Raises `ContentUnavailable` or `ContentCorrupt`."""
        ...


class LocalContent:
    """For runs without an IPFS node: the CID that the file would have, computed here; nothing is published."""

    def add(self, path: str | Path) -> str:
        """The file's CID."""
        return cid_of_file(path)


class ArtefactStore:
    """Writes the artefacts of one attempt into `output`/attempt."""

    def __init__(
        self, output: Path, seal: Seal, content: ContentAdder, clock: Clock, on_wait: Callable[[str], None]
    ) -> None:
        """`on_wait(reason)` is called before each pause while the IPFS node is out of reach."""
        self._output = output
        self._folder = output / seal.attempt
        self._seal = seal
        self._content = content
        self._clock = clock
        self._on_wait = on_wait

    def put(self, name: str, chunks: Iterable[bytes]) -> Artefact:
        """Seals, stores and publishes. Raises `RunFailed` (ContentUnavailable) when IPFS stays out of reach."""
        final = self._folder / f"{name}{self._seal.suffix}"
        plaintext = write_whole(final, self._seal, name, chunks)
        path = final.relative_to(self._output).as_posix()
        return Artefact(name=name, digest=plaintext.digest, size=plaintext.size, cid=self._add(name, final), path=path)

    def _add(self, name: str, file: Path) -> str:
        end = self._clock.now() + CONTENT_DEADLINE_S
        attempt = 0
        while True:
            try:
                return self._content.add(file)
            except ContentUnavailable as error:
                pause = backoff(attempt)
                if self._clock.now() + pause > end:
                    message = f"{name} could not be added to IPFS within {CONTENT_DEADLINE_S:.0f} s: {error}"
                    raise RunFailed(FailureReason.CONTENT_UNAVAILABLE, message, retryable=True) from error
            except ContentCorrupt as error:
                raise RunFailed(FailureReason.CONTENT_UNAVAILABLE, f"{name}: {error}", retryable=True) from error
            self._on_wait("waiting for IPFS")
            self._clock.sleep(pause)
            attempt += 1


def write_whole(file: Path, seal: Seal, name: str, chunks: Iterable[bytes]) -> Plaintext:
    """Writes `file`, sealed as `name`; it has its name only when all is there. Raises `RunFailed` (OutputFull)."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as writer:
            plaintext = seal.write(cast("BinaryIO", ChunkReader(iter(chunks))), writer, name)
            writer.flush()
            os.fsync(writer.fileno())
        partial.replace(file)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise RunFailed(FailureReason.OUTPUT_FULL, f"output: {name} cannot be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    return plaintext


def open_artefact(folder: Path, name: str, seal: Seal, digest: str) -> Iterator[bytes]:
    """The plaintext of another run's artefact, piece by piece: all of it is what `digest` says only when the last
    piece was taken. Raises `RunFailed` (GalleryChanged) naming the file."""
    found = hashlib.sha256()
    try:
        with (folder / f"{name}{seal.suffix}").open("rb") as reader:
            for piece in seal.read(reader, name):
                found.update(piece)
                yield piece
    except OSError as error:
        raise RunFailed(FailureReason.GALLERY_CHANGED, f"gallery: {name} cannot be read: {error.strerror}") from error
    except EncryptedFileError as error:
        raise RunFailed(FailureReason.GALLERY_CHANGED, f"gallery: {name}: {error}") from error
    if f"sha256:{found.hexdigest()}" != digest:
        message = f"gallery: {name} has digest sha256:{found.hexdigest()}, expected {digest}"
        raise RunFailed(FailureReason.GALLERY_CHANGED, message)


def read_artefact(folder: Path, name: str, seal: Seal, digest: str) -> bytes:
    """The same as a whole, for what fits into memory."""
    return b"".join(open_artefact(folder, name, seal, digest))
