"""Which looked-at photos join a data set, where that depends on those before them.

In: photos in order, with what was found in each. Out: the same, but an image that was there before is unfit.
Invariant: of equal files the first stays, whatever the number of faces in it.
"""

from __future__ import annotations

from faceledger_workloads.face import Unfit
from faceledger_workloads.images.duplicates import SeenImages
from faceledger_workloads.images.rejects import ImageReject
from faceledger_workloads.images.source import Photo
from faceledger_workloads.work import Found

__all__ = ["Admission"]


class Admission:
    """Asked for each entry in order; the entries of one photo follow each other."""

    def __init__(self) -> None:
        self._images = SeenImages()
        self._path: str | None = None
        self._fault: ImageReject | None = None

    def admit(self, photo: Photo, found: Found) -> Found:
        """`found`, or why it is left out."""
        if isinstance(found, Unfit):
            return found
        if photo.path != self._path:
            self._path, self._fault = photo.path, self._images.fault(found.digest, photo.identity)
        return Unfit(found.digest, self._fault) if self._fault else found
