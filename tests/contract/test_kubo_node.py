"""A real IPFS node stores what it is given, and damage that it does not notice is noticed here."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.cid import CHUNK_BYTES, RAW, block_cid, cid_of_bytes, decode_cid, encode_cid
from faceledger_contracts.content import ContentCorrupt, ContentError, ContentStoreUnreachable, ContentUnavailable
from faceledger_contracts.kubo import Kubo


def content(size: int, seed: bytes = b"") -> bytes:
    return hashlib.shake_128(seed + size.to_bytes(8, "big")).digest(size)


def added(store: Kubo, folder: Path, data: bytes) -> str:
    (folder / "file").write_bytes(data)
    return store.add(folder / "file")


def fetched(store: Kubo, cid: str) -> bytes:
    out = BytesIO()
    store.get(cid, out)
    return out.getvalue()


@pytest.mark.parametrize(
    "size",
    [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 174 * CHUNK_BYTES, 174 * CHUNK_BYTES + 1],
    ids=["empty", "one byte", "one leaf", "two leaves", "a full node", "two levels of nodes"],
)
def test_a_file_comes_back_and_the_node_agrees_on_its_cid(store: Kubo, tmp_path: Path, size: int) -> None:
    cid = added(store, tmp_path, content(size))
    assert cid == cid_of_bytes(content(size))
    assert fetched(store, cid) == content(size)


def test_a_file_is_pinned_until_it_is_unpinned(store: Kubo, tmp_path: Path) -> None:
    cid = added(store, tmp_path, b"pinned")
    assert store.is_pinned(cid)
    store.unpin(cid)
    store.unpin(cid)
    assert not store.is_pinned(cid)
    store.pin(cid)
    assert store.is_pinned(cid)


def test_a_file_is_added_twice_with_one_cid(store: Kubo, tmp_path: Path) -> None:
    assert added(store, tmp_path, b"twice") == added(store, tmp_path, b"twice")


THREE_LEAVES = 2 * CHUNK_BYTES + 100


@pytest.fixture
def leaf_to_damage(store: Kubo, ipfs_node: Any, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The CID of a file of three leaves, and where the node keeps the second one; mended afterwards."""
    data = content(THREE_LEAVES, b"damage")
    cid = added(store, tmp_path, data)
    leaf = data[CHUNK_BYTES : 2 * CHUNK_BYTES]
    file = ipfs_node.block_file(encode_cid(block_cid(RAW, leaf)))
    assert file.read_bytes() == leaf
    yield cid, file
    file.write_bytes(leaf)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda file: file.unlink(), id="a block is missing"),
        pytest.param(lambda file: file.write_bytes(b""), id="a block is empty"),
        pytest.param(lambda file: file.write_bytes(file.read_bytes()[:-1]), id="a block is cut off"),
        pytest.param(lambda file: file.write_bytes(b"\0" + file.read_bytes()[1:]), id="a byte of a block is changed"),
    ],
)
def test_damage_is_noticed_although_the_node_calls_the_file_pinned(
    store: Kubo, leaf_to_damage: tuple[str, Path], damage: Callable[[Path], object]
) -> None:
    cid, file = leaf_to_damage
    damage(file)
    assert store.is_pinned(cid)
    with pytest.raises(ContentError, match=cid):
        fetched(store, cid)


def test_a_changed_block_is_named(store: Kubo, leaf_to_damage: tuple[str, Path]) -> None:
    cid, file = leaf_to_damage
    name = encode_cid(block_cid(RAW, file.read_bytes()))
    file.write_bytes(b"changed")
    with pytest.raises(ContentCorrupt, match=name):
        fetched(store, cid)


def test_what_the_node_does_not_have_is_unavailable(store: Kubo) -> None:
    absent = cid_of_bytes(b"nobody has this")
    for ask in (lambda: fetched(store, absent), lambda: store.pin(absent)):
        with pytest.raises(ContentUnavailable, match=absent):
            ask()
    assert not store.is_pinned(absent)


def test_a_block_that_is_no_file_is_corrupt(store: Kubo) -> None:
    folder = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"
    with pytest.raises(ContentCorrupt, match="not a dag-pb node of a plain UnixFS file"):
        fetched(store, folder)


@pytest.mark.parametrize("cid", ["", "QmZfF6C9j4VtoCsTp4KSrhYH47QMd3DNXVZBKaxJdhaPab", "../pin/rm"])
def test_what_is_no_cid_of_ours_is_not_asked_for(store: Kubo, cid: str) -> None:
    for ask in (lambda: fetched(store, cid), lambda: store.pin(cid), lambda: store.is_pinned(cid)):
        with pytest.raises(ValueError):
            ask()


def test_a_node_out_of_reach_is_named_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with (
        Kubo(f"http://user:s3cret@127.0.0.1:{port}") as store,
        pytest.raises(ContentStoreUnreachable, match=f"ConnectionError at http://127.0.0.1:{port}$") as failure,
    ):
        store.add(tmp_path / "file")
    assert "s3cret" not in str(failure.value)


def test_a_node_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Kubo(url, timeout=0.2) as store:
            with pytest.raises(ContentUnavailable, match="no answer in time") as failure:
                store.block(decode_cid(cid_of_bytes(b"a file")))
            with pytest.raises(ContentStoreUnreachable, match="no answer in time"):
                store.is_pinned(cid_of_bytes(b"a file"))
    assert not isinstance(failure.value, ContentStoreUnreachable)  # a node that looks for a block is silent too


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("ipfs:5001", "no http or https URL", id="no scheme"),
        pytest.param("ftp://user:s3cret@ipfs", "no http or https URL", id="another scheme"),
        pytest.param("http://ipfs:5001/api/v0", "has no path", id="a path"),
    ],
)
def test_another_url_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refusal:
        Kubo(url)
    assert "s3cret" not in str(refusal.value)


def test_a_file_passes_in_pieces(store: Kubo, tmp_path: Path) -> None:
    class Largest:
        size = 0

        def write(self, data: bytes) -> int:
            self.size = max(self.size, len(data))
            return len(data)

    largest = Largest()
    store.get(added(store, tmp_path, content(3 * CHUNK_BYTES)), largest)  # type: ignore[arg-type]
    assert largest.size == CHUNK_BYTES
