"""RLP is read and written as the public library does it, and no second form of a value is read."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import rlp as peer  # type: ignore[import-untyped]
from faceledger_contracts.rlp import RlpError, decode, encode, number_bytes
from hypothesis import given
from hypothesis import strategies as st


def nested(depth: int) -> Any:
    return [] if depth == 1 else [nested(depth - 1)]


items: st.SearchStrategy[Any] = st.recursive(
    st.binary(max_size=70), lambda inner: st.lists(inner, max_size=6), max_leaves=30
)


@given(items)
def test_an_item_is_written_as_by_the_public_library(item: Any) -> None:
    assert encode(item) == peer.encode(item)
    assert decode(encode(item)) == item


@pytest.mark.parametrize("length", [0, 1, 55, 56, 255, 256, 65_535, 65_536])
def test_lengths_around_each_change_of_form(length: int) -> None:
    for item in (b"\xff" * length, [b"\x01"] * length):
        assert encode(item) == peer.encode(item)
        assert decode(encode(item)) == item


@given(st.binary(max_size=80))
def test_what_is_read_has_no_other_form(data: bytes) -> None:
    with contextlib.suppress(RlpError):
        assert encode(decode(data)) == data


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("", id="nothing"),
        pytest.param("8100", id="a byte with a prefix that it does not need"),
        pytest.param("b800", id="a short string in the long form"),
        pytest.param("b90038" + "00" * 56, id="a length that begins with a zero"),
        pytest.param("83ffff", id="a string that is cut off"),
        pytest.param("c283ffffff", id="a string longer than its list"),
        pytest.param("b9ff", id="a length that is cut off"),
        pytest.param("8080", id="two items"),
        pytest.param(encode(nested(34)).hex(), id="a pit of lists"),
    ],
)
def test_anything_else_is_refused(data: str) -> None:
    with pytest.raises(RlpError):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize(("number", "digits"), [(0, ""), (1, "01"), (255, "ff"), (256, "0100")])
def test_a_number_has_no_leading_zeros(number: int, digits: str) -> None:
    assert number_bytes(number).hex() == digits
