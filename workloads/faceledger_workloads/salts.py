"""Salts that hide result lines behind their commitments, derived instead of drawn.

In: the run's data key and the lines. Out: 32 bytes a line. Invariants: the same run gives the same salts, so its root
can be recomputed; a salt that was shown for one line tells nothing of another line, nor of another result at the same
place; and destroying the data key destroys all of them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

__all__ = ["line_salts"]

_LABEL = b"FaceLedger result line salt v1"


def line_salts(key: bytes, subject_uid: str, lines: Sequence[bytes]) -> list[bytes]:
    """One salt a line: HMAC-SHA256 over the subject, the line's place and the line itself (cf. SIV, RFC 5297)."""
    subject = hashlib.sha256(subject_uid.encode()).digest()
    own_key = hmac.digest(key, _LABEL, "sha256")
    return [hmac.digest(own_key, subject + i.to_bytes(8, "big") + line, "sha256") for i, line in enumerate(lines)]
