"""Receipts on a volume: `<namespace>/<kind>/<name>/<attempt>.json`, written once.

In: a receipt's bytes and its place. Out: nothing; the file is there, whole and on disk, when `put` returns. Invariant:
no file is ever changed: a second receipt of an attempt that differs from the first is an error, not a new version.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from faceledger_contracts.record import Subject

__all__ = ["ReceiptConflictError", "ReceiptVolume"]


class ReceiptConflictError(Exception):
    """Another receipt of the same attempt is kept already. The message names the file."""


@dataclass(frozen=True)
class ReceiptVolume:
    """A folder, usually a mounted PersistentVolumeClaim."""

    root: Path

    def path(self, subject: Subject, attempt: str) -> Path:
        """Where the receipt of this attempt is, or would be. ValueError for names that would leave the folder."""
        parts = (subject.namespace, subject.kind.lower(), subject.name, f"{attempt}.json")
        if any("/" in part or part.startswith(".") for part in parts):
            raise ValueError(f"receipt of {attempt!r}: a name in it is no Kubernetes name")
        return self.root.joinpath(*parts)

    def get(self, subject: Subject, attempt: str) -> bytes | None:
        """The receipt's bytes; None where none is kept."""
        try:
            return self.path(subject, attempt).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, subject: Subject, attempt: str, data: bytes) -> None:
        """Writes the receipt and reads it back. ReceiptConflictError where another one is there; OSError as it is."""
        path = self.path(subject, attempt)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, data)
        if path.read_bytes() != data:
            raise ReceiptConflictError(f"{path.relative_to(self.root)}: another receipt of this attempt is kept")


def _write_once(path: Path, data: bytes) -> None:
    """Whole or not at all: written aside, synced, then linked to its name, which fails where it exists."""
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".receipt-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return
    finally:
        Path(aside).unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
