"""A file in several blocks: it comes back from its blocks, and any byte of any of them that is changed is noticed."""

from __future__ import annotations

import hashlib
from functools import cache
from io import BytesIO

import pytest
from faceledger_contracts.blocks import checked_block, write_file
from faceledger_contracts.cid import CHUNK_BYTES, blocks_of_stream, cid_of_bytes, encode_cid
from faceledger_contracts.content import ContentCorrupt
from hypothesis import given
from hypothesis import strategies as st


@cache
def content() -> bytes:
    return hashlib.shake_128(b"an artefact").digest(4 * CHUNK_BYTES + 100)


@cache
def stored() -> dict[bytes, bytes]:
    return dict(blocks_of_stream(BytesIO(content())))


def read(blocks: dict[bytes, bytes]) -> bytes:
    out = BytesIO()
    write_file(cid_of_bytes(content()), lambda cid: checked_block(cid, blocks[cid]), out)
    return out.getvalue()


def test_it_comes_back_from_its_blocks() -> None:
    assert len(stored()) == 6
    assert read(stored()) == content()


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1], ids=["empty", "a byte", "a leaf", "two leaves"])
def test_the_last_block_is_the_files(size: int) -> None:
    *_, (root, _) = blocks_of_stream(BytesIO(content()[:size]))
    assert encode_cid(root) == cid_of_bytes(content()[:size])


@given(block=st.integers(0, 5), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_changed_byte_of_any_block_is_noticed(block: int, place: float, bit: int) -> None:
    cid = list(stored())[block]
    changed = bytearray(stored()[cid])
    changed[int(place * len(changed))] ^= 1 << bit
    with pytest.raises(ContentCorrupt, match=encode_cid(cid)):
        read({**stored(), cid: bytes(changed)})


@given(block=st.integers(0, 5), length=st.floats(0, 1, exclude_max=True))
def test_a_block_that_is_cut_off_or_emptied_is_noticed(block: int, length: float) -> None:
    cid = list(stored())[block]
    cut = stored()[cid][: int(length * len(stored()[cid]))]
    with pytest.raises(ContentCorrupt, match=encode_cid(cid)):
        read({**stored(), cid: cut})
