"""Labels and annotations by which objects find each other: children their attempt, attempts their resource.

Invariant: every child of an attempt carries the first three, so that the server can select them.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..api.base import GROUP

__all__ = [
    "ATTEMPT",
    "CLUSTER",
    "DISABLED",
    "RECONCILE",
    "REQUESTED_AT",
    "RUN_KEY_ADDRESS",
    "SUBJECT",
    "SUBJECT_KIND",
    "SUBJECT_UID",
    "is_paused",
]

ATTEMPT = f"{GROUP}/attempt"
"""Label: name of the attempt, which is its RayJob's name."""

CLUSTER = f"{GROUP}/cluster"
"""Label of a RayJob: the shared Ray cluster that it runs on."""

SUBJECT_UID = f"{GROUP}/subject-uid"
"""Label: uid of the custom resource."""

SUBJECT_KIND = f"{GROUP}/subject-kind"
"""Label: kind of the custom resource."""

SUBJECT = f"{GROUP}/subject"
"""Annotation: name of the custom resource, in the same namespace."""

RUN_KEY_ADDRESS = f"{GROUP}/run-key-address"
"""Annotation of the run key Secret: the address that reports are checked against."""

RECONCILE = f"{GROUP}/reconcile"
"""Annotation of the user's: `disabled` pauses the resource."""

DISABLED = "disabled"
"""The value of `RECONCILE` with which the operator leaves a resource alone."""

REQUESTED_AT = f"{GROUP}/reconcile-requested-at"
"""Annotation of the user's: a new value lets a stalled resource try again."""


def is_paused(annotations: Mapping[str, str]) -> bool:
    """Whether a resource is to be left alone."""
    return annotations.get(RECONCILE) == DISABLED
