"""The primitive encodings of dlib's `.dat` files, and the layers that its networks share.

In: a file's bytes. Out: numbers and arrays, one after the other. dlib writes neither lengths nor types, so the reader
of a network says what comes next. Invariant: whatever is not as expected is a `WeightsFileError` that names the offset.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Cursor", "WeightsFileError", "read_convolution", "read_state"]

Array = NDArray[np.float32]


class WeightsFileError(Exception):
    """The file is not the one network that this reader knows, or is damaged; the message names the offset."""


class Cursor:
    """A position in the bytes, with dlib's primitive encodings."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0

    def integer(self, what: str) -> int:
        """Control byte (bit 7 the sign, low nibble the byte count), then the magnitude, little-endian."""
        control = self._take(1, what)[0]
        if control & 0x70 or not 1 <= control & 0x0F <= 8:
            raise self._misplaced(what, f"control byte {control:#04x}")
        magnitude = int.from_bytes(self._take(control & 0x0F, what), "little")
        return -magnitude if control & 0x80 else magnitude

    def integers(self, what: str, count: int) -> tuple[int, ...]:
        return tuple(self.integer(what) for _ in range(count))

    def real(self, what: str) -> float:
        """Mantissa and exponent as integers."""
        mantissa, exponent = self.integers(what, 2)
        return math.ldexp(mantissa, exponent)

    def text(self, what: str) -> str:
        return self._take(self.integer(what), what).decode("ascii", errors="replace")

    def tensor(self, what: str) -> Array:
        """Version 2, four dimensions, raw little-endian float32."""
        self.expect_int(f"{what}: tensor version", 2)
        shape = self.integers(what, 4)
        if min(shape) < 0:
            raise self._misplaced(what, f"shape {shape}")
        return np.frombuffer(self._take(4 * math.prod(shape), what), dtype="<f4").reshape(shape)

    def alias(self, what: str) -> tuple[int, ...]:
        """A view into a tensor: version 1 and four dimensions."""
        self.expect_int(f"{what}: alias version", 1)
        return self.integers(what, 4)

    def flags(self, count: int) -> None:
        if set(self._take(count, "flags")) - set(b"01"):
            raise self._misplaced("flags", "neither 0 nor 1")

    def expect_int(self, what: str, *allowed: int) -> int:
        value = self.integer(what)
        if value not in allowed:
            raise self._misplaced(what, f"{value}, expected {' or '.join(map(str, allowed))}")
        return value

    def expect_text(self, expected: str) -> None:
        if (found := self.text("layer name")) != expected:
            raise self._misplaced("layer name", f"{found[:40]!r}, expected {expected!r}")

    def expect_end(self) -> None:
        if left := len(self._data) - self.offset:
            raise WeightsFileError(f"{left} bytes are left over after the last layer at offset {self.offset}")

    def _take(self, count: int, what: str) -> bytes:
        if count > len(self._data) - self.offset:
            raise self._misplaced(what, f"the file ends, {count} bytes wanted")
        start, self.offset = self.offset, self.offset + count
        return self._data[start : self.offset]

    def _misplaced(self, what: str, found: str) -> WeightsFileError:
        return WeightsFileError(f"{what} before offset {self.offset}: {found}")


def read_convolution(cursor: Cursor) -> tuple[Array, Array]:
    """Filters (out, in, rows, columns) and biases (out,) of a `con_` layer."""
    cursor.expect_text("con_4")
    parameters = cursor.tensor("convolution parameters").reshape(-1)
    count = cursor.integer("number of filters")
    cursor.integers("kernel, strides and pads", 6)
    shape = cursor.alias("filters")
    cursor.alias("biases")
    for _ in range(4):
        cursor.real("multiplier")
    size = math.prod(shape)
    if shape[0] != count or size + count != parameters.size:
        raise WeightsFileError(f"convolution before offset {cursor.offset}: {parameters.size} values for {shape}")
    return parameters[:size].reshape(shape), parameters[size:]


def read_state(cursor: Cursor) -> None:
    """Training state that every layer carries: three flags and gradients, all of no use here."""
    cursor.flags(3)
    cursor.tensor("input gradient")
    cursor.tensor("cached output")
    cursor.tensor("parameter gradient")
