"""Both sides of a ratio timed in turns, so that a busy moment of the machine hits all of them.

In: functions. Out: the median seconds of each. Invariant: each ran as often as every other.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

__all__ = ["in_turns"]


def in_turns(*runs: Callable[[], Any], rounds: int = 5) -> list[float]:
    """Median seconds of each."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, kept in zip(runs, seconds, strict=True):
            start = time.perf_counter()
            run()
            kept.append(time.perf_counter() - start)
    return [statistics.median(kept) for kept in seconds]
