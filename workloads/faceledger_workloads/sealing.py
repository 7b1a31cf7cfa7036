"""How a run's files lie on a disk: encrypted, or as they are where somebody asked for that on a machine of their own.

In: a plaintext and the artefact's name. Out: the file's bytes, and back. Invariant: a sealed file is bound to its key,
attempt, purpose and name; nothing else reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from faceledger_contracts.envelope import FRAME_BYTES, Plaintext, artefact_context, decrypted_frames, encrypt_stream

__all__ = ["ENCRYPTED_SUFFIX", "Plain", "Seal", "Sealed"]

ENCRYPTED_SUFFIX = ".enc"


class Seal(Protocol):
    """One way to keep the files of an attempt."""

    @property
    def attempt(self) -> str: ...

    @property
    def suffix(self) -> str:
        """What a file's name ends with, after the artefact's name."""
        ...

    def write(self, reader: BinaryIO, writer: BinaryIO, name: str) -> Plaintext:
        """The artefact `name` from its plaintext."""
        ...

    def read(self, reader: BinaryIO, name: str) -> Iterator[bytes]:
        """Its plaintext, piece by piece. Raises EncryptedFileError."""
        ...


@dataclass(frozen=True)
class Sealed:
    """AES-256-GCM under the run's key."""

    key: bytes
    attempt: str
    purpose: str

    @property
    def suffix(self) -> str:
        return ENCRYPTED_SUFFIX

    def write(self, reader: BinaryIO, writer: BinaryIO, name: str) -> Plaintext:
        """Encrypts."""
        return encrypt_stream(reader, writer, self.key, self.context(name))

    def read(self, reader: BinaryIO, name: str) -> Iterator[bytes]:
        """Decrypts."""
        return decrypted_frames(reader, self.key, self.context(name))

    def context(self, name: str) -> bytes:
        """Associated data of the artefact `name`."""
        return artefact_context(self.attempt, self.purpose, name)


@dataclass(frozen=True)
class Plain:
    """No protection but the disk's own."""

    attempt: str

    @property
    def suffix(self) -> str:
        return ""

    def write(self, reader: BinaryIO, writer: BinaryIO, name: str) -> Plaintext:
        """Copies."""
        digest, size = hashlib.sha256(), 0
        for piece in self.read(reader, name):
            digest.update(piece)
            size += writer.write(piece)
        return Plaintext(f"sha256:{digest.hexdigest()}", size)

    def read(self, reader: BinaryIO, name: str) -> Iterator[bytes]:
        """Copies."""
        del name
        while piece := reader.read(FRAME_BYTES):
            yield piece
