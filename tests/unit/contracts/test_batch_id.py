"""A set of leaves is one batch, in whatever order it comes."""

from __future__ import annotations

import pytest
from faceledger_contracts.batch import MAX_LEAVES, Batch, batch_id, batch_id_of
from faceledger_contracts.merkle import verify_proof
from hypothesis import given
from hypothesis import strategies as st

LEAVES = [bytes([i]) * 32 for i in range(5)]


@given(st.permutations(LEAVES))
def test_the_same_set_is_the_same_batch(leaves: list[bytes]) -> None:
    assert Batch.of(leaves) == Batch.of(LEAVES)
    assert batch_id(leaves) == Batch.of(LEAVES).id


def test_another_set_is_another_batch() -> None:
    assert batch_id(LEAVES) != batch_id(LEAVES[1:])


def test_the_id_follows_from_root_and_count() -> None:
    batch = Batch.of(LEAVES)
    assert batch_id_of(batch.root, batch.count) == batch.id
    assert batch_id_of(batch.root, batch.count + 1) != batch.id


def test_every_leaf_is_proved() -> None:
    batch = Batch.of(LEAVES)
    for leaf, path in batch.proofs().items():
        assert path == batch.proof(leaf)
        assert verify_proof(leaf, path, batch.root)


def test_a_leaf_of_another_batch_has_no_proof() -> None:
    with pytest.raises(ValueError):
        Batch.of(LEAVES).proof(bytes([9]) * 32)


@pytest.mark.parametrize(
    "leaves", [pytest.param([], id="no leaf"), pytest.param([LEAVES[0], LEAVES[0]], id="a leaf twice")]
)
def test_there_is_no_such_batch(leaves: list[bytes]) -> None:
    with pytest.raises(ValueError):
        Batch.of(leaves)


@pytest.mark.parametrize("count", [0, -1, MAX_LEAVES + 1])
def test_a_batch_holds_as_many_leaves_as_the_contract_counts(count: int) -> None:
    with pytest.raises(ValueError, match=str(count)):
        batch_id_of(bytes(32), count)
