"""Half an hour of random use and faults on the real cluster, and how many invariants broke: soak_violations.

Out: one row. FACELEDGER_SOAK_MINUTES and FACELEDGER_SOAK_SEED choose another length and repeat a soak. Needs the
cluster with the images (`make cluster-up`), and that nobody else uses it meanwhile.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from typing import Any

from soak.runner import figure, soak

__all__ = ["rows"]


def rows() -> Iterator[dict[str, Any]]:
    """One figure, for `testbed.figures.print_figure`."""
    minutes = float(os.environ.get("FACELEDGER_SOAK_MINUTES", "30"))
    seed = int(os.environ.get("FACELEDGER_SOAK_SEED") or secrets.randbelow(10**6))
    yield figure(soak(minutes, seed))
