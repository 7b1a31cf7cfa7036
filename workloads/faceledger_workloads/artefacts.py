"""Everything that a run leaves behind: encrypted, on the output volume and on IPFS, named by its plaintext's digest.

In: plaintext as a stream of chunks. Out: an `Artefact`. Invariants: no plaintext touches the output volume; a file
has its final name only when it is whole; a run that is repeated replaces its own files and nothing else.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from faceledger_contracts.cid import cid_of_file
from faceledger_contracts.content import ContentCorrupt, ContentUnavailable
from faceledger_contracts.envelope import EncryptedFileError, artefact_context, decrypt_stream, encrypt_stream

from faceledger_workloads.clock import Clock, backoff
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.runspec import Artefact, FailureReason

__all__ = [
    "CONTENT_DEADLINE_S",
    "ENCRYPTED_SUFFIX",
    "ArtefactStore",
    "ContentAdder",
    "LocalContent",
    "Sealed",
    "read_artefact",
]

ENCRYPTED_SUFFIX = ".enc"

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


@dataclass(frozen=True)
class Sealed:
    """What protects a run's files: its key, and the attempt and purpose that they are bound to."""

    key: bytes
    attempt: str
    purpose: str

    def context(self, name: str) -> bytes:
        """Associated data of the artefact `name`."""
        return artefact_context(self.attempt, self.purpose, name)


class ArtefactStore:
    """Writes the artefacts of one attempt into `output`/attempt."""

    def __init__(
        self, output: Path, sealed: Sealed, content: ContentAdder, clock: Clock, on_wait: Callable[[str], None]
    ) -> None:
        """`on_wait(reason)` is called before each pause while the IPFS node is out of reach."""
        self._output = output
        self._folder = output / sealed.attempt
        self._sealed = sealed
        self._content = content
        self._clock = clock
        self._on_wait = on_wait

    def put(self, name: str, chunks: Iterable[bytes]) -> Artefact:
        """Encrypts, stores and publishes. Raises `RunFailed` (ContentUnavailable) when IPFS stays out of reach."""
        final = self._folder / f"{name}{ENCRYPTED_SUFFIX}"
        partial = self._folder / f".{name}.partial"
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as writer:
                reader = cast("BinaryIO", _ChunkReader(iter(chunks)))
                plaintext = encrypt_stream(reader, writer, self._sealed.key, self._sealed.context(name))
            partial.replace(final)
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
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


def read_artefact(folder: Path, name: str, sealed: Sealed, digest: str) -> bytes:
    """The plaintext of another run's artefact. Raises `RunFailed` (GalleryChanged) naming the file."""
    plaintext = io.BytesIO()
    try:
        with (folder / f"{name}{ENCRYPTED_SUFFIX}").open("rb") as reader:
            found = decrypt_stream(reader, plaintext, sealed.key, sealed.context(name))
    except OSError as error:
        raise RunFailed(FailureReason.GALLERY_CHANGED, f"gallery: {name} cannot be read: {error.strerror}") from error
    except EncryptedFileError as error:
        raise RunFailed(FailureReason.GALLERY_CHANGED, f"gallery: {name}: {error}") from error
    if found.digest != digest:
        raise RunFailed(FailureReason.GALLERY_CHANGED, f"gallery: {name} has digest {found.digest}, expected {digest}")
    return plaintext.getvalue()


class _ChunkReader(io.RawIOBase):
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
