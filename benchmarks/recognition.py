"""Figures of the recognition engine: `make bench B=recognition`, one JSON object a line.

Runs each `rows/recognition_*.py`, or those that are named as arguments (`encode`, `search`, ...). A part that fails is
named with its error once the others are done, and the exit code is 1: no figure is missing without a word.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hack"))

from testbed.figures import print_figure

PREFIX = "recognition_"

# As a worker has it; before any part loads torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main(wanted: list[str]) -> int:
    """The exit code."""
    folder = Path(__file__).parent / "rows"
    parts = sorted(file.stem.removeprefix(PREFIX) for file in folder.glob(f"{PREFIX}*.py"))
    if unknown := sorted(set(wanted) - set(parts)):
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}", file=sys.stderr)
        return 2
    failed = [part for part in wanted or parts if _failed(part)]
    return 1 if failed else 0


def _failed(part: str) -> bool:
    """Parts are imported one by one: one that lacks a package does not keep the others from running."""
    try:
        for row in importlib.import_module(f"rows.{PREFIX}{part}").rows():
            print_figure(**row)
    except Exception:  # the next part is measured all the same
        print(f"recognition_{part} failed:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
