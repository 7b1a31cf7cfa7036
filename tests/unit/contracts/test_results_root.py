"""Each line of a result file is proved alone, at its place."""

from __future__ import annotations

import pytest
from faceledger_contracts.merkle import verify_proof
from faceledger_contracts.results import LineLeaves, result_leaf, results_proof, results_root

LINES = [b'{"probe":1}', b'{"probe":2}', b"", b'{"probe":4}', b'{"probe":5}']
SALTS = [bytes([i]) * 32 for i in range(len(LINES))]


@pytest.mark.parametrize("index", range(len(LINES)))
def test_each_line_is_proved(index: int) -> None:
    leaf = result_leaf(index, LINES[index], SALTS[index])
    assert verify_proof(leaf, results_proof(LINES, SALTS, index), results_root(LINES, SALTS))


@pytest.mark.parametrize(
    "leaf",
    [
        pytest.param(result_leaf(1, LINES[0], SALTS[0]), id="under another number"),
        pytest.param(result_leaf(0, LINES[1], SALTS[0]), id="with another text"),
        pytest.param(result_leaf(0, LINES[0], SALTS[1]), id="with another salt"),
    ],
)
def test_a_line_is_not_proved(leaf: bytes) -> None:
    assert not verify_proof(leaf, results_proof(LINES, SALTS, 0), results_root(LINES, SALTS))


@pytest.mark.parametrize(
    ("lines", "salts"),
    [
        pytest.param([], [], id="no line"),
        pytest.param(LINES, SALTS[:-1], id="a line without a salt"),
        pytest.param(LINES[:1], [b"short"], id="a salt that is too short"),
    ],
)
def test_there_is_no_root(lines: list[bytes], salts: list[bytes]) -> None:
    with pytest.raises(ValueError):
        results_root(lines, salts)


@pytest.mark.parametrize("part", [1, 7, 1 << 20], ids=["byte by byte", "across line ends", "at once"])
@pytest.mark.parametrize("end", [b"", b"\n"], ids=["no last line end", "a last line end"])
def test_a_file_that_is_read_in_parts_has_the_same_root(part: int, end: bytes) -> None:
    data = b"\n".join(LINES) + end
    leaves = LineLeaves(b"".join(SALTS))
    for at in range(0, len(data), part):
        leaves.write(data[at : at + part])
    assert leaves.root() == results_root(LINES, SALTS)
    assert leaves.count == len(LINES)
