"""Many whole numbers in few words: the rows without a gap that they make.

In: numbers. Out: (first, last) of each row, in their order; and back. Invariant: both directions keep every number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Ranges", "numbers_in", "ranges_of"]

Ranges = tuple[tuple[int, int], ...]
"""Whole numbers as (first, last) of each row."""


def ranges_of(numbers: Iterable[int]) -> Ranges:
    """The ranges that cover exactly these numbers."""
    rows: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if rows and number == rows[-1][1] + 1:
            rows[-1] = rows[-1][0], number
        else:
            rows.append((number, number))
    return tuple(rows)


def numbers_in(ranges: Ranges) -> Iterator[int]:
    """The numbers that the ranges cover, in their order."""
    return (number for first, last in ranges for number in range(first, last + 1))
