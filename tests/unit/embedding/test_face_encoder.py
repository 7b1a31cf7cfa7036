"""Our network and dlib's give the same embeddings on real faces, however chips are cut into batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import dlib
import numpy as np
import pytest
import torch
from faceledger_workloads.embedding.convolution import FoldedConvolution, FusedConvolution
from faceledger_workloads.embedding.dlib_file import Convolution
from faceledger_workloads.embedding.encoder import BATCH, DlibEncoder, TorchEncoder, load_encoder
from faceledger_workloads.embedding.execution import Execution
from faceledger_workloads.images.decode import Pixels
from faceledger_workloads.images.scale import resized
from faceledger_workloads.matching.gallery import unit_rows
from faceledger_workloads.models import FIVE_POINTS
from faceledger_workloads.runspec import Encoder
from PIL import Image


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other are slow where other tests use the same cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def chips(orl_photo: Callable[[int, int], Path]) -> list[Pixels]:
    """Two photos each of people 1 and 2, then one each of others: 36 that dlib itself has aligned."""
    detector, predictor = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(FIVE_POINTS.path()))
    photos = [(1, 1), (1, 2), (2, 1), (2, 2), *((person, 1) for person in range(3, 36))]
    found = []
    for person, photo in photos:
        pixels = np.array(Image.open(orl_photo(person, photo)).convert("RGB").resize((246, 300)))
        found += [dlib.get_face_chip(pixels, predictor(pixels, box)) for box in detector(pixels)[:1]]
    return found[:36]


@pytest.fixture(scope="module")
def reference(chips: list[Pixels]) -> np.ndarray:
    return DlibEncoder().encode(chips[:8])


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def encoder(request: pytest.FixtureRequest) -> TorchEncoder:
    return TorchEncoder(request.param)


@pytest.mark.parametrize("execution", [Execution.FUSED, Execution.EAGER])
def test_float32_equals_dlib_within_a_hundred_thousandth(
    execution: Execution, chips: list[Pixels], reference: np.ndarray
) -> None:
    rows = TorchEncoder(execution=execution).encode(chips[:8])
    assert rows.dtype == np.float32
    assert np.abs(rows - reference).max() <= 1e-5


@pytest.mark.parametrize("execution", [Execution.FUSED, Execution.EAGER])
def test_bfloat16_points_the_same_way_as_dlib(execution: Execution, chips: list[Pixels], reference: np.ndarray) -> None:
    rows = TorchEncoder(torch.bfloat16, execution=execution).encode(chips[:8])
    assert rows.dtype == np.float32
    assert (unit_rows(rows) * unit_rows(reference)).sum(axis=1).min() >= 0.9999


def test_one_person_is_more_like_themself_than_like_another(reference: np.ndarray) -> None:
    cosines = unit_rows(reference) @ unit_rows(reference).T
    assert min(cosines[0, 1], cosines[2, 3]) > cosines[:2, 2:].max()


def test_a_chip_of_another_size_is_fitted_to_the_network(encoder: TorchEncoder, chips: list[Pixels]) -> None:
    small = resized(chips[0], 96, 96)
    assert np.array_equal(encoder.encode([small]), encoder.encode([resized(small, 150, 150)]))


@pytest.fixture(scope="module")
def whole(encoder: TorchEncoder, chips: list[Pixels]) -> np.ndarray:
    return encoder.encode(chips)


@pytest.mark.parametrize("cut", [1, 3, 11, 31, 33], ids=lambda size: f"{size} at once")
def test_a_row_does_not_depend_on_how_the_chips_are_cut(
    encoder: TorchEncoder, chips: list[Pixels], whole: np.ndarray, cut: int
) -> None:
    for at in (0, len(chips) - cut):
        assert encoder.encode(chips[at : at + cut]).tobytes() == whole[at : at + cut].tobytes()


def test_a_row_does_not_depend_on_the_number_of_threads(
    encoder: TorchEncoder, chips: list[Pixels], whole: np.ndarray
) -> None:
    torch.set_num_threads(2)
    try:
        assert encoder.encode(chips[:8]).tobytes() == whole[:8].tobytes()
    finally:
        torch.set_num_threads(1)


def test_a_row_does_not_depend_on_the_chips_beside_it(
    encoder: TorchEncoder, chips: list[Pixels], whole: np.ndarray
) -> None:
    assert encoder.encode(chips[::-1]).tobytes() == whole[::-1].tobytes()


def test_a_shape_that_rounds_otherwise_is_filled_up_to_a_whole_batch(
    chips: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = TorchEncoder()
    expected = encoder.encode(chips[:32])
    forward = encoder._forward
    monkeypatch.setattr(encoder, "_sound_shapes", {BATCH["cpu"]: True})
    monkeypatch.setattr(encoder, "_forward", lambda x: forward(x) * (1 if len(x) == BATCH["cpu"] else 1 + 2**-20))
    for _ in range(2):
        assert encoder.encode(chips[:4]).tobytes() == expected[:4].tobytes()


def test_without_a_compiler_the_encoder_says_so_and_gives_the_same_rows(
    chips: list[Pixels], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_compiler(*_: object, **__: object) -> Callable[[torch.Tensor], torch.Tensor]:
        def fail(_: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no working C++ compiler\nand a long story")

        return fail

    monkeypatch.setattr(torch, "compile", no_compiler)
    rows = TorchEncoder(execution=Execution.COMPILED).encode(chips[:2])
    assert rows.tobytes() == TorchEncoder(execution=Execution.EAGER).encode(chips[:2]).tobytes()
    assert "nothing is compiled, for torch says: no working C++ compiler" in caplog.text


def test_what_is_not_as_wished_is_logged_once_the_encoder_is_loaded(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_encoder(Encoder(compile=True), "cpu")
    assert caplog.text.count("encoder.compile") == 1


@pytest.mark.parametrize("backend", ["Torch", "Dlib"])
def test_no_chips_give_no_rows(backend: str) -> None:
    encoder = load_encoder(Encoder.model_validate({"backend": backend}), "cpu")
    assert encoder.encode([]).shape == (0, 128)


def test_folding_a_shift_and_a_scale_into_a_layer_changes_its_input_alone() -> None:
    random = np.random.default_rng(7)
    filters, bias, gamma, beta = (random.normal(size=shape).astype(np.float32) for shape in ((4, 3, 5, 5), 4, 4, 4))
    layer, zero = Convolution(filters, bias, gamma, beta), np.array([7.5, -1.0, 0.25])
    x = torch.from_numpy(random.uniform(0, 255, size=(2, 3, 9, 9)).astype(np.float32))
    moved = (x - torch.from_numpy(zero).float()[:, None, None]) / 256
    expected = FoldedConvolution(layer, stride=2).plain(moved)
    folded = FoldedConvolution(layer, stride=2, scale=1 / 256, zero=zero)
    assert torch.allclose(folded.plain(x), expected, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_fused_operators_compute_what_they_fuse(stride: int) -> None:
    random = np.random.default_rng(8)
    filters, bias, gamma, beta = (random.normal(size=shape).astype(np.float32) for shape in ((8, 8, 3, 3), 8, 8, 8))
    with torch.inference_mode():
        folded = FoldedConvolution(Convolution(filters, bias, gamma, beta), stride).to(
            memory_format=torch.channels_last
        )
        fused, x = FusedConvolution(folded), torch.randn(2, 8, 9, 9).to(memory_format=torch.channels_last)
        shortcut = torch.randn_like(folded.plain(x))
        assert torch.allclose(fused.plain(x), folded.plain(x), atol=1e-5)
        assert torch.allclose(fused.activated(x), folded.activated(x), atol=1e-5)
        assert torch.allclose(fused.joined(x, shortcut), folded.joined(x, shortcut), atol=1e-5)
