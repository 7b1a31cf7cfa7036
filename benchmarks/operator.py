"""Figures of the operator on a control plane of its own: `make bench B=operator`, one JSON object a line.

Runs each `rows/operator_*.py`, or those that are named as arguments (`scale`, `shared`, ...). `scale` needs the local
cluster's binaries alone; `shared` and `soak` need the cluster with the images.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hack"))

from testbed.figures import run_parts

if __name__ == "__main__":
    sys.exit(run_parts("operator", Path(__file__).parent, sys.argv[1:]))
