"""Several real IPFS nodes as one: one may be away, wiped or damaged, and nothing is lost while enough are well."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from faceledger_contracts.canonical import sha256_digest
from faceledger_contracts.cid import CHUNK_BYTES, RAW, block_cid, cid_of_bytes, encode_cid
from faceledger_contracts.content import ContentCorrupt, ContentError, ContentStoreUnreachable, ContentUnavailable
from faceledger_contracts.kubo import Kubo
from faceledger_contracts.replicas import Replicas

NOBODY = "http://127.0.0.1:1"
"""An address where nothing listens."""


@pytest.fixture
def nodes(ipfs_node: Any, second_ipfs_node: Any) -> Iterator[Replicas]:
    with Replicas.at([ipfs_node.url, second_ipfs_node.url], needed=2, timeout=5) as replicas:
        yield replicas


def stored(folder: Path, content: bytes) -> Path:
    path = folder / "artefact"
    path.write_bytes(content)
    return path


def read(replicas: Replicas, cid: str) -> bytes:
    out = BytesIO()
    replicas.get(cid, out)
    return out.getvalue()


def pinned(replicas: Replicas, cid: str) -> list[bool]:
    return [node.is_pinned(cid) for node in replicas.nodes]


def wipe(node: Any, cid: str) -> None:
    """What is left of a file on a node whose volume was lost."""
    with Kubo(node.url, timeout=5) as kubo:
        kubo.unpin(cid)
    requests.post(f"{node.url}/api/v0/repo/gc", timeout=10).raise_for_status()


def test_what_is_added_is_pinned_on_every_node(nodes: Replicas, tmp_path: Path) -> None:
    cid = nodes.add(stored(tmp_path, b"on both"))
    assert pinned(nodes, cid) == [True, True]


@pytest.mark.parametrize("order", [0, 1], ids=["the first is away", "the second is away"])
def test_a_node_that_is_away_is_done_without(ipfs_node: Any, tmp_path: Path, order: int) -> None:
    urls = [NOBODY, ipfs_node.url]
    with Replicas.at(urls if order == 0 else urls[::-1], needed=1, timeout=5) as replicas:
        cid = replicas.add(stored(tmp_path, b"one is away"))
        replicas.ensure_pinned(cid)
        assert read(replicas, cid) == b"one is away"


def test_too_few_nodes_are_told_as_a_store_that_is_away(ipfs_node: Any, tmp_path: Path) -> None:
    with Replicas.at([NOBODY, ipfs_node.url], needed=2, timeout=5) as replicas:
        with pytest.raises(ContentStoreUnreachable, match=r"127\.0\.0\.1:1"):
            replicas.add(stored(tmp_path, b"too few"))
        with pytest.raises(ContentStoreUnreachable, match=r"127\.0\.0\.1:1"):
            replicas.ensure_pinned(cid_of_bytes(b"too few"))


def test_what_no_node_has_is_told_by_its_cid(nodes: Replicas) -> None:
    absent = cid_of_bytes(b"no node has this")
    for ask in (lambda: nodes.ensure_pinned(absent), lambda: read(nodes, absent)):
        with pytest.raises(ContentUnavailable, match=absent):
            ask()


@pytest.mark.parametrize("needed", [0, 3])
def test_a_quorum_beyond_the_nodes_is_refused(needed: int) -> None:
    with pytest.raises(ValueError, match="cannot be asked for"):
        Replicas.at([NOBODY, NOBODY], needed)


CONTENT = b"".join(bytes([number]) * CHUNK_BYTES for number in range(3)) + b"end"


def test_a_wiped_node_is_given_the_file_by_the_other(nodes: Replicas, second_ipfs_node: Any, tmp_path: Path) -> None:
    cid = nodes.add(stored(tmp_path, CONTENT))
    wipe(second_ipfs_node, cid)
    assert pinned(nodes, cid) == [True, False]
    nodes.ensure_pinned(cid)
    assert pinned(nodes, cid) == [True, True]
    out = BytesIO()
    nodes.nodes[1].get(cid, out)
    assert out.getvalue() == CONTENT


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda file: file.unlink(), id="a block is missing"),
        pytest.param(lambda file: file.write_bytes(b"\xff" + file.read_bytes()[1:]), id="a byte of a block is changed"),
    ],
)
def test_a_damaged_block_is_read_from_the_other_node(
    nodes: Replicas, ipfs_node: Any, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    cid = nodes.add(stored(tmp_path, CONTENT))
    file = ipfs_node.block_file(encode_cid(block_cid(RAW, CONTENT[CHUNK_BYTES : 2 * CHUNK_BYTES])))
    whole = file.read_bytes()
    damage(file)
    try:
        with pytest.raises(ContentError):
            nodes.nodes[0].get(cid, BytesIO())
        assert read(nodes, cid) == CONTENT
    finally:
        file.write_bytes(whole)


LEAF = CONTENT[CHUNK_BYTES : 2 * CHUNK_BYTES]

DAMAGE = [
    pytest.param(lambda file: file.unlink(), id="a leaf is missing"),
    pytest.param(lambda file: file.write_bytes(b""), id="a leaf is empty"),
    pytest.param(lambda file: file.write_bytes(b"\xff" + file.read_bytes()[1:]), id="a byte of a leaf is changed"),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_node_that_lies_about_a_leaf_is_named_and_mended_by_the_other(
    nodes: Replicas, second_ipfs_node: Any, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    cid = nodes.add(stored(tmp_path, CONTENT))
    damage(second_ipfs_node.block_file(encode_cid(block_cid(RAW, LEAF))))
    assert pinned(nodes, cid) == [True, True]
    mended = nodes.mend(cid)
    assert list(mended) == [second_ipfs_node.url]
    assert encode_cid(block_cid(RAW, LEAF)) in str(mended[second_ipfs_node.url])
    assert whole_on(nodes, cid) == [True, True]
    assert nodes.mend(cid) == {}


def test_a_leaf_that_every_node_lies_about_is_told_and_comes_back_from_the_file(
    nodes: Replicas, ipfs_node: Any, second_ipfs_node: Any, tmp_path: Path
) -> None:
    path = stored(tmp_path, CONTENT)
    cid = nodes.add(path)
    for node in (ipfs_node, second_ipfs_node):
        node.block_file(encode_cid(block_cid(RAW, LEAF))).write_bytes(b"")
    with pytest.raises(ContentCorrupt, match=cid):
        nodes.mend(cid)
    assert set(nodes.restore(cid, path)) == {ipfs_node.url, second_ipfs_node.url}
    assert whole_on(nodes, cid) == [True, True]


def test_what_no_node_has_any_more_comes_back_from_the_file(
    nodes: Replicas, ipfs_node: Any, second_ipfs_node: Any, tmp_path: Path
) -> None:
    path = stored(tmp_path, CONTENT)
    cid = nodes.add(path)
    for node in (ipfs_node, second_ipfs_node):
        wipe(node, cid)
    with pytest.raises(ContentUnavailable, match=cid):
        nodes.mend(cid)
    nodes.restore(cid, path)
    assert whole_on(nodes, cid) == [True, True]


def test_another_file_restores_nothing(nodes: Replicas, tmp_path: Path) -> None:
    absent = cid_of_bytes(b"was never added")
    with pytest.raises(ContentCorrupt, match=f"{absent}: artefact has the CID"):
        nodes.restore(absent, stored(tmp_path, b"another one"))
    assert pinned(nodes, cid_of_bytes(b"another one")) == [False, False]


def test_a_node_that_is_away_is_mended_by_nobody_and_keeps_nobody_from_it(ipfs_node: Any, tmp_path: Path) -> None:
    with Replicas.at([NOBODY, ipfs_node.url], needed=1, timeout=5) as replicas:
        cid = replicas.add(stored(tmp_path, CONTENT))
        replicas.nodes[1].unpin(cid)
        assert list(replicas.mend(cid)) == [ipfs_node.url]
    with Replicas.at([NOBODY, ipfs_node.url], needed=2, timeout=5) as both, pytest.raises(ContentStoreUnreachable):
        both.mend(cid)


def whole_on(replicas: Replicas, cid: str) -> list[bool]:
    """Whether each node has pinned the file and gives back all of it."""
    answers = []
    for node in replicas.nodes:
        out = BytesIO()
        node.get(cid, out)
        answers.append(node.is_pinned(cid) and out.getvalue() == CONTENT)
    return answers


def test_a_block_is_stored_under_its_own_cid_alone(nodes: Replicas) -> None:
    with pytest.raises(ContentCorrupt, match="stored the block as"):
        nodes.nodes[0].put_block(block_cid(RAW, b"this"), b"that")


BIG = 64 << 20
"""Bytes of an artefact that is far larger than what may be held of it."""

SPARE = 16 << 20
"""Bytes of memory that a transfer may take, whatever its length."""


def test_a_big_artefact_passes_in_constant_memory_both_ways(store: Kubo, tmp_path: Path) -> None:
    path = tmp_path / "big"
    with path.open("wb") as file:
        for number in range(BIG // CHUNK_BYTES):
            file.write(number.to_bytes(4, "big") * (CHUNK_BYTES // 4))
    with (tmp_path / "back").open("wb") as back:
        tracemalloc.start()
        try:
            cid = store.add(path)
            store.get(cid, back)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < SPARE
    assert sha256_digest(path.read_bytes()) == sha256_digest((tmp_path / "back").read_bytes())


def test_the_memory_of_the_whole_process_stays_bounded(ipfs_node: Any, tmp_path: Path) -> None:
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(BIG)
    script = """
import sys
from faceledger_contracts.kubo import Kubo
def peak():  # not ru_maxrss: in that a child inherits its parent's peak
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
class Nowhere:
    def write(self, data): return len(data)
with Kubo(sys.argv[1]) as kubo:
    kubo.identity()
    before = peak()
    kubo.get(kubo.add(sys.argv[2]), Nowhere())
    print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, ipfs_node.url, path], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) << 10 < SPARE
