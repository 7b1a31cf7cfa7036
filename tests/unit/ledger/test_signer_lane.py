"""Bindings of one signer share a lane; the nonces of each are the others' to avoid."""

from __future__ import annotations

from faceledger_operator.ledger.lane import SignerLane, SignerLanes


def test_a_signer_has_one_lane_on_each_chain() -> None:
    lanes = SignerLanes()
    assert lanes.of(1, "0xaa") is lanes.of(1, "0xaa")
    assert lanes.of(1, "0xaa") is not lanes.of(2, "0xaa")
    assert lanes.of(1, "0xaa") is not lanes.of(1, "0xbb")


def test_a_binding_avoids_the_nonces_of_all_others_and_not_its_own() -> None:
    lane = SignerLane()
    for binding, nonce in (("a", 1), ("b", 2), ("c", 3)):
        lane.reserve(binding, frozenset({nonce}))
    assert lane.reserved_beside("a") == {2, 3}


def test_the_nonces_of_a_binding_that_is_gone_are_free() -> None:
    lane = SignerLane()
    lane.reserve("gone", frozenset({1}))
    lane.release("gone")
    lane.release("never there")
    assert lane.reserved_beside("a") == frozenset()
