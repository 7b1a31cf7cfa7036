"""The kinds of generator by name: what shape a checkpoint of each has, and how its network is built.

Invariant: a name, its configuration and its network belong together; a checkpoint names the first and holds the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from torch import nn

from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.cyclegan import CycleGANConfig, Translators
from faceledger_workloads.synthesis.mgan import MGANConfig, MGANGenerators
from faceledger_workloads.synthesis.progan import ProGANConfig, ProGANGenerator
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork

__all__ = ["ARCHITECTURES", "Architecture", "NetworkConfig", "architecture_of"]

NetworkConfig = StyleGAN2Config | ProGANConfig | CycleGANConfig | MGANConfig


@dataclass(frozen=True)
class Architecture:
    """`network(config)` is the network, which keeps its configuration as `config`."""

    config: type[BaseModel]
    network: Any
    """Its class."""


ARCHITECTURES: Mapping[str, Architecture] = {
    "StyleGAN2": Architecture(StyleGAN2Config, GeneratorNetwork),
    "ProGAN": Architecture(ProGANConfig, ProGANGenerator),
    "CycleGAN": Architecture(CycleGANConfig, Translators),
    "MGAN": Architecture(MGANConfig, MGANGenerators),
}


def architecture_of(network: nn.Module) -> str:
    """The name of a generator's kind; KeyError for what is no generator."""
    found = (name for name, architecture in ARCHITECTURES.items() if type(network) is architecture.network)
    name = next(found, None)
    if name is None:
        raise KeyError(type(network).__name__)
    return name
