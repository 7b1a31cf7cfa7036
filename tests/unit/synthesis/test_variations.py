"""Variations of images and directions of styles are functions of what they vary, and change it within bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from faceledger_workloads.synthesis.directions import closed_form_directions
from faceledger_workloads.synthesis.generator import Generator
from faceledger_workloads.synthesis.image_variations import vary_image
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork
from numpy.typing import NDArray


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    y, x = np.mgrid[0:48, 0:40]
    return np.stack([x * 6, y * 5, (x + y) * 2], axis=2).astype(np.uint8)


def test_variation_zero_of_an_image_is_the_image(photo: NDArray[np.uint8]) -> None:
    assert vary_image(photo, 0) is photo


def test_every_variation_of_an_image_is_another_one_and_always_the_same(photo: NDArray[np.uint8]) -> None:
    varied = [vary_image(photo, variation) for variation in range(6)]
    assert len({pixels.tobytes() for pixels in varied}) == 6
    assert all(np.array_equal(pixels, vary_image(photo, number)) for number, pixels in enumerate(varied))


def test_a_variation_changes_an_image_visibly_and_keeps_its_size(photo: NDArray[np.uint8]) -> None:
    for variation in range(1, 9):
        pixels = vary_image(photo, variation)
        assert pixels.shape == photo.shape
        assert 1 < np.abs(pixels.astype(int) - photo).mean() < 60


def test_a_negative_variation_is_refused(photo: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="variation -1"):
        vary_image(photo, -1)


def test_a_generator_of_faces_varies_images_too(tiny_network: GeneratorNetwork, photo: NDArray[np.uint8]) -> None:
    assert np.array_equal(Generator(tiny_network, "0" * 64).vary(photo, 3), vary_image(photo, 3))


def test_directions_are_orthogonal_units_and_the_strongest_comes_first(tiny_network: GeneratorNetwork) -> None:
    directions = closed_form_directions(tiny_network, (8, 16), 4)
    torch.testing.assert_close(directions @ directions.t(), torch.eye(4, dtype=torch.float64))
    state = tiny_network.synthesis.state_dict()
    layers = [f"b{size}.conv{number}" for size in (8, 16) for number in (0, 1)]
    weights = [state[f"{layer}.affine.weight"].double() for layer in layers]
    rows = torch.cat([weight / weight.norm(dim=1).mean() for weight in weights])
    effect = (rows @ directions.t()).norm(dim=0)
    assert effect.tolist() == sorted(effect.tolist(), reverse=True)


def test_the_sign_of_a_direction_is_fixed(tiny_network: GeneratorNetwork) -> None:
    directions = closed_form_directions(tiny_network, (8,), 4)
    assert (directions.gather(1, directions.abs().argmax(dim=1, keepdim=True)) > 0).all()
