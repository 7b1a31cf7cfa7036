"""The networks compute what the StyleGAN2 paper says, under the published tensor names."""

from __future__ import annotations

import pytest
import torch
from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.discriminator import Discriminator
from faceledger_workloads.synthesis.resample import (
    conv2d_downsample,
    conv2d_phases,
    setup_filter,
    upsample2d,
    upsampling_kernel,
)
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork, NoiseMode
from pydantic import ValidationError
from torch.nn import functional


def _filter_padded(image: torch.Tensor, before: int, after: int) -> torch.Tensor:
    kernel = setup_filter().double().expand(image.shape[1], 1, 4, 4)
    return functional.conv2d(functional.pad(image, (before, after, before, after)), kernel, groups=image.shape[1])


def _zero_inserted(image: torch.Tensor) -> torch.Tensor:
    count, channels, height, width = image.shape
    spread = image.new_zeros(count, channels, 2 * height, 2 * width)
    spread[:, :, ::2, ::2] = image
    return spread


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def weight() -> torch.Tensor:
    return torch.randn(5, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_upsampling_an_image_equals_zero_insertion_and_filtering(image: torch.Tensor) -> None:
    expected = _filter_padded(_zero_inserted(image), 2, 1) * 4
    torch.testing.assert_close(upsample2d(image, setup_filter()), expected)


def test_the_upsampling_convolution_equals_transposed_convolution_then_filtering(
    image: torch.Tensor, weight: torch.Tensor
) -> None:
    transposed = functional.conv_transpose2d(image, weight.transpose(0, 1), stride=2)
    upsampled = conv2d_phases(image, upsampling_kernel(weight, setup_filter()).to(image.dtype))
    torch.testing.assert_close(upsampled, _filter_padded(transposed, 1, 1) * 4)


def test_the_downsampling_convolution_equals_filtering_then_strided_convolution(
    image: torch.Tensor, weight: torch.Tensor
) -> None:
    bias = torch.arange(5.0, dtype=torch.float64)
    expected = functional.conv2d(_filter_padded(image, 2, 2), weight, bias, stride=2)
    torch.testing.assert_close(conv2d_downsample(image, weight, bias, setup_filter()), expected)


def test_the_downsampling_1x1_convolution_equals_filtering_every_second_pixel(
    image: torch.Tensor, weight: torch.Tensor
) -> None:
    pointwise = weight[:, :, :1, :1]
    expected = functional.conv2d(_filter_padded(image, 1, 1)[:, :, ::2, ::2], pointwise)
    torch.testing.assert_close(conv2d_downsample(image, pointwise, None, setup_filter()), expected)


def test_a_synthesis_layer_equals_a_convolution_with_weights_modulated_for_each_face(
    tiny_network: GeneratorNetwork,
) -> None:
    layer = tiny_network.double().synthesis.b8.conv1
    x = torch.randn(2, 8, 8, 8, dtype=torch.float64)
    w = torch.randn(2, 8, dtype=torch.float64)
    faces = []
    for features, style in zip(x, layer.affine(w), strict=True):
        modulated = layer.weight * style.view(1, -1, 1, 1)
        norm = (modulated.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        faces.append(functional.conv2d(features.unsqueeze(0), modulated / norm, layer.bias, padding=1))
    expected = functional.leaky_relu(torch.cat(faces), 0.2) * 2**0.5
    torch.testing.assert_close(layer(x, w, NoiseMode.NONE, None), expected)


@pytest.mark.parametrize("resolution", [8, 16, 64], ids=lambda r: f"{r} px")
def test_images_have_the_configured_resolution_and_take_num_ws_styles(resolution: int) -> None:
    config = StyleGAN2Config(z_dim=8, w_dim=8, img_resolution=resolution, channel_base=64, channel_max=8)
    network = GeneratorNetwork(config)
    ws = network.styles(torch.randn(2, 8))
    image = network.synthesis(ws)
    assert ws.shape == (2, config.num_ws, 8)
    assert image.shape == (2, 3, resolution, resolution)
    assert Discriminator(config)(image).shape == (2, 1)


def test_tensor_names_are_the_published_ones(tiny_network: GeneratorNetwork, tiny_config: StyleGAN2Config) -> None:
    layer = ("affine.weight", "affine.bias", "weight", "bias", "noise_strength", "noise_const", "resample_filter")
    image_layer = ("affine.weight", "affine.bias", "weight", "bias")
    first = {f"synthesis.b4.conv1.{name}" for name in layer} | {f"synthesis.b4.torgb.{name}" for name in image_layer}
    assert {name for name in tiny_network.state_dict() if name.startswith("synthesis.b4.")} == first | {
        "synthesis.b4.const",
        "synthesis.b4.resample_filter",
    }
    assert {name for name in tiny_network.state_dict() if name.startswith("mapping.")} == {
        "mapping.fc0.weight",
        "mapping.fc0.bias",
        "mapping.fc1.weight",
        "mapping.fc1.bias",
        "mapping.w_avg",
    }
    conv = ("weight", "bias", "resample_filter")
    assert {name for name in Discriminator(tiny_config).state_dict() if name.startswith("b16.")} == {
        *(f"b16.{part}.{name}" for part in ("fromrgb", "conv0", "conv1") for name in conv),
        "b16.skip.weight",
        "b16.skip.resample_filter",
        "b16.resample_filter",
    }


def test_zero_truncation_gives_the_mean_style(tiny_network: GeneratorNetwork) -> None:
    tiny_network.mapping.track(torch.randn(4, 8))
    ws = tiny_network.styles(torch.randn(2, 8), truncation=0.0)
    torch.testing.assert_close(ws, tiny_network.mapping.w_avg.expand_as(ws))


def test_random_noise_changes_an_image_only_once_its_strength_is_not_zero(tiny_network: GeneratorNetwork) -> None:
    ws = tiny_network.styles(torch.randn(1, 8))
    silent = tiny_network.synthesis(ws, NoiseMode.NONE)
    torch.testing.assert_close(tiny_network.synthesis(ws, NoiseMode.RANDOM), silent)
    tiny_network.synthesis.b8.conv1.noise_strength.data.fill_(1.0)
    assert not torch.allclose(tiny_network.synthesis(ws, NoiseMode.RANDOM), silent, atol=1e-3)


@pytest.mark.parametrize("resolution", [48, 4, 2048], ids=["not a power of two", "too small", "too large"])
def test_a_resolution_that_cannot_be_built_is_refused_by_name(resolution: int) -> None:
    with pytest.raises(ValidationError, match="img_resolution"):
        StyleGAN2Config(img_resolution=resolution)
