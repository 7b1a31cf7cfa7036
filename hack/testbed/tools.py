"""Where kubectl and helm are: those that the local cluster brought, else those on the PATH."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

__all__ = ["helm", "kubectl"]


def kubectl() -> Path:
    return _find("kubectl")


def helm() -> Path:
    return _find("helm")


@cache
def _find(name: str) -> Path:
    binaries = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "faceledger" / "cluster" / "bin"
    ours = sorted(binaries.glob(f"tools-*/{name}"), key=lambda path: path.stat().st_mtime)
    found = str(ours[-1]) if ours else shutil.which(name)
    if not found:
        raise FileNotFoundError(f"{name}: neither beside the local cluster's binaries nor on the PATH")
    return Path(found)
