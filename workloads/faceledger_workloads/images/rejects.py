"""Why an image yields no face for the data set: one word for each way in which a photo can be unfit.

Invariant: an unfit photo is named and counted in the manifest or the results; it never ends the run.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ImageReject", "RejectedImage"]


class ImageReject(StrEnum):
    """A reason; its docstring says what the user can do."""

    EMPTY = "Empty"
    """The file has no bytes: copy it again."""
    TOO_MANY_BYTES = "TooManyBytes"
    """The file is larger than `maxBytes`: make it smaller or raise the limit."""
    TOO_MANY_PIXELS = "TooManyPixels"
    """The image has more than `maxPixels` pixels: scale it down or raise the limit."""
    NOT_AN_IMAGE = "NotAnImage"
    """No supported image format begins like this file: remove it from the folder."""
    UNREADABLE = "Unreadable"
    """The file begins like an image and then breaks off or is damaged: copy it again. A file or a folder that may not
    be read: let uid or gid 1000 read it."""
    TOO_SMALL = "TooSmall"
    """The image has fewer than 24 pixels on a side, too few for a face: use a larger one."""
    DUPLICATE_IMAGE = "DuplicateImage"
    """The same file, byte for byte, was there before under the same name of a person: nothing is lost."""
    CLAIMED_TWICE = "ClaimedTwice"
    """The same file, byte for byte, was there before under another person's name: remove it from the wrong folder."""
    NO_FACE_FOUND = "NoFaceFound"
    """The detector found no face: use a photo that shows the face from the front."""
    SEVERAL_FACES = "SeveralFaces"
    """More than one face: crop the photo to the person whom it is meant to show, or choose `faces: Largest`."""


class RejectedImage(Exception):  # noqa: N818 - an outcome of reading, not a mistake of the code
    """Raised by the stage that finds the image unfit."""

    def __init__(self, reason: ImageReject) -> None:
        super().__init__(reason)
        self.reason = reason
