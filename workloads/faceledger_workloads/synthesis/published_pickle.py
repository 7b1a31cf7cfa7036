"""Reads the tensors out of a released stylegan2-ada-pytorch .pkl without running any code that it brings along.

In: the file's bytes. Out: the moving-average generator's tensors by name, and the shape of its network. A pickle is a
program that may call what it names; here it can name a handful of things that only hold data, and the source code that
these files carry is never looked at.
Invariant: every name that is not on the list, wherever it stands, ends the reading with `UnsafePickleError`.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from pydantic import ValidationError

from faceledger_workloads.synthesis.config import StyleGAN2Config

__all__ = ["PickleContentError", "UnsafePickleError", "read_published_pickle"]


class UnsafePickleError(ValueError):
    """The pickle names something that could run code; the message says what."""


class PickleContentError(ValueError):
    """The pickle is harmless and holds no generator that can be built here; the message says what is in the way."""


def read_published_pickle(content: bytes) -> tuple[StyleGAN2Config, dict[str, torch.Tensor]]:
    """Shape and float32 tensors of `G_ema`. Raises UnsafePickleError and PickleContentError."""
    try:
        data = _InertUnpickler(io.BytesIO(content)).load()
    except UnsafePickleError:
        raise
    except Exception as error:
        raise PickleContentError(f"not a whole pickle of the released kind: {error}") from error
    generator = data.get("G_ema") if isinstance(data, Mapping) else None
    if not isinstance(generator, _Module):
        raise PickleContentError("there is no generator G_ema in the pickle")
    tensors = {name: tensor.detach().float().contiguous() for name, tensor in generator.tensors("")}
    return _configuration(generator, tensors), tensors


@dataclass
class _Module:
    """A module of the pickle: its attributes, without its class."""

    state: Mapping[str, Any]

    def tensors(self, prefix: str) -> Iterator[tuple[str, torch.Tensor]]:
        """Parameters and buffers by their names in a state dict."""
        for kind in ("_parameters", "_buffers"):
            for name, tensor in self.state.get(kind, {}).items():
                if isinstance(tensor, torch.Tensor):
                    yield prefix + name, tensor
        for name, module in self.state.get("_modules", {}).items():
            if isinstance(module, _Module):
                yield from module.tensors(f"{prefix}{name}.")

    def child(self, name: str) -> _Module:
        module = self.state.get("_modules", {}).get(name)
        if not isinstance(module, _Module):
            raise PickleContentError(f"the generator has no part {name!r}")
        return module


class _Inert(dict[Any, Any]):
    """Stands for objects of no interest: takes any arguments and any state, and does nothing with them."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        """Dropped."""

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


class _Record(dict[str, Any]):
    """A dictionary with attributes, of which only the items matter."""

    def __setstate__(self, state: object) -> None:
        """Dropped."""


def _module(meta: Mapping[str, Any]) -> _Module:
    state = meta.get("state")
    if not isinstance(state, Mapping):
        raise PickleContentError("a module without state")
    return _Module(state)


def _storage(content: bytes) -> Any:
    """A storage is a pickle of its own, which torch reads with a list of harmless names, too."""
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnsafePickleError(f"a tensor's storage: {error}") from error


def _parameter(tensor: torch.Tensor, *_: Any) -> torch.Tensor:
    return tensor


_KNOWN: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("dnnlib.util", "EasyDict"): _Record,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _module,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("numpy", "dtype"): _Inert,
    ("numpy.core.multiarray", "scalar"): _Inert,
    ("numpy._core.multiarray", "scalar"): _Inert,
}
"""All that a pickle may name, and what it gets instead."""


class _InertUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise UnsafePickleError(f"the pickle names {module}.{name}, which is not data") from None

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafePickleError("the pickle refers to objects outside of it")


def _configuration(generator: _Module, tensors: Mapping[str, torch.Tensor]) -> StyleGAN2Config:
    state = generator.state
    if state.get("c_dim"):
        raise PickleContentError(f"the generator is conditional (c_dim {state['c_dim']}): only unconditional ones load")
    synthesis, mapping = generator.child("synthesis"), generator.child("mapping")
    resolution = int(state.get("img_resolution", 0))
    last = synthesis.child(f"b{resolution}")
    widths = {size: _width(tensors, size) for size in (4, resolution)}
    if last.state.get("architecture", "skip") != "skip":
        raise PickleContentError(f"synthesis architecture {last.state['architecture']!r}: only 'skip' loads")
    try:
        return StyleGAN2Config(
            z_dim=state.get("z_dim"),
            w_dim=state.get("w_dim"),
            img_resolution=resolution,
            img_channels=state.get("img_channels"),
            num_layers=mapping.state.get("num_layers"),
            # Up to the last resolution, where channels fall below their maximum if they ever do.
            channel_base=widths[resolution] * resolution,
            channel_max=widths[4],
            conv_clamp=last.child("conv1").state.get("conv_clamp"),
        )
    except ValidationError as error:
        raise PickleContentError(f"the generator's shape: {error}") from error


def _width(tensors: Mapping[str, torch.Tensor], resolution: int) -> int:
    weight = tensors.get(f"synthesis.b{resolution}.conv1.weight")
    if weight is None:
        raise PickleContentError(f"the generator has no layer at {resolution} px")
    return len(weight)
