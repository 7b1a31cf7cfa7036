"""A real IPFS node stores what it is given, and damage that it does not notice is noticed here."""

from __future__ import annotations

import socket
from io import BytesIO
from pathlib import Path

import pytest
from faceledger_contracts.cid import CHUNK_BYTES, cid_of_bytes
from faceledger_contracts.content import ContentCorrupt, ContentUnavailable
from faceledger_contracts.kubo import Kubo

CONTENT = bytes(range(256)) * (4 * CHUNK_BYTES // 256) + b"the end"


def added(store: Kubo, folder: Path, content: bytes) -> str:
    (folder / "file").write_bytes(content)
    return store.add(folder / "file")


def fetched(store: Kubo, cid: str) -> bytes:
    out = BytesIO()
    store.get(cid, out)
    return out.getvalue()


def block_file(repository: Path, cid: str) -> Path:
    """Where the node's flat file store keeps a block."""
    raise NotImplementedError


@pytest.mark.parametrize(
    "size",
    [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 174 * CHUNK_BYTES, 174 * CHUNK_BYTES + 1],
    ids=["empty", "one byte", "one leaf", "two leaves", "a full node", "two levels of nodes"],
)
def test_a_file_comes_back_and_the_node_agrees_on_its_cid(store: Kubo, tmp_path: Path, size: int) -> None:
    content = (CONTENT * (size // len(CONTENT) + 1))[:size]
    cid = added(store, tmp_path, content)
    assert cid == cid_of_bytes(content)
    assert fetched(store, cid) == content
    assert store.is_pinned(cid)
