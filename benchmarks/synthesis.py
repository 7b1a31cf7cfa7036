"""Figures of the synthesis engine: `make bench B=synthesis`, one JSON object a line.

Calls `rows()` of every benchmarks/rows/synthesis_*.py, in order of name; `python benchmarks/synthesis.py NAME...` calls
those alone whose name contains one of the words.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hack"))

from testbed.figures import print_figure


def main() -> None:
    """Prints each figure as soon as it is measured."""
    for path in sorted(Path(__file__).with_name("rows").glob("synthesis_*.py")):
        if not sys.argv[1:] or any(word in path.stem for word in sys.argv[1:]):
            for row in importlib.import_module(f"rows.{path.stem}").rows():
                print_figure(**row)


if __name__ == "__main__":
    main()
