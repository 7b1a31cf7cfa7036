"""Reads the weights of dlib's face recognition ResNet out of its published `.dat` file, without dlib.

In: the bytes of `dlib_face_recognition_resnet_model_v1.dat`. Out: `ResNetWeights` as numpy arrays. dlib writes no
lengths and no types, so the reader walks the one known architecture; invariant: every byte is accounted for, or a
`WeightsFileError` names the offset where the file departs from that architecture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Convolution", "ResNetWeights", "WeightsFileError", "read_resnet", "residual_widths"]

Array = NDArray[np.float32]

_BLOCKS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""dlib's alevel4 to alevel0: width, number of residual blocks, whether the first one halves the resolution."""


class WeightsFileError(Exception):
    """The file is not the one network that this reader knows, or is damaged; the message names the offset."""


@dataclass(frozen=True)
class Convolution:
    """One `con_` layer and the `affine_` layer behind it."""

    filters: Array
    """(out, in, rows, columns)."""
    bias: Array
    """(out,)."""
    gamma: Array
    """(out,): the affine layer's factor."""
    beta: Array
    """(out,): the affine layer's summand."""


@dataclass(frozen=True)
class ResNetWeights:
    """All parameters of the network."""

    mean_rgb: tuple[float, float, float]
    """Subtracted from an RGB pixel before it is divided by 256."""
    convolutions: tuple[Convolution, ...]
    """From input to output: the stem, then two for each residual block."""
    projection: Array
    """(256, 128): the embedding is the pooled feature row times this matrix."""


def residual_widths() -> Iterator[tuple[int, bool]]:
    """Width of each residual block from input to output, and whether it halves the resolution."""
    for width, count, halves in _BLOCKS:
        for index in range(count):
            yield width, halves and index == 0


def read_resnet(data: bytes) -> ResNetWeights:
    """Parses the whole file. Raises `WeightsFileError` for any byte that is out of place."""
    cursor = _Cursor(data)
    layers = tuple(_layers())
    cursor.expect_int("loss layer version", 1)
    cursor.expect_text("loss_metric_2")
    cursor.real("margin")
    cursor.real("distance threshold")
    for layer in reversed(layers[1:]):
        cursor.expect_int("layer version", 1 if layer in _BARE else 2)
    version = cursor.expect_int("innermost layer version", 2, 3)
    mean = _read_input(cursor)
    convolutions: list[Convolution] = []
    filters, bias = _read_convolution(cursor)
    _read_state(cursor)
    if version == 3:
        cursor.integer("sample expansion factor")
    projection: Array | None = None
    for layer in layers[1:]:
        match layer:
            case "con_4":
                filters, bias = _read_convolution(cursor)
            case "affine_":
                gamma, beta = _read_affine(cursor, len(bias))
                convolutions.append(Convolution(filters, bias, gamma, beta))
            case "fc_2":
                projection = _read_projection(cursor)
            case "max_pool_2" | "avg_pool_2":
                cursor.expect_text(layer)
                cursor.integers("pooling geometry", 6)
            case "relu_" | "add_prev_":
                cursor.expect_text(layer)
            case _:
                assert layer in _BARE
        if layer not in _BARE:
            _read_state(cursor)
    cursor.expect_end()
    assert projection is not None
    return ResNetWeights(mean, tuple(convolutions), projection)


_BARE = frozenset({"tag", "skip"})
"""Layers that store a version and nothing else."""


def _layers() -> Iterator[str]:
    """The architecture from input to output, as dlib nests it."""
    yield from ("con_4", "affine_", "relu_", "max_pool_2")
    for _, halves in residual_widths():
        yield from ("tag", "con_4", "affine_", "relu_", "con_4", "affine_")
        yield from ("tag", "skip", "avg_pool_2") if halves else ()
        yield from ("add_prev_", "relu_")
    yield from ("avg_pool_2", "fc_2")


def _read_input(cursor: _Cursor) -> tuple[float, float, float]:
    cursor.expect_text("input_rgb_image_sized")
    mean = (cursor.real("mean red"), cursor.real("mean green"), cursor.real("mean blue"))
    cursor.expect_int("input rows", 150)
    cursor.expect_int("input columns", 150)
    return mean


def _read_convolution(cursor: _Cursor) -> tuple[Array, Array]:
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


def _read_affine(cursor: _Cursor, channels: int) -> tuple[Array, Array]:
    cursor.expect_text("affine_")
    parameters = cursor.tensor("affine parameters").reshape(-1)
    cursor.alias("gamma")
    cursor.alias("beta")
    cursor.integer("affine mode")
    if parameters.size != 2 * channels:
        raise WeightsFileError(f"affine layer before offset {cursor.offset}: {parameters.size} values")
    return parameters[:channels], parameters[channels:]


def _read_projection(cursor: _Cursor) -> Array:
    cursor.expect_text("fc_2")
    outputs = cursor.expect_int("outputs", 128)
    inputs = cursor.expect_int("inputs", 256)
    parameters = cursor.tensor("projection")
    cursor.alias("weights")
    cursor.alias("biases")
    cursor.integer("bias mode")
    for _ in range(4):
        cursor.real("multiplier")
    if parameters.size != inputs * outputs:
        raise WeightsFileError(f"projection before offset {cursor.offset}: {parameters.size} values")
    return parameters.reshape(inputs, outputs)


def _read_state(cursor: _Cursor) -> None:
    """Training state that every layer carries: three flags and gradients, all of no use here."""
    cursor.flags(3)
    cursor.tensor("input gradient")
    cursor.tensor("cached output")
    cursor.tensor("parameter gradient")


class _Cursor:
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
