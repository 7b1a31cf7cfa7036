"""Where a process computes: on the GPU that its run asked for, or on the processor where this process has none.

In: the device that the run names. Out: the one to use. Invariant: a head pod, which drives and owns no GPU, and a node
whose GPU is announced but not there use the same models and say in their log that they are slower. Their faces are the
same; their embeddings, kept under the device that was asked for, differ by rounding, as docs/encoding.md measures it.
"""

from __future__ import annotations

import logging
from functools import cache

__all__ = ["usable_device"]

_LOG = logging.getLogger(__name__)


@cache
def usable_device(asked: str) -> str:
    """`asked` (`cpu` or `cuda`) if this process has it, else `cpu`. torch is loaded only where a GPU is asked for."""
    if asked == "cpu":
        return asked
    import torch

    if torch.cuda.is_available():
        return asked
    _LOG.warning("%s was asked for and this process sees none: computing on the processor", asked)
    return "cpu"
