"""Reads the weights of dlib's face recognition ResNet out of its published `.dat` file, without dlib.

In: the bytes of `dlib_face_recognition_resnet_model_v1.dat`. Out: `ResNetWeights` as numpy arrays. dlib writes no
lengths and no types, so the reader walks the one known architecture; invariant: every byte is accounted for, or a
`WeightsFileError` names the offset where the file departs from that architecture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from faceledger_workloads.embedding.dlib_stream import (
    Array,
    Cursor,
    WeightsFileError,
    read_convolution,
    read_state,
)

__all__ = ["Convolution", "ResNetWeights", "WeightsFileError", "read_resnet", "residual_widths"]

_BLOCKS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""dlib's alevel4 to alevel0: width, number of residual blocks, whether the first one halves the resolution."""


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
    cursor = Cursor(data)
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
    filters, bias = read_convolution(cursor)
    read_state(cursor)
    if version == 3:
        cursor.integer("sample expansion factor")
    projection: Array | None = None
    for layer in layers[1:]:
        match layer:
            case "con_4":
                filters, bias = read_convolution(cursor)
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
            read_state(cursor)
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


def _read_input(cursor: Cursor) -> tuple[float, float, float]:
    cursor.expect_text("input_rgb_image_sized")
    mean = (cursor.real("mean red"), cursor.real("mean green"), cursor.real("mean blue"))
    cursor.expect_int("input rows", 150)
    cursor.expect_int("input columns", 150)
    return mean


def _read_affine(cursor: Cursor, channels: int) -> tuple[Array, Array]:
    cursor.expect_text("affine_")
    parameters = cursor.tensor("affine parameters").reshape(-1)
    cursor.alias("gamma")
    cursor.alias("beta")
    cursor.integer("affine mode")
    if parameters.size != 2 * channels:
        raise WeightsFileError(f"affine layer before offset {cursor.offset}: {parameters.size} values")
    return parameters[:channels], parameters[channels:]


def _read_projection(cursor: Cursor) -> Array:
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
