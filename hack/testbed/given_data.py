"""Data that benchmarks use where it is there: a folder that `FACELEDGER_DATA` names, `../shared/data` by default.

In: the name of a set in it. Out: its folder, or nothing with a word about it. Invariant: no figure needs it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["given"]


def given(name: str) -> Path | None:
    """The folder of the set `name`; None, and a line on stderr, where it is not there."""
    folder = Path(os.environ.get("FACELEDGER_DATA", "../shared/data"), name)
    if folder.is_dir():
        return folder
    print(f"{folder} is not there: what needs it is left out", file=sys.stderr)
    return None
