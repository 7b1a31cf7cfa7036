"""Many leaves are proved at once, exactly as each of them alone, and as OpenZeppelin's contract proves them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from faceledger_contracts.canonical import from_hex, keccak256
from faceledger_contracts.merkle import proofs, root
from faceledger_contracts.multiproof import Multiproof, combine, split, verify_multiproof
from hypothesis import given
from hypothesis import strategies as st

VECTORS = Path(__file__).parents[3] / "contracts" / "test" / "vectors" / "multiproofs.json"


@st.composite
def chosen(draw: st.DrawFn) -> tuple[list[bytes], list[int]]:
    """The leaves of a tree and the indices of some of them, ascending."""
    count = draw(st.integers(1, 40))
    leaves = [keccak256(bytes([number])) for number in range(count)]
    return leaves, sorted(draw(st.sets(st.integers(0, count - 1), min_size=1)))


def of(leaves: list[bytes], indices: list[int]) -> tuple[list[bytes], Multiproof]:
    paths = proofs(leaves)
    shown = [leaves[index] for index in indices]
    return shown, combine(shown, [paths[index] for index in indices])


@given(chosen())
def test_the_chosen_leaves_are_proved(choice: tuple[list[bytes], list[int]]) -> None:
    shown, multiproof = of(*choice)
    assert verify_multiproof(shown, multiproof, root(choice[0]))


@given(chosen())
def test_it_splits_into_the_single_proofs(choice: tuple[list[bytes], list[int]]) -> None:
    leaves, indices = choice
    shown, multiproof = of(leaves, indices)
    assert split(shown, multiproof) == [proofs(leaves)[index] for index in indices]


@given(chosen(), st.data())
def test_a_flipped_bit_anywhere_proves_nothing(choice: tuple[list[bytes], list[int]], data: st.DataObject) -> None:
    shown, multiproof = of(*choice)
    parts = [*shown, *multiproof.proof]
    which, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[which] = (int.from_bytes(parts[which], "big") ^ (1 << bit)).to_bytes(32, "big")
    changed = Multiproof(tuple(parts[len(shown) :]), multiproof.flags)
    assert not verify_multiproof(parts[: len(shown)], changed, root(choice[0]))


@given(chosen())
def test_a_flipped_flag_proves_nothing(choice: tuple[list[bytes], list[int]]) -> None:
    shown, multiproof = of(*choice)
    for at, flag in enumerate(multiproof.flags):
        flags = (*multiproof.flags[:at], not flag, *multiproof.flags[at + 1 :])
        assert not verify_multiproof(shown, Multiproof(multiproof.proof, flags), root(choice[0]))


LEAVES = [keccak256(bytes([number])) for number in range(7)]


@pytest.mark.parametrize(
    ("leaves", "multiproof"),
    [
        pytest.param([], Multiproof((root(LEAVES),), ()), id="no leaf"),
        pytest.param([LEAVES[0][1:]], Multiproof((), ()), id="a short leaf"),
        pytest.param(LEAVES[:1], Multiproof((LEAVES[1],), (True,)), id="a sibling that is not used"),
        pytest.param(LEAVES[:2], Multiproof((), (True, True)), id="more hashes than nodes"),
    ],
)
def test_other_numbers_prove_nothing(leaves: list[bytes], multiproof: Multiproof) -> None:
    assert not verify_multiproof(leaves, multiproof, root(LEAVES))


@pytest.mark.parametrize(
    "indices",
    [
        pytest.param([], id="none"),
        pytest.param([0, 2, 1], id="siblings apart"),
        pytest.param([2, 2], id="one twice"),
    ],
)
def test_only_different_leaves_in_their_order_are_combined(indices: list[int]) -> None:
    with pytest.raises(ValueError, match="in its order"):
        of(LEAVES, indices)


def test_leaves_of_two_trees_are_not_combined() -> None:
    with pytest.raises(ValueError, match="one tree"):
        combine(LEAVES[:2], [proofs(LEAVES)[0], proofs(LEAVES[:6])[1]])


def test_the_vectors_that_the_contract_is_held_to_are_these() -> None:
    for vector in json.loads(VECTORS.read_text("utf-8")):
        shown, multiproof = of([from_hex(leaf, 32) for leaf in vector["tree"]], vector["indices"])
        assert shown == [from_hex(leaf, 32) for leaf in vector["leaves"]]
        assert multiproof.proof == tuple(from_hex(node, 32) for node in vector["proof"])
        assert multiproof.flags == tuple(vector["flags"])
