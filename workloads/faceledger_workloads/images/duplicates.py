"""Images that were there before, byte for byte, in the order in which a data set is read.

In: digests, and whom each image is said to show. Out: the reason to leave the image out, or None. Invariant: of equal
images the first one stays, so the answer depends on the order of the paths alone.
"""

from __future__ import annotations

from faceledger_workloads.images.rejects import ImageReject

__all__ = ["SeenImages"]


class SeenImages:
    """Remembers 32 bytes and a name for each image."""

    def __init__(self) -> None:
        self._owners: dict[bytes, str | None] = {}

    def fault(self, digest: str, identity: str | None) -> ImageReject | None:
        """`DuplicateImage`, or `ClaimedTwice` where the earlier one was somebody else's. `digest`: `sha256:<hex>`."""
        key = bytes.fromhex(digest.removeprefix("sha256:"))
        if key not in self._owners:
            self._owners[key] = identity
            return None
        return ImageReject.DUPLICATE_IMAGE if self._owners[key] == identity else ImageReject.CLAIMED_TWICE
