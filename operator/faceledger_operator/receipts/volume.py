"""Receipts on a volume: `<namespace>/<kind>/<name>/<attempt>.json`, written once.

In: a receipt's bytes and its place. Out: nothing; the file is there, whole and on disk, when `put` returns. Invariant:
no file is ever changed. Where a chain takes back a final block, the attempt gets a second receipt, and it gets a file
of its own: `<attempt>.<first 8 digits of its block's hash>.json`.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from faceledger_contracts.record import Subject

from .store import ReceiptConflictError, receipt_names

__all__ = ["ReceiptVolume"]


@dataclass(frozen=True)
class ReceiptVolume:
    """A folder, usually a mounted PersistentVolumeClaim."""

    root: Path

    def path(self, subject: Subject, attempt: str) -> Path:
        """Where the receipt of this attempt is, or would be. ValueError for names that would leave the folder."""
        return self.root / receipt_names(subject, attempt, "")[0]

    def get(self, subject: Subject, attempt: str) -> bytes | None:
        """The bytes of the receipt that was put last; None where none is kept."""
        first = self.path(subject, attempt)
        kept = [path for path in (first, *first.parent.glob(f"{attempt}.*.json")) if path.exists()]
        return max(kept, key=lambda path: path.stat().st_mtime_ns).read_bytes() if kept else None

    def put(self, subject: Subject, attempt: str, block_hash: str, data: bytes) -> None:
        """Writes the receipt of a commit in that block (0x hex) and reads it back. OSError as it is.

        ReceiptConflictError where both of its names are taken by other bytes.
        """
        first, second = (self.root / name for name in receipt_names(subject, attempt, block_hash))
        first.parent.mkdir(parents=True, exist_ok=True)
        for path in (first, second):
            if not path.exists():
                _write_once(path, data)
            if path.read_bytes() == data:
                os.utime(path, ns=(time.time_ns(),) * 2)  # the last one that was put is the one that holds
                return
        raise ReceiptConflictError(f"{second.relative_to(self.root)} on the receipts volume is another receipt")

    def check(self) -> None:
        """See `ReceiptStore`."""
        self.root.mkdir(parents=True, exist_ok=True)
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, "the operator's receipts volume cannot be written to")


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
