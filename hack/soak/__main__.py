"""`make soak MINUTES=30 [SEED=number]`: random use and faults, then one JSON row; exit 1 where an invariant broke."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from testbed.figures import print_figure

from soak.runner import figure, soak


def main(minutes: str, seed: str = "") -> int:
    """An empty seed is drawn, and printed."""
    done = soak(float(minutes), int(seed) if seed else secrets.randbelow(10**6))
    print_figure(**figure(done))
    return 1 if done.violations else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
