"""How long demo and tests took, kept for `make bench`: one JSON file a run, named after what ran and how warm it was.

Cold means that the local cluster's binaries or images had to be made; warm that they were there.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .tools import BINARIES, CACHE, LOADED_IMAGES

__all__ = ["FOLDER", "Stopwatch", "is_cold"]

FOLDER = CACHE / "timings"


def is_cold() -> bool:
    """Whether the local cluster still has to be built here."""
    return not (any(BINARIES.glob("kube-*")) and (LOADED_IMAGES / "workloads.json").exists())


class Stopwatch:
    """Times the named stages of a run and prints a line at the start and the end of each."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._cold = is_cold()
        self._start = time.monotonic()
        self._stages: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        print(f"[{self.seconds:6.1f} s] {name} ...", flush=True)
        yield
        self._stages[name] = round(time.monotonic() - start, 1)
        print(f"[{self.seconds:6.1f} s] {name}: {self._stages[name]} s", flush=True)

    def write(self) -> None:
        """Keeps the total and the stages; only complete runs are written."""
        name = f"{self._what}_{'cold' if self._cold else 'warm'}_s"
        FOLDER.mkdir(parents=True, exist_ok=True)
        row = {"name": name, "seconds": round(self.seconds, 1), "stages": self._stages, "cpus": os.cpu_count()}
        (FOLDER / f"{name}.json").write_text(json.dumps(row | {"machine": platform.machine()}, indent=1) + "\n")
