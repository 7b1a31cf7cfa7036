"""Encrypted files: what is published on IPFS is this, never the plaintext.

In: a binary reader and writer, a 32-byte key, associated data that both sides know. Out: the other form of the file,
in constant memory. Form: a header, then frames of at most 1 MiB of plaintext, each sealed with AES-256-GCM under a
key that HKDF-SHA256 derives for this file alone from a random salt. Frame i's nonce is prefix (7 bytes), i (4), 1 for
the last frame and 0 before it (STREAM, Hoang et al. 2015). Invariant: frames that are cut off, moved, repeated or
changed, or a changed header, never decrypt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from faceledger_contracts.canonical import canonical_json
from faceledger_contracts.randomness import SYSTEM, RandomSource

__all__ = [
    "FRAME_BYTES",
    "EncryptedFileError",
    "Plaintext",
    "artefact_context",
    "decrypt_stream",
    "decrypted_frames",
    "encrypt_stream",
    "encrypted_size",
    "key_id",
    "parse_data_key",
]

FRAME_BYTES = 1 << 20
"""Plaintext in a frame. Memory stays at a few frames however long the file."""

MAGIC = b"FLENC\x01\r\n"
"""Name and version 1 of the form; the line end shows a transfer in text mode."""

TAG_BYTES = 16
MAX_FRAMES = 2**32


class EncryptedFileError(ValueError):
    """A file is not what its key and associated data say; the message names what differs."""


@dataclass(frozen=True)
class Plaintext:
    """What went in or came out: `sha256:<hex>` of the plaintext and its size in bytes."""

    digest: str
    size: int


def artefact_context(attempt: str, purpose: str, artefact: str) -> bytes:
    """The associated data of an artefact: a file cannot be passed off as another attempt's, purpose's or name's."""
    return canonical_json({"artefact": artefact, "attempt": attempt, "purpose": purpose})


def key_id(key: bytes) -> bytes:
    """16 bytes that name a key without telling anything else of it."""
    return hmac.digest(_checked(key), b"FaceLedger key id v1", "sha256")[:16]


def parse_data_key(content: bytes) -> bytes:
    """The data key in a file or a Secret: 32 raw bytes, 64 hex digits (with or without 0x) or base64 of 32 bytes.

    White space around a text is no part of it. ValueError, which quotes nothing of it, for anything else.
    """
    if len(content) == 32:
        return content
    text = content.decode("ascii", errors="replace").strip()
    for read in (_from_hex_digits, _from_base64):
        try:
            key = read(text)
        except ValueError:
            continue
        if len(key) == 32:
            return key
    raise ValueError("the data key is neither 32 bytes, nor 64 hex digits, nor base64 of 32 bytes")


def encrypted_size(plaintext_size: int) -> int:
    """Bytes of the encrypted file of a plaintext of `plaintext_size` bytes."""
    return _Header.BYTES + plaintext_size + TAG_BYTES * max(1, -(-plaintext_size // FRAME_BYTES))


def encrypt_stream(
    reader: BinaryIO, writer: BinaryIO, key: bytes, associated_data: bytes, random: RandomSource = SYSTEM
) -> Plaintext:
    """Reads plaintext to its end and writes the encrypted file."""
    header = _Header(key_id(key), hashlib.sha256(associated_data).digest(), random(32), random(7))
    writer.write(header.encode())
    cipher, context = AESGCM(header.file_key(key)), header.encode() + associated_data
    digest, size = hashlib.sha256(), 0
    for index, frame, last in _frames(reader, FRAME_BYTES):
        digest.update(frame)
        size += len(frame)
        writer.write(cipher.encrypt(header.nonce(index, last), frame, context))
    return Plaintext("sha256:" + digest.hexdigest(), size)


def decrypt_stream(reader: BinaryIO, writer: BinaryIO, key: bytes, associated_data: bytes) -> Plaintext:
    """Reads an encrypted file to its end and writes the plaintext.

    Raises EncryptedFileError; what was written until then are true frames of a file that is not whole: discard it.
    """
    digest, size = hashlib.sha256(), 0
    for frame in decrypted_frames(reader, key, associated_data):
        digest.update(frame)
        size += len(frame)
        writer.write(frame)
    return Plaintext("sha256:" + digest.hexdigest(), size)


def decrypted_frames(reader: BinaryIO, key: bytes, associated_data: bytes) -> Iterator[bytes]:
    """The plaintext frame by frame, as it is asked for. Raises EncryptedFileError; a file is whole only when its
    last frame has come."""
    header = _Header.decode(_read_full(reader, _Header.BYTES))
    header.expect(key, associated_data)
    cipher, context = AESGCM(header.file_key(key)), header.encode() + associated_data
    for index, sealed, last in _frames(reader, FRAME_BYTES + TAG_BYTES):
        try:
            yield cipher.decrypt(header.nonce(index, last), sealed, context)
        except InvalidTag:
            raise EncryptedFileError(
                f"frame {index} does not authenticate: the file was changed, cut off or put together anew"
            ) from None


@dataclass(frozen=True)
class _Header:
    key_id: bytes
    context_digest: bytes
    salt: bytes
    nonce_prefix: bytes

    BYTES = len(MAGIC) + 16 + 32 + 32 + 7

    def encode(self) -> bytes:
        return MAGIC + self.key_id + self.context_digest + self.salt + self.nonce_prefix

    @classmethod
    def decode(cls, data: bytes) -> _Header:
        if len(data) < cls.BYTES:
            raise EncryptedFileError(f"the header has {len(data)} of {cls.BYTES} bytes")
        if not data.startswith(MAGIC):
            raise EncryptedFileError("the header is not that of a FaceLedger encrypted file of version 1")
        body = data[len(MAGIC) :]
        return cls(body[:16], body[16:48], body[48:80], body[80:])

    def expect(self, key: bytes, associated_data: bytes) -> None:
        if self.key_id != key_id(key):
            raise EncryptedFileError(f"the file is encrypted with key {self.key_id.hex()}, not {key_id(key).hex()}")
        if self.context_digest != hashlib.sha256(associated_data).digest():
            raise EncryptedFileError("the associated data differ: the file is another attempt's, purpose's or name's")

    def file_key(self, key: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt=self.salt, info=b"FaceLedger file key v1" + self.context_digest).derive(key)

    def nonce(self, index: int, last: bool) -> bytes:
        if index >= MAX_FRAMES:
            raise EncryptedFileError(f"an encrypted file has at most {MAX_FRAMES} frames")
        return self.nonce_prefix + index.to_bytes(4, "big") + bytes([last])


def _frames(reader: BinaryIO, length: int) -> Iterator[tuple[int, bytes, bool]]:
    """(index, frame, is last): one frame of read-ahead tells the last; an empty file is one empty last frame."""
    frame, index = _read_full(reader, length), 0
    while following := _read_full(reader, length):
        yield index, frame, False
        frame, index = following, index + 1
    yield index, frame, True


def _read_full(reader: BinaryIO, length: int) -> bytes:
    parts = []
    while length and (part := reader.read(length)):
        parts.append(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _from_hex_digits(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _checked(key: bytes) -> bytes:
    if len(key) != 32:
        raise ValueError(f"an AES-256 key has 32 bytes, not {len(key)}")
    return key
