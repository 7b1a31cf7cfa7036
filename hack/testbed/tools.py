"""What the local cluster brought and where it wrote it down: kubectl and helm (else those on the PATH), images."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

__all__ = ["BINARIES", "CACHE", "LOADED_IMAGES", "binary", "helm", "kubectl"]

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "faceledger"

BINARIES = CACHE / "cluster" / "bin"

LOADED_IMAGES = Path("/var/lib/faceledger-cluster/images")
"""A JSON file for each image that the local cluster holds: what it was made of, and its digest."""


def binary(name: str) -> Path | None:
    """The newest `FOLDER-*/NAME` that the local cluster has built; None where it built none."""
    built = sorted(BINARIES.glob(name), key=lambda path: path.stat().st_mtime)
    return built[-1] if built else None


def kubectl() -> Path:
    return _find("kubectl")


def helm() -> Path:
    return _find("helm")


@cache
def _find(name: str) -> Path:
    ours = BINARIES / name
    found = str(ours) if ours.exists() else shutil.which(name)
    if not found:
        raise FileNotFoundError(f"{name}: neither beside the local cluster's binaries nor on the PATH")
    return Path(found)
