"""Where unguessable bytes come from, so that a test can say which.

Invariant: `SYSTEM` is the operating system's generator; nothing else in this package draws a random number.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

__all__ = ["SYSTEM", "RandomSource"]

RandomSource = Callable[[int], bytes]
"""Answers as many random bytes as it is asked for."""

SYSTEM: RandomSource = secrets.token_bytes
"""The operating system's generator."""
