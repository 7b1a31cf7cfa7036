"""Time as a value that is passed in, so that waiting can be tested without waiting."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Clock", "SystemClock", "backoff"]


class Clock(Protocol):
    """Seconds from any fixed moment on, and a way to let some pass."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Returns after `seconds`."""
        ...


@dataclass(frozen=True)
class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Blocks the thread."""
        time.sleep(seconds)


def backoff(attempt: int, first_s: float = 0.25, longest_s: float = 8.0) -> float:
    """Seconds to wait after failed attempt 0, 1, 2 ...: doubled each time up to `longest_s`."""
    return min(longest_s, first_s * 2.0 ** min(attempt, 16))
