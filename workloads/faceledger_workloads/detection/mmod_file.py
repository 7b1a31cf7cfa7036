"""Reads the weights of dlib's CNN face detector out of its published `.dat` file, without dlib.

In: the bytes of `mmod_human_face_detector.dat`. Out: `MmodWeights` as numpy arrays, each batch normalisation turned
into a factor and a summand as dlib's own detector turns it. Invariant: every byte is accounted for, or a
`WeightsFileError` names the offset where the file departs from the one known architecture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceledger_workloads.embedding.dlib_file import Convolution
from faceledger_workloads.embedding.dlib_stream import Array, Cursor, WeightsFileError, read_convolution, read_state

__all__ = ["HIDDEN", "MmodWeights", "read_mmod"]

HIDDEN = 6
"""Convolutions with batch normalisation and ReLU behind them: three that halve the resolution, three that do not."""


@dataclass(frozen=True)
class MmodWeights:
    """All parameters of the network and of the decision on its output."""

    window: tuple[int, int]
    """Width and height, in pixels, of the face that one output value stands for."""
    nms_iou: float
    """Two boxes whose intersection is more than this share of their common bounding box are one face ..."""
    nms_covered: float
    """... or more than this share of either."""
    mean_rgb: tuple[float, float, float]
    """Subtracted from an RGB pixel before it is divided by 256."""
    hidden: tuple[Convolution, ...]
    """From input to output."""
    last_filters: Array
    """(1, in, rows, columns) of the convolution that gives the scores."""
    last_bias: Array
    """(1,)."""


def read_mmod(data: bytes) -> MmodWeights:
    """Parses the whole file. Raises `WeightsFileError` for any byte that is out of place."""
    cursor = Cursor(data)
    window, nms_iou, nms_covered = _read_loss(cursor)
    for _ in range(3 * HIDDEN):
        cursor.expect_int("layer version", 2)
    cursor.expect_int("innermost layer version", 3)
    cursor.expect_text("input_rgb_image_pyramid")
    mean = (cursor.real("mean red"), cursor.real("mean green"), cursor.real("mean blue"))
    hidden = []
    for number in range(HIDDEN):
        filters, bias = _read_layer(cursor, innermost=number == 0)
        gamma, beta = _read_normalisation(cursor, len(bias))
        read_state(cursor)
        cursor.expect_text("relu_")
        read_state(cursor)
        hidden.append(Convolution(filters, bias, gamma, beta))
    filters, bias = _read_layer(cursor, innermost=False)
    cursor.expect_end()
    return MmodWeights(window, nms_iou, nms_covered, mean, tuple(hidden), filters, bias)


def _read_loss(cursor: Cursor) -> tuple[tuple[int, int], float, float]:
    cursor.expect_int("loss layer version", 1)
    cursor.expect_text("loss_mmod_")
    cursor.expect_int("options version", 1)
    window = (cursor.integer("window width"), cursor.integer("window height"))
    for what in ("loss of a false alarm", "loss of a miss", "overlap with the truth"):
        cursor.real(what)
    overlap, covered = cursor.real("overlap of one face"), cursor.real("cover of one face")
    cursor.real("overlap with what is ignored")
    cursor.real("cover of what is ignored")
    return window, overlap, covered


def _read_layer(cursor: Cursor, innermost: bool) -> tuple[Array, Array]:
    filters, bias = read_convolution(cursor)
    read_state(cursor)
    if innermost:
        cursor.integer("sample expansion factor")
    return filters, bias


def _read_normalisation(cursor: Cursor, channels: int) -> tuple[Array, Array]:
    """dlib's `bn_con2` as the affine layer that it becomes once training is over."""
    cursor.expect_text("bn_con2")
    parameters = cursor.tensor("normalisation parameters").reshape(-1)
    cursor.alias("gamma")
    cursor.alias("beta")
    cursor.tensor("batch means")
    cursor.tensor("batch deviations")
    means = cursor.tensor("running means").reshape(-1)
    variances = cursor.tensor("running variances").reshape(-1)
    cursor.integers("updates and window", 2)
    for _ in range(4):
        cursor.real("multiplier")
    epsilon = cursor.real("epsilon")
    if not parameters.size == 2 * means.size == 2 * variances.size == 2 * channels:
        raise WeightsFileError(f"normalisation before offset {cursor.offset}: {parameters.size} values")
    gamma = parameters[:channels] / np.sqrt(variances + np.float32(epsilon))
    return gamma, parameters[channels:] - gamma * means
