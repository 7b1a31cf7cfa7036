"""Figures of the synthesis engine: `make bench B=synthesis`, one JSON object a line.

Runs each `rows/synthesis_*.py`, or those that are named as arguments (`screening`, `stylegan2`, `training`).
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hack"))

from testbed.figures import run_parts

if __name__ == "__main__":
    sys.exit(run_parts("synthesis", Path(__file__).parent, sys.argv[1:]))
