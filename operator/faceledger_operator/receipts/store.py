"""Where receipts can be kept, and the one rule that all places have in common: a receipt is written once.

In: a receipt's bytes and whose it is. Out: nothing; the receipt is safe when `put` returns. Invariant: nothing that was
kept is ever changed. The same bytes may come again; where a chain takes back a final block, the attempt gets a second
receipt under a second name, `<attempt>.<first 8 digits of its block's hash>.json`.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from typing import Protocol

from faceledger_contracts.record import Subject

__all__ = ["RECEIPT_KEY", "ObjectReceipts", "ReceiptConflictError", "ReceiptStore", "receipt_names"]

RECEIPT_KEY = "receipt.json"
"""Key inside the Secret: the receipt as canonical JSON."""


class ReceiptConflictError(FileExistsError):
    """Something else lies where a receipt belongs; `strerror` says what and where."""

    def __init__(self, message: str) -> None:
        super().__init__(errno.EEXIST, message)


class ReceiptStore(Protocol):
    """A place for receipts. Every method blocks, may be called from several threads, and raises OSError, whose
    `strerror` says what is wrong without a secret, when the place cannot be used now."""

    def put(self, subject: Subject, attempt: str, block_hash: str, data: bytes) -> None:
        """Keeps the receipt of a commit in that block (0x hex). ReceiptConflictError where both of its names are taken
        by other bytes."""
        ...

    def get(self, subject: Subject, attempt: str) -> bytes | None:
        """The receipt of the newest name; None where none is kept."""
        ...

    def check(self) -> None:
        """Raises OSError where the place cannot be reached now."""
        ...


def receipt_names(subject: Subject, attempt: str, block_hash: str) -> tuple[str, str]:
    """The first and the second name: `<namespace>/<kind>/<name>/<attempt>.json`. ValueError for names that would lead
    elsewhere."""
    parts = (subject.namespace, subject.kind.lower(), subject.name, attempt)
    if any("/" in part or part.startswith(".") for part in parts):
        raise ValueError(f"receipt of {attempt!r}: a name in it is no Kubernetes name")
    stem = "/".join(parts)
    return f"{stem}.json", f"{stem}.{block_hash.removeprefix('0x')[:8]}.json"


class ObjectReceipts(ABC):
    """Receipts in a store of named objects, which tells when a name is taken."""

    def put(self, subject: Subject, attempt: str, block_hash: str, data: bytes) -> None:
        names = receipt_names(subject, attempt, block_hash)
        for name in names:
            if self._create(name, data) or self._read(name) == data:
                return
        raise ReceiptConflictError(f"{names[1]} in {self.shown} is another receipt")

    def get(self, subject: Subject, attempt: str) -> bytes | None:
        first, _ = receipt_names(subject, attempt, "")
        names = self._names(first.removesuffix("json"))
        return self._read(names[-1]) if names else None

    def check(self) -> None:
        """Asks for a name that no receipt begins with, so that the answer is short."""
        self._names(".")

    @property
    @abstractmethod
    def shown(self) -> str:
        """The place, for messages."""

    @abstractmethod
    def _create(self, name: str, data: bytes) -> bool:
        """Whether the object was created; False where there is one of this name."""

    @abstractmethod
    def _read(self, name: str) -> bytes | None:
        """The object, whole; None where there is none."""

    @abstractmethod
    def _names(self, prefix: str) -> list[str]:
        """At most a thousand names that begin so, in the order in which they were created."""
