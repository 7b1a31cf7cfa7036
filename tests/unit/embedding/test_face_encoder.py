"""Our network and dlib's give the same embeddings on real faces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from faceledger_workloads.embedding.encoder import DlibEncoder, TorchEncoder, load_encoder
from faceledger_workloads.face import Face, FaceFinder
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.scale import decode_png, resized
from faceledger_workloads.matching.gallery import unit_rows
from faceledger_workloads.runspec import Encoder


@pytest.fixture(scope="module")
def chips(orl_photo: Callable[[int, int], Path]) -> list[Pixels]:
    finder = FaceFinder()
    faces = [finder.in_file(orl_photo(person, photo), 10**6, 10**6, 150) for person in (1, 2) for photo in (1, 2)]
    return [decode_png(face.chip_png) for face in faces if isinstance(face, Face)]


@pytest.fixture(scope="module")
def reference(chips: list[Pixels]) -> np.ndarray:
    return DlibEncoder().encode(chips)


def test_float32_equals_dlib_within_a_hundred_thousandth(chips: list[Pixels], reference: np.ndarray) -> None:
    assert np.abs(TorchEncoder().encode(chips) - reference).max() <= 1e-5


def test_bfloat16_points_the_same_way_as_dlib(chips: list[Pixels], reference: np.ndarray) -> None:
    rows = TorchEncoder(torch.bfloat16).encode(chips)
    assert rows.dtype == np.float32
    assert (unit_rows(rows) * unit_rows(reference)).sum(axis=1).min() >= 0.9999


def test_one_person_is_more_like_themself_than_like_another(reference: np.ndarray) -> None:
    cosines = unit_rows(reference) @ unit_rows(reference).T
    assert min(cosines[0, 1], cosines[2, 3]) > cosines[:2, 2:].max()


def test_a_chip_of_another_size_is_fitted_to_the_network(chips: list[Pixels]) -> None:
    encoder = TorchEncoder()
    small = resized(chips[0], 96, 96)
    assert np.array_equal(encoder.encode([small]), encoder.encode([resized(small, 150, 150)]))


def test_the_same_batch_gives_the_same_bytes(chips: list[Pixels]) -> None:
    assert TorchEncoder().encode(chips).tobytes() == TorchEncoder().encode(chips).tobytes()


@pytest.mark.parametrize("backend", ["Torch", "Dlib"])
def test_no_chips_give_no_rows(backend: str) -> None:
    encoder = load_encoder(Encoder.model_validate({"backend": backend}), "cpu")
    assert encoder.encode([]).shape == (0, 128)
