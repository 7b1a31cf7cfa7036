"""One figure of a benchmark: a JSON object on a line of its own, with both sides where there is a peer."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

__all__ = ["print_figure"]


def print_figure(
    name: str,
    *,
    ours: float | bool,
    unit: str,
    target: str,
    theirs: float | None = None,
    ratio: float | None = None,
) -> None:
    """Prints the figure; numbers keep four significant digits, ratios are ours relative to theirs."""
    row = {
        "name": name,
        "ours": _short(ours),
        "theirs": _short(theirs),
        "ratio": _short(ratio),
        "unit": unit,
        "target": target,
        "machine": f"{os.cpu_count()} x {_processor()}",
    }
    print(json.dumps(row), flush=True)


def _short(value: float | bool | None) -> float | bool | None:
    if value is None or isinstance(value, (bool, int)):
        return value
    return float(f"{value:.4g}")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
