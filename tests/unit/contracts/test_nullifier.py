"""A nullifier is found by who holds the receipt, and by nobody else."""

from __future__ import annotations

import pytest
from faceledger_contracts.nullifier import nullifier, nullifier_of, nullifier_salt
from faceledger_contracts.record import FIELDS, RecordSalts

LEAF = b"\x07" * 32


def test_a_leaf_and_its_salt_give_the_nullifier(salts: RecordSalts) -> None:
    assert nullifier_of(LEAF, nullifier_salt(salts)) == nullifier(LEAF, salts)
    assert nullifier(LEAF, salts) != LEAF


@pytest.mark.parametrize("field", FIELDS)
def test_without_any_one_of_the_salts_it_is_another(salts: RecordSalts, field: str) -> None:
    assert nullifier(LEAF, salts.model_copy(update={field: "0x" + "00" * 32})) != nullifier(LEAF, salts)


def test_another_leaf_has_another(salts: RecordSalts) -> None:
    assert nullifier(bytes(32), salts) != nullifier(LEAF, salts)


@pytest.mark.parametrize(("leaf", "salt"), [(LEAF[1:], LEAF), (LEAF, LEAF[1:])], ids=["a short leaf", "a short salt"])
def test_words_of_another_length_are_refused(leaf: bytes, salt: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        nullifier_of(leaf, salt)
