"""The root over the lines of a result file, so that each single line can be proved and the others stay hidden.

In: the lines (bytes, without their line ends) and one 32-byte salt a line. Out: a 32-byte root for
`Record.resultsRoot`. Invariant: line i's leaf binds its index, so a line can neither be moved nor shown twice under
two numbers.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import cast

from faceledger_contracts import merkle

__all__ = ["LineLeaves", "result_leaf", "results_proof", "results_root"]

SALT_BYTES = 32


def result_leaf(index: int, line: bytes, salt: bytes) -> bytes:
    """The commitment to `line` at place `index` (from 0)."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"salt of line {index} has {len(salt)} bytes, not {SALT_BYTES}")
    return merkle.leaf_hash(_RESULT_TAG, salt + index.to_bytes(32, "big") + line)


def results_root(lines: Sequence[bytes], salts: Sequence[bytes]) -> bytes:
    """The root over all lines. ValueError without a line (leave `resultsRoot` null) or without a salt for each."""
    return merkle.root(_leaves(lines, salts))


def results_proof(lines: Sequence[bytes], salts: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings that lead from `result_leaf` of line `index` to the root."""
    return merkle.proof(_leaves(lines, salts), index)


class LineLeaves(io.RawIOBase):
    """Takes a result file as it is read, in parts of any size, and keeps of each line its leaf alone.

    `salts` are those of all lines, one after the other. A last line without a line end is a line too.
    """

    def __init__(self, salts: bytes) -> None:
        self._salts = salts
        self._leaves: list[bytes] = []
        self._rest = b""

    @property
    def count(self) -> int:
        """Lines that ended so far."""
        return len(self._leaves)

    def write(self, data: object) -> int:
        taken = bytes(cast("bytes", data))
        *lines, self._rest = (self._rest + taken).split(b"\n")
        for line in lines:
            self._add(line)
        return len(taken)

    def root(self) -> bytes:
        """As `results_root`; ValueError where lines and salts are not equally many, or there is none."""
        if self._rest:
            self._add(self._rest)
            self._rest = b""
        if len(self._salts) != SALT_BYTES * len(self._leaves):
            raise ValueError(f"{len(self._leaves)} lines have {len(self._salts) / SALT_BYTES:g} salts")
        return merkle.root(self._leaves)

    def _add(self, line: bytes) -> None:
        index = len(self._leaves)
        self._leaves.append(result_leaf(index, line, self._salts[index * SALT_BYTES : (index + 1) * SALT_BYTES]))


def _leaves(lines: Sequence[bytes], salts: Sequence[bytes]) -> list[bytes]:
    return [result_leaf(i, line, salt) for i, (line, salt) in enumerate(zip(lines, salts, strict=True))]


_RESULT_TAG = merkle.type_tag("FaceLedger result line v1")
