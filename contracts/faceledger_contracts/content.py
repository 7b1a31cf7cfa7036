"""Content-addressed storage as the verifier needs it, and the ways in which it fails.

Invariant: `ContentUnavailable` may pass by itself; `ContentCorrupt` never does. Both name the CID, no URL with secrets.
"""

from __future__ import annotations

from typing import BinaryIO, Protocol

__all__ = ["ContentCorrupt", "ContentError", "ContentReader", "ContentStoreUnreachable", "ContentUnavailable"]


class ContentError(Exception):
    """Content could not be had."""


class ContentUnavailable(ContentError):  # noqa: N818 - the name says the state
    """The store is out of reach or does not find the content in time: try again later."""


class ContentStoreUnreachable(ContentUnavailable):
    """The store itself does not answer: no other content could be had from it either."""


class ContentCorrupt(ContentError):  # noqa: N818 - the name says the state
    """The bytes are not those of the CID, or do not form a file: trying again does not help."""


class ContentReader(Protocol):
    """Anything that writes the file behind a CID, having checked that it is that file."""

    def get(self, cid: str, writer: BinaryIO) -> None:
        """Writes the file. Raises ContentUnavailable or ContentCorrupt."""
        ...
