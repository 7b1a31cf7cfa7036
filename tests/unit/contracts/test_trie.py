"""Every place of a list is proved under its root, and no other value or proof is believed."""

from __future__ import annotations

import contextlib

import pytest
from faceledger_contracts import rlp
from faceledger_contracts.canonical import keccak256
from faceledger_contracts.trie import TrieError, prove, value_at
from hypothesis import given
from hypothesis import strategies as st

values = st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=300)


@pytest.mark.parametrize("count", [1, 2, 16, 17, 127, 128, 129, 256, 257])
def test_every_place_is_proved(count: int) -> None:
    listed = [bytes([number % 256]) * (1 + number % 60) for number in range(count)]
    roots = set()
    for index, value in enumerate(listed):
        root, proof = prove(listed, index)
        roots.add(root)
        assert value_at(root, index, proof) == value
    assert len(roots) == 1


@given(values, st.data())
def test_a_changed_byte_of_a_proof_is_refused(listed: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(listed) - 1))
    root, proof = prove(listed, index)
    which = data.draw(st.integers(0, len(proof) - 1))
    at = data.draw(st.integers(0, len(proof[which]) - 1))
    node = bytearray(proof[which])
    node[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TrieError):
        value_at(root, index, [*proof[:which], bytes(node), *proof[which + 1 :]])


@given(values, st.data())
def test_a_proof_tells_nothing_false_of_another_place(listed: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(listed) - 1))
    other = data.draw(st.integers(0, len(listed) + 3).filter(lambda number: number != index))
    root, proof = prove(listed, index)
    with contextlib.suppress(TrieError):
        assert value_at(root, other, proof) == listed[other]


ROOT, PROOF = prove([bytes([number]) * 40 for number in range(20)], 3)


@pytest.mark.parametrize(
    "proof",
    [
        pytest.param([], id="no node"),
        pytest.param(PROOF[:-1], id="the last node missing"),
        pytest.param([*PROOF, PROOF[-1]], id="a node too many"),
        pytest.param(PROOF[::-1], id="in another order"),
    ],
)
def test_another_number_of_nodes_is_refused(proof: list[bytes]) -> None:
    with pytest.raises(TrieError):
        value_at(ROOT, 3, proof)


@pytest.mark.parametrize(
    "node",
    [
        pytest.param(b"\x80", id="no list"),
        pytest.param(rlp.encode([b"\x00"] * 3), id="a list of three"),
        pytest.param(rlp.encode([b"", b"value"]), id="a path without flags"),
        pytest.param(rlp.encode([[b"\x20"], b"value"]), id="a path that is a list"),
        pytest.param(b"\xb8", id="no RLP"),
    ],
)
def test_a_node_that_is_none_is_refused_though_its_hash_is_right(node: bytes) -> None:
    with pytest.raises(TrieError):
        value_at(keccak256(node), 0, [node])
