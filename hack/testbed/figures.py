"""Figures of benchmarks: each a JSON object on a line of its own, with both sides where there is a peer.

In: rows of figures, or the name of an area whose parts give them. Out: lines on stdout. Invariant: no part is missing
without a word.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
import traceback
from pathlib import Path

import structlog

__all__ = ["print_figure", "run_parts"]


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


def run_parts(area: str, folder: Path, wanted: list[str]) -> int:
    """Prints the figures of each part `rows/AREA_*.py` in `folder`, or of those that are `wanted`: the exit code.

    A part that fails is named with its error, the others go on, and the exit code is 1; 2 for an unknown part.
    """
    # Lines of the code that is measured are no figures.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    # Last: an area may be called as a module of the standard library is.
    sys.path.append(str(folder))
    parts = sorted(file.stem.removeprefix(f"{area}_") for file in (folder / "rows").glob(f"{area}_*.py"))
    if unknown := sorted(set(wanted) - set(parts)):
        print(f"no such part: {', '.join(unknown)}; there are {', '.join(parts)}", file=sys.stderr)
        return 2
    failed = [part for part in wanted or parts if _failed(f"{area}_{part}")]
    return 1 if failed else 0


def _failed(part: str) -> bool:
    """Parts are imported one by one: one that lacks a package does not keep the others from running."""
    try:
        for row in importlib.import_module(f"rows.{part}").rows():
            print_figure(**row)
    except Exception:  # the next part is measured all the same
        print(f"{part} failed:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
        return True
    return False


def _short(value: float | bool | None) -> float | bool | None:
    if value is None or isinstance(value, (bool, int)):
        return value
    return float(f"{value:.4g}")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
