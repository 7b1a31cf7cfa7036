"""What is encrypted comes back, and nothing that was changed does."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

import pytest
from faceledger_contracts.envelope import (
    FRAME_BYTES,
    EncryptedFileError,
    artefact_context,
    decrypt_stream,
    encrypt_stream,
    encrypted_size,
    key_id,
    parse_data_key,
)

KEY = bytes(range(32))
CONTEXT = artefact_context("attempt", "AccessControl", "results.jsonl")
HEADER = 8 + 16 + 32 + 32 + 7
SEALED = FRAME_BYTES + 16


def encrypt(plaintext: bytes, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    out = BytesIO()
    encrypt_stream(BytesIO(plaintext), out, key, context)
    return out.getvalue()


def decrypt(data: bytes, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    out = BytesIO()
    decrypt_stream(BytesIO(data), out, key, context)
    return out.getvalue()


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES])
def test_a_file_comes_back(size: int) -> None:
    plaintext = hashlib.shake_128(b"x").digest(size)
    encrypted = encrypt(plaintext)
    assert decrypt(encrypted) == plaintext
    assert len(encrypted) == encrypted_size(size) == HEADER + size + 16 * max(1, -(-size // FRAME_BYTES))


def test_both_ways_tell_the_plaintext_digest_and_size() -> None:
    encrypted = BytesIO()
    told = encrypt_stream(BytesIO(b"faces"), encrypted, KEY, CONTEXT)
    encrypted.seek(0)
    assert told.digest == "sha256:" + hashlib.sha256(b"faces").hexdigest()
    assert told.size == 5
    assert decrypt_stream(encrypted, BytesIO(), KEY, CONTEXT) == told


def test_equal_files_look_unlike() -> None:
    assert encrypt(b"faces") != encrypt(b"faces")


def test_the_bytes_of_a_file_stay_readable_for_ever(random: Callable[[int], bytes]) -> None:
    out = BytesIO()
    encrypt_stream(BytesIO(b"faces"), out, KEY, CONTEXT, random)
    assert (
        hashlib.sha256(out.getvalue()).hexdigest() == "9dcb63b9728b10845c69c91d32fdaa2919bd5c5e2ec9e1c698ccd2598eb5ae09"
    )


@pytest.mark.parametrize("at", range(HEADER + 5 + 16))
def test_every_flipped_byte_is_detected(at: int) -> None:
    encrypted = bytearray(encrypt(b"faces"))
    encrypted[at] ^= 1
    with pytest.raises(EncryptedFileError):
        decrypt(bytes(encrypted))


THREE_FRAMES = encrypt(bytes(2 * FRAME_BYTES + 5))
FRAMES = [THREE_FRAMES[HEADER:][i * SEALED : (i + 1) * SEALED] for i in range(3)]


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        pytest.param(FRAMES[:2], "frame 1", id="the last frame is cut off"),
        pytest.param([], "frame 0", id="all frames are cut off"),
        pytest.param([FRAMES[0], FRAMES[1][:-1]], "frame 1", id="it ends within a frame"),
        pytest.param([FRAMES[1], FRAMES[0], FRAMES[2]], "frame 0", id="two frames are swapped"),
        pytest.param([FRAMES[0], FRAMES[0], FRAMES[2]], "frame 1", id="a frame is repeated"),
        pytest.param([FRAMES[0], FRAMES[2]], "frame 1", id="a frame is left out"),
        pytest.param([*FRAMES, FRAMES[2]], "frame 2", id="a frame is appended"),
        pytest.param([*FRAMES, b"\0"], "frame 2", id="a byte is appended"),
        pytest.param([*FRAMES[:2], encrypt(bytes(5))[HEADER:]], "frame 2", id="a frame is another file's"),
    ],
)
def test_a_file_that_was_put_together_anew_is_detected(frames: list[bytes], reason: str) -> None:
    with pytest.raises(EncryptedFileError, match=reason):
        decrypt(THREE_FRAMES[:HEADER] + b"".join(frames))


@pytest.mark.parametrize(
    ("data", "key", "context", "reason"),
    [
        pytest.param(b"", KEY, CONTEXT, "0 of 95 bytes", id="an empty file"),
        pytest.param(b"x" * 200, KEY, CONTEXT, "not that of a FaceLedger", id="a file of another kind"),
        pytest.param(encrypt(b""), bytes(32), CONTEXT, f"not {key_id(bytes(32)).hex()}", id="another key"),
        pytest.param(encrypt(b""), KEY, b"other", "associated data", id="other associated data"),
    ],
)
def test_an_error_names_what_differs(data: bytes, key: bytes, context: bytes, reason: str) -> None:
    with pytest.raises(EncryptedFileError, match=reason):
        decrypt(data, key, context)


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 16"):
        encrypt(b"", key=bytes(16))


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_a_context_binds_attempt_purpose_and_name(changed: int) -> None:
    parts = ["attempt", "AccessControl", "results.jsonl"]
    parts[changed] += "x"
    assert artefact_context(*parts) != CONTEXT


class Trickle(BytesIO):
    """A reader that gives at most 1,000 bytes at once, as a socket does."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 1000))


@pytest.mark.parametrize("reader", [BytesIO, Trickle], ids=["a file", "a socket"])
def test_frames_do_not_depend_on_how_a_reader_gives_bytes(
    reader: Callable[[bytes], BinaryIO], random: Callable[[int], bytes]
) -> None:
    out = BytesIO()
    encrypt_stream(reader(bytes(FRAME_BYTES + 10)), out, KEY, CONTEXT, random)
    assert decrypt(out.getvalue()) == bytes(FRAME_BYTES + 10)
    assert len(out.getvalue()) == HEADER + FRAME_BYTES + 10 + 32


class Peak:
    """A reader of `size` zero bytes and a writer that keeps nothing; `largest` is the biggest piece that passed."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.largest = 0

    def read(self, size: int) -> bytes:
        given = min(size, self.left)
        self.left -= given
        self.largest = max(self.largest, given)
        return bytes(given)

    def write(self, data: bytes) -> int:
        self.largest = max(self.largest, len(data))
        return len(data)


def test_a_large_file_passes_in_pieces() -> None:
    stream = Peak(64 << 20)
    told = encrypt_stream(stream, stream, KEY, CONTEXT)  # type: ignore[arg-type]
    assert told.size == 64 << 20
    assert stream.largest <= SEALED


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(KEY, id="32 raw bytes"),
        pytest.param(KEY.hex().encode() + b"\n", id="64 hex digits and a line end"),
        pytest.param(KEY.hex().upper().encode(), id="64 hex digits in capitals"),
        pytest.param(b"0x" + KEY.hex().encode(), id="0x and 64 hex digits"),
        pytest.param(base64.b64encode(KEY) + b"\n", id="base64 and a line end"),
    ],
)
def test_a_data_key_has_one_of_three_forms(content: bytes) -> None:
    assert parse_data_key(content) == KEY


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"password", id="a password"),
        pytest.param(KEY + b"!", id="a byte too many"),
        pytest.param(KEY.hex()[:-2].encode(), id="two digits short"),
        pytest.param(base64.b64encode(KEY[:-1]), id="base64 of 31 bytes"),
        pytest.param(base64.b64encode(KEY)[:22] + b"*" + base64.b64encode(KEY)[22:], id="base64 with a foreign sign"),
    ],
)
def test_what_is_no_data_key_is_refused_without_being_quoted(content: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes, nor 64 hex digits, nor base64") as caught:
        parse_data_key(content)
    assert not content or content.decode("latin1") not in str(caught.value)
