"""Directions in which a StyleGAN2's faces change most, in closed form: no labels, no training.

Shen and Zhou, "Closed-Form Factorization of Latent Semantics in GANs", 2021 (SeFa): the eigenvectors of A'A, where A
holds the weights with which the layers turn a style into modulations.
Invariant: the same weights give the same directions, signs included.
"""

from __future__ import annotations

import torch

from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork

__all__ = ["closed_form_directions"]


def closed_form_directions(network: GeneratorNetwork, resolutions: tuple[int, ...], count: int) -> torch.Tensor:
    """(count, w_dim): unit vectors, strongest first, of the convolutions at `resolutions`, in float64."""
    affine = [
        tensor.double()
        for name, tensor in network.synthesis.state_dict().items()
        if name.endswith("affine.weight") and "torgb" not in name and int(name.split(".")[0][1:]) in resolutions
    ]
    # A style counts as much in a narrow layer as in a wide one.
    rows = torch.cat([weight / weight.norm(dim=1, keepdim=True).mean() for weight in affine])
    _, vectors = torch.linalg.eigh(rows.t() @ rows)
    directions = vectors.flip(1)[:, :count].t()
    # An eigenvector has two signs, and libraries choose differently: the largest component is made positive.
    largest = directions.abs().argmax(dim=1, keepdim=True)
    oriented: torch.Tensor = directions * directions.gather(1, largest).sign()
    return oriented
