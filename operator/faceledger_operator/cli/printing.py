"""Where the commands print: a console as wide as what it shows needs, and JSON for programs.

In: values. Out: text on standard output. Invariant: with --json, standard output holds one JSON document and nothing
else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

__all__ = ["open_console", "print_files", "print_json"]

PIPED_WIDTH = 140
"""Columns where the output goes into a file or a pipe: a hash beside its name."""


def open_console() -> Console:
    """Standard output; wide enough for a hash beside its name where it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def print_json(document: object, console: Console) -> None:
    """Not by rich's own: it reads and colours what it prints, which takes a minute for thousands of receipts."""
    console.file.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def print_files(paths: Sequence[Path], as_json: bool, console: Console) -> None:
    """What was written: paths and sizes."""
    sizes = {str(path): path.stat().st_size for path in paths}
    if as_json:
        print_json([{"path": path, "bytes": size} for path, size in sizes.items()], console)
        return
    for path, size in sizes.items():
        console.print(f"{path}  {size} bytes", highlight=False, soft_wrap=True)
