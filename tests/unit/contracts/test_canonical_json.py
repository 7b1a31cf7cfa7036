"""One value has one byte string and one digest."""

from __future__ import annotations

import pytest
import rfc8785
from faceledger_contracts.canonical import canonical_json, from_hex, keccak256, sha256_digest, to_hex
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"b": 1, "a": [True, None]}, b'{"a":[true,null],"b":1}', id="keys are sorted, nothing is spaced"),
        pytest.param({"\u20ac": 1, "\r": 2}, b'{"\\r":2,"\xe2\x82\xac":1}', id="keys sort by UTF-16 code unit"),
        pytest.param(1e21, b"1e+21", id="numbers are written as ECMAScript writes them"),
        pytest.param("\u001f\u00e9", b'"\\u001f\xc3\xa9"', id="only control characters are escaped"),
    ],
)
def test_canonical_json_is_that_of_rfc_8785(value: object, expected: bytes) -> None:
    assert canonical_json(value) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=6),
    )
)
def test_canonical_json_is_that_of_the_public_library(value: object) -> None:
    try:
        expected = rfc8785.dumps(value)  # type: ignore[arg-type]
    except ValueError:
        with pytest.raises(ValueError):
            canonical_json(value)
    else:
        assert canonical_json(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(float("nan"), id="not a number"),
        pytest.param(2**53, id="beyond 53 bits"),
        pytest.param("\ud800", id="half a character"),
        pytest.param({"\ud800": 1}, id="half a character as a key"),
        pytest.param({1: 1}, id="a key that is no text"),
        pytest.param(b"", id="bytes"),
    ],
)
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


def test_digests_are_the_published_ones_of_the_empty_string() -> None:
    assert sha256_digest(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert to_hex(keccak256(b"")) == "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@pytest.mark.parametrize("text", ["00ff", "0x0", "0x00", "0x000000", "0xzzzz", "0x 0ff"])
def test_hex_of_another_form_or_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_hex(text, 2)


def test_hex_round_trips() -> None:
    assert from_hex(to_hex(b"\x00\xff"), 2) == b"\x00\xff"
