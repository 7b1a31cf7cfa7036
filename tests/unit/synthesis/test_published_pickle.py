"""A released .pkl becomes safetensors without anything in it being run, and one that would run code is refused."""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from faceledger_workloads.synthesis.checkpoint import CheckpointError, read_checkpoint
from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.convert import convert_pickle
from faceledger_workloads.synthesis.published_pickle import (
    PickleContentError,
    UnsafePickleError,
    read_published_pickle,
)
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork
from torch import nn

SHAPE = StyleGAN2Config(
    z_dim=8, w_dim=8, img_resolution=16, num_layers=3, channel_base=64, channel_max=8, conv_clamp=256
)


class _Persistent:
    """Pickles as the published code's modules do: a call of its reconstructing function with source code and state."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._state = state

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[dict[str, Any]]]:
        source = "raise SystemExit('the source code in the pickle was run')"
        meta = {"type": "class", "version": 6, "module_src": source, "class_name": "Module", "state": self._state}
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,)


class _Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


@pytest.fixture(autouse=True)
def _published_names() -> Iterator[None]:
    """The pickles name modules that are not installed; pickling looks them up."""
    module = ModuleType("torch_utils.persistence")

    def _reconstruct_persistent_obj(meta: object) -> None:
        raise AssertionError(meta)

    _reconstruct_persistent_obj.__module__ = module.__name__
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    module._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    names = {"torch_utils": ModuleType("torch_utils"), module.__name__: module}
    sys.modules.update(names)
    yield
    for name in names:
        del sys.modules[name]


def _pickled(network: GeneratorNetwork, **changes: Any) -> bytes:
    attributes = {**network.config.model_dump(), "c_dim": 0, **changes}
    return pickle.dumps({"G_ema": _persistent(network, attributes), "training_set_kwargs": None})


def _persistent(module: nn.Module, attributes: Mapping[str, Any]) -> _Persistent:
    children = OrderedDict((name, _persistent(child, attributes)) for name, child in module.named_children())
    parts = {"_parameters": module._parameters, "_buffers": module._buffers, "_modules": children}
    return _Persistent({**attributes, **parts, "weight_gain": np.float64(0.5), "training": False})


@pytest.fixture
def network() -> GeneratorNetwork:
    torch.manual_seed(4)
    return GeneratorNetwork(SHAPE)


def test_shape_and_tensors_are_those_of_the_pickle(network: GeneratorNetwork) -> None:
    config, tensors = read_published_pickle(_pickled(network))
    assert config == SHAPE
    expected = network.state_dict()
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in tensors.items())


def test_a_converted_release_is_a_checkpoint_with_the_same_images(network: GeneratorNetwork, tmp_path: Path) -> None:
    source, target = tmp_path / "release.pkl", tmp_path / "release.safetensors"
    source.write_bytes(_pickled(network))
    metadata = convert_pickle(source, target, data="somebody's faces")
    loaded, _ = read_checkpoint(target, metadata.sha256)
    z = torch.randn(2, SHAPE.z_dim)
    assert torch.equal(loaded(z), network(z))
    assert metadata.data == "somebody's faces"


def _storage_that_runs_code(folder: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save(_Call(os.mkdir, str(folder)), buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        pytest.param(lambda folder: _Call(os.mkdir, str(folder)), r"posix\.mkdir", id="a system call"),
        pytest.param(lambda folder: _Call(eval, f"__import__('os').mkdir({str(folder)!r})"), "eval", id="eval"),
        pytest.param(
            lambda folder: _Call(torch.storage._load_from_bytes, _storage_that_runs_code(folder)),
            "storage",
            id="a call inside a tensor's storage",
        ),
        pytest.param(lambda _: _Call(torch.load, "elsewhere.pt"), r"torch.*load", id="torch.load"),
        pytest.param(lambda _: nn.Linear(1, 1), "torch", id="a class of torch"),
    ],
)
def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(
    attack: Callable[[Path], Any], named: str, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    source = tmp_path / "attack.pkl"
    source.write_bytes(pickle.dumps({"G_ema": attack(made)}))
    with pytest.raises(UnsafePickleError, match=named):
        read_published_pickle(source.read_bytes())
    assert not made.exists()


def test_a_refused_pickle_leaves_no_checkpoint(tmp_path: Path) -> None:
    source, target = tmp_path / "attack.pkl", tmp_path / "attack.safetensors"
    source.write_bytes(pickle.dumps(_Call(os.mkdir, str(tmp_path / "made"))))
    with pytest.raises(CheckpointError, match=r"attack\.pkl: the pickle names posix\.mkdir"):
        convert_pickle(source, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attack.pkl"]


def test_a_pickle_with_another_digest_is_not_even_read(tmp_path: Path) -> None:
    source = tmp_path / "release.pkl"
    source.write_bytes(b"whatever")
    with pytest.raises(CheckpointError, match="expected " + "0" * 64):
        convert_pickle(source, tmp_path / "release.safetensors", "0" * 64)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        pytest.param(lambda network: _pickled(network)[:-100], "not a whole pickle", id="truncated"),
        pytest.param(lambda _: pickle.dumps({"G": 1}), "no generator G_ema", id="no generator"),
        pytest.param(lambda network: _pickled(network, c_dim=10), "conditional", id="conditional"),
        pytest.param(lambda network: _pickled(network, architecture="resnet"), "'resnet'", id="another architecture"),
        pytest.param(lambda network: _pickled(network, img_resolution=32), "b32", id="resolution mismatch"),
    ],
)
def test_what_cannot_be_built_is_named(
    content: Callable[[GeneratorNetwork], bytes], named: str, network: GeneratorNetwork
) -> None:
    with pytest.raises(PickleContentError, match=named):
        read_published_pickle(content(network))
