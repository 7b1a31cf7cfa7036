"""Which detector a run looks with, and which of the faces in a photo are meant.

In: what the user asks for, and detections. Out: the detector; the faces to take, the largest first, or a
`RejectedImage`. Invariants: all workers of a run look with the same detector; false alarms and people in the background
neither are taken for the person in front nor make a photo one of several people.
"""

from __future__ import annotations

from typing import assert_never

from faceledger_workloads.detection.box import Detection
from faceledger_workloads.images.rejects import ImageReject, RejectedImage
from faceledger_workloads.runspec import FaceSearch, FacesPolicy

__all__ = ["chosen_faces", "uses_mmod"]

SECOND_FACE_AREA = 0.25
"""A second face counts when it has at least this share of the first one's area: not a passer-by in the background."""

SECOND_FACE_SCORE = 0.5
"""... and at least this detection score: dlib's false alarms lie below, true frontal faces mostly above."""


def uses_mmod(search: FaceSearch, device: str) -> bool:
    """By the device that the run asks for, never by what a worker finds: a GPU that is lost makes the CNN slow, but
    finds the same faces."""
    return search.detector == "Mmod" or (search.detector == "Auto" and device != "cpu")


def chosen_faces(detections: list[Detection], policy: FacesPolicy) -> tuple[Detection, ...]:
    """One or more of `detections` (`best_first`). Raises `RejectedImage` for none and, with `Reject`, for several."""
    if not detections:
        raise RejectedImage(ImageReject.NO_FACE_FOUND)
    sure = [one for one in detections if one.score >= SECOND_FACE_SCORE] or detections[:1]
    first, *others = sorted(sure, key=lambda one: -one.box.area)
    match policy:
        case FacesPolicy.LARGEST:
            return (first,)
        case FacesPolicy.REJECT:
            if any(other.box.area >= SECOND_FACE_AREA * first.box.area for other in others):
                raise RejectedImage(ImageReject.SEVERAL_FACES)
            return (first,)
        case FacesPolicy.ALL:
            return (first, *others)
        case _:
            assert_never(policy)
