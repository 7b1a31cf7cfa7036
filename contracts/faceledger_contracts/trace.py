"""The trace of an attempt: one id that every log line about it carries, in the operator and on Ray.

In: the attempt's name. Out: a trace id as W3C Trace Context spells it. Invariant: it is a function of the name alone,
so that two processes need not tell each other, and a restart goes on with the same trace.
"""

from __future__ import annotations

import hashlib

__all__ = ["trace_id_of"]


def trace_id_of(attempt: str) -> str:
    """32 lower-case hexadecimal digits. Source: W3C Trace Context, section 3.2.2.3."""
    return hashlib.sha256(f"faceledger attempt {attempt}".encode()).hexdigest()[:32]
