"""Figures of the recognition engine: `make bench B=recognition`, one JSON object a line.

Runs each `rows/recognition_*.py`, or those that are named as arguments (`encode`, `search`, ...).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hack"))

from testbed.figures import run_parts

# As a worker has it; before any part loads torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if __name__ == "__main__":
    sys.exit(run_parts("recognition", Path(__file__).parent, sys.argv[1:]))
