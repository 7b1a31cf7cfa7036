"""A node comes back as it was, and a block of any other form is refused."""

from __future__ import annotations

import contextlib

import pytest
from faceledger_contracts.dagpb import Link, decode_node, encode_node
from hypothesis import given
from hypothesis import strategies as st

LINK = Link(b"\x01\x55\x12\x20" + bytes(32), 300, 300)

links = st.builds(Link, st.binary(min_size=36, max_size=36), st.integers(0, 2**60), st.integers(0, 2**60))


@given(st.lists(links, min_size=1, max_size=5))
def test_links_round_trip(given_links: list[Link]) -> None:
    assert decode_node(encode_node(given_links)) == given_links


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"", id="an empty block"),
        pytest.param(encode_node([]), id="a node without a link"),
        pytest.param(encode_node([LINK])[:-1], id="a node that is cut off"),
        pytest.param(encode_node([LINK]) + b"\x18\x01", id="a node with a field more"),
        pytest.param(encode_node([LINK]).replace(b"\x08\x02", b"\x08\x01", 1), id="a folder"),
        pytest.param(b"\xff" * 20, id="a number without an end"),
    ],
)
def test_another_block_is_refused(block: bytes) -> None:
    with pytest.raises(ValueError):
        decode_node(block)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_a_node(block: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert encode_node(decode_node(block)) == block
