"""The root over the lines of a result file, so that each single line can be proved and the others stay hidden.

In: the lines (bytes, without their line ends) and one 32-byte salt a line. Out: a 32-byte root for
`Record.resultsRoot`. Invariant: line i's leaf binds its index, so a line can neither be moved nor shown twice under
two numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from faceledger_contracts import merkle
from faceledger_contracts.randomness import SYSTEM, RandomSource

__all__ = ["draw_line_salts", "result_leaf", "results_proof", "results_root"]


def draw_line_salts(count: int, random: RandomSource = SYSTEM) -> list[bytes]:
    """`count` fresh salts of 32 bytes; keep them beside the encrypted results."""
    return [random(32) for _ in range(count)]


def result_leaf(index: int, line: bytes, salt: bytes) -> bytes:
    """The commitment to `line` at place `index` (from 0)."""
    if len(salt) != 32:
        raise ValueError(f"salt of line {index} has {len(salt)} bytes, not 32")
    return merkle.leaf_hash(_RESULT_TAG, salt + index.to_bytes(32, "big") + line)


def results_root(lines: Sequence[bytes], salts: Sequence[bytes]) -> bytes:
    """The root over all lines. ValueError without a line (leave `resultsRoot` null) or without a salt for each."""
    return merkle.root(_leaves(lines, salts))


def results_proof(lines: Sequence[bytes], salts: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings that lead from `result_leaf` of line `index` to the root."""
    return merkle.proof(_leaves(lines, salts), index)


def _leaves(lines: Sequence[bytes], salts: Sequence[bytes]) -> list[bytes]:
    return [result_leaf(i, line, salt) for i, (line, salt) in enumerate(zip(lines, salts, strict=True))]


_RESULT_TAG = merkle.type_tag("FaceLedger result line v1")
