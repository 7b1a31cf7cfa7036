"""Every leaf is proved by its proof and by no other; the tree is the public library's."""

from __future__ import annotations

import time

import pytest
from faceledger_contracts.canonical import keccak256
from faceledger_contracts.merkle import inner_hash, leaf_hash, proof, proofs, root, type_tag, verify_proof
from hypothesis import given
from hypothesis import strategies as st

LEAVES = [keccak256(bytes([i])) for i in range(7)]

leaf_lists = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("leaves", "expected"),
    [
        pytest.param(LEAVES[:1], "bc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a", id="one leaf"),
        pytest.param(LEAVES[:2], "b2521d64679bc4720dabfbae7ce17947a5d373d987d3b0cc1e3042ba2054da4a", id="two leaves"),
        pytest.param(LEAVES, "0af28ae5cb5b59d9695a4c6315dec300addb43ae2993325da6d7a17719680da3", id="in given order"),
        pytest.param(
            sorted(LEAVES),
            "710426d6c25ffa16bd4a78dc6ea868f4b17858c4bc0741ca38181e98b14ddd86",
            id="in its default order",
        ),
    ],
)
def test_the_root_is_that_of_openzeppelins_simple_merkle_tree(leaves: list[bytes], expected: str) -> None:
    assert root(leaves).hex() == expected


@given(leaf_lists)
def test_every_leaf_is_proved(leaves: list[bytes]) -> None:
    for leaf, path in zip(leaves, proofs(leaves), strict=True):
        assert verify_proof(leaf, path, root(leaves))


@given(leaf_lists, st.data())
def test_a_single_proof_equals_that_of_all(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    assert proof(leaves, index) == proofs(leaves)[index]


@given(leaf_lists, st.data())
def test_a_flipped_bit_anywhere_proves_nothing(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    parts = [leaves[index], root(leaves), *proof(leaves, index)]
    which, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    flipped = int.from_bytes(parts[which], "big") ^ (1 << bit)
    parts[which] = flipped.to_bytes(32, "big")
    leaf, top, *path = parts
    assert not verify_proof(leaf, path, top)


def test_an_inner_node_does_not_pass_for_a_leaf() -> None:
    inner = inner_hash(LEAVES[0], LEAVES[1])
    preimage_of_a_leaf = b"\x00" + type_tag("any") + bytes(32)
    assert len(preimage_of_a_leaf) > 64
    assert leaf_hash(type_tag("any"), bytes(32)) == keccak256(preimage_of_a_leaf)
    with pytest.raises(ValueError):
        leaf_hash(type_tag("any"), bytes(31))
    assert inner == keccak256(b"".join(sorted(LEAVES[:2])))


@pytest.mark.parametrize(
    ("leaf", "path"),
    [
        pytest.param(LEAVES[0][:31], [], id="a leaf of 31 bytes"),
        pytest.param(LEAVES[0], [LEAVES[1] + b"\0"], id="a node of 33 bytes"),
    ],
)
def test_nodes_of_another_length_prove_nothing(leaf: bytes, path: list[bytes]) -> None:
    assert not verify_proof(leaf, path, root(LEAVES))


@pytest.mark.parametrize("leaves", [pytest.param([], id="no leaf"), pytest.param([b"short"], id="a short leaf")])
def test_there_is_no_tree_without_leaves_of_32_bytes(leaves: list[bytes]) -> None:
    with pytest.raises(ValueError):
        root(leaves)


@pytest.mark.parametrize("index", [-1, 7])
def test_there_is_no_proof_of_what_is_not_there(index: int) -> None:
    with pytest.raises(IndexError, match=f"leaf {index} of 7"):
        proof(LEAVES, index)


def test_a_hundred_thousand_leaves_take_seconds() -> None:
    leaves = [i.to_bytes(32, "big") for i in range(100_000)]
    started = time.perf_counter()
    assert len(root(leaves)) == 32
    assert time.perf_counter() - started < 10
