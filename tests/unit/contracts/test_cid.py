"""CIDs equal those of `ipfs add --cid-version=1 --raw-leaves`; the vectors come from Kubo 0.40.1 and js-ipfs."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from faceledger_contracts.cid import (
    CHUNK_BYTES,
    DAG_PB,
    RAW,
    block_cid,
    cid_of_bytes,
    cid_of_file,
    cid_of_stream,
    codec,
    decode_cid,
    encode_cid,
)

FULL_NODE = CHUNK_BYTES * 174


def content(size: int) -> bytes:
    """Byte i is 7 * (i mod 251) + i / 2^18, modulo 256: no two leaves are equal."""
    chunk = bytes((7 * (i % 251)) & 255 for i in range(251)) * (CHUNK_BYTES // 251 + 2)
    leaves = []
    for number in range(-(-size // CHUNK_BYTES)):
        shifted = chunk[number * CHUNK_BYTES % 251 :][:CHUNK_BYTES]
        leaves.append(shifted.translate(bytes((value + number) & 255 for value in range(256))))
    return b"".join(leaves)[:size]


@pytest.mark.parametrize(
    ("size", "cid"),
    [
        pytest.param(0, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", id="an empty file"),
        pytest.param(1, "bafkreidogqfzz75tpkmjzjke425xqcrmpcib2p5tg44hnbirumdbpl5adu", id="one byte"),
        pytest.param(
            CHUNK_BYTES - 1,
            "bafkreiak4dtmpgcnetf77wfub4vofzvzw6zealjc3csf7kp2iulpvyglzq",
            id="one byte less than a leaf",
        ),
        pytest.param(CHUNK_BYTES, "bafkreic52ohufjuy6lhlve2z25j3bm5asufqxo3rpjopdpfukzcebzh2me", id="one leaf"),
        pytest.param(
            CHUNK_BYTES + 1,
            "bafybeibohugqk6ovubhfjbfpqct2y5p657dknfligkn7hocwpuvg6rfgjy",
            id="one byte more than a leaf",
        ),
        pytest.param(
            4 * CHUNK_BYTES, "bafybeieoi547m7m5hz6fsba3jjqa5avupxwqlbbt4fmqjx4b2kj5cwhsce", id="a node of four leaves"
        ),
        pytest.param(FULL_NODE, "bafybeiast5dxc57omq47ylv6cb7nhaojgnnwfso34bozpq357m6nfxverm", id="a full node"),
        pytest.param(
            FULL_NODE + 1, "bafybeigc2e6sij3bc3k2tmiu5bfinrhthsurgodbwjvmdilg5ortwmo56u", id="one byte more than a node"
        ),
        pytest.param(
            FULL_NODE + CHUNK_BYTES + 7,
            "bafybeidyfqumeh6q7awpgvizx3ra6cdq4idz55f6deudcoa3jif2wg3y4q",
            id="a second node of two leaves",
        ),
    ],
)
def test_a_file_has_the_cid_that_ipfs_gives_it(size: int, cid: str) -> None:
    assert cid_of_bytes(content(size)) == cid


def test_a_file_on_disk_has_the_cid_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content(300_000))
    assert cid_of_file(tmp_path / "file") == cid_of_bytes(content(300_000))


def test_leaves_do_not_depend_on_how_a_reader_gives_bytes() -> None:
    class Trickle(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 100_000))

    assert cid_of_stream(Trickle(content(600_000))) == cid_of_bytes(content(600_000))


@pytest.mark.parametrize("which", [RAW, DAG_PB])
def test_text_and_bytes_of_a_cid_round_trip(which: int) -> None:
    cid = block_cid(which, b"block")
    assert decode_cid(encode_cid(cid)) == cid
    assert codec(cid) == which


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("QmZfF6C9j4VtoCsTp4KSrhYH47QMd3DNXVZBKaxJdhaPab", id="a CIDv0"),
        pytest.param("zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA", id="base58"),
        pytest.param("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvykv", id="bits left over at the end"),
        pytest.param("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk", id="a letter too few"),
        pytest.param("BAFKREIHDWDCEFGH4DQKJV67UZCMW7OJEE6XEDZDETOJUZJEVTENXQUVYKU", id="upper case"),
        pytest.param(encode_cid(bytes([1, 0x71]) + block_cid(RAW, b"")[2:]), id="a block that is no file"),
        pytest.param("b\u00e9", id="no base32"),
    ],
)
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode_cid(text)
