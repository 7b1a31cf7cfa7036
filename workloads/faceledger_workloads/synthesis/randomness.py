"""Randomness by address: the generator of a training step, whoever takes it and however often.

Invariant: a step's random numbers are a function of (seed, step) alone, so a resumed run goes on as an uninterrupted
one would have.
"""

from __future__ import annotations

import hashlib

import torch

__all__ = ["step_random"]


def step_random(seed: int, step: int) -> torch.Generator:
    """A fresh CPU generator for one step of a run."""
    digest = hashlib.sha256(f"faceledger-training:{seed}:{step}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
