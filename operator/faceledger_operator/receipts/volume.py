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

__all__ = ["ReceiptConflictError", "ReceiptVolume"]


class ReceiptConflictError(FileExistsError):
    """Something else lies where a receipt belongs; `strerror` says what and where."""

    def __init__(self, message: str) -> None:
        super().__init__(errno.EEXIST, message)


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
        """The bytes of the receipt that was put last; None where none is kept."""
        first = self.path(subject, attempt)
        kept = [path for path in (first, *first.parent.glob(f"{attempt}.*.json")) if path.exists()]
        return max(kept, key=lambda path: path.stat().st_mtime_ns).read_bytes() if kept else None

    def put(self, subject: Subject, attempt: str, block_hash: str, data: bytes) -> None:
        """Writes the receipt of a commit in that block (0x hex) and reads it back. OSError as it is.

        ReceiptConflictError where both of its names are taken by other bytes.
        """
        first = self.path(subject, attempt)
        first.parent.mkdir(parents=True, exist_ok=True)
        second = first.with_name(f"{attempt}.{block_hash.removeprefix('0x')[:8]}.json")
        for path in (first, second):
            if not path.exists():
                _write_once(path, data)
            if path.read_bytes() == data:
                os.utime(path, ns=(time.time_ns(),) * 2)  # the last one that was put is the one that holds
                return
        raise ReceiptConflictError(f"{second.relative_to(self.root)} on the receipts volume is another receipt")


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
