"""What is to be done about a subject, and what its status will say: a value, compared as a whole in tests.

Order in which it is carried out: the step, then the status, then the removals. A step first, because the status tells
how it went; removals last, because the status must have counted a failure before its traces go.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ..api.base import AttemptStatus
from ..kube.kinds import Kind
from .claims import Headline
from .observation import Observation
from .report import SignedReport
from .subject import Inputs, Run, Status

__all__ = ["RESYNC", "Decision", "Removal", "Start", "Submit", "keep"]

RESYNC = timedelta(minutes=10)
"""Everything is looked at so often anyway, should an event be lost: what is later needs no clock of its own."""


@dataclass(frozen=True)
class Start:
    """Create the attempt's objects, authorise its run key, create its RayJob."""

    attempt: AttemptStatus
    inputs: Inputs


@dataclass(frozen=True)
class Submit:
    """Hand the result to the ledger."""

    run: Run
    signed: SignedReport
    attempt: AttemptStatus


@dataclass(frozen=True)
class Removal:
    """Delete an object; with `uid`, that very one."""

    kind: Kind
    name: str
    uid: str | None = None


@dataclass(frozen=True)
class Decision:
    """`headline` and `status` are what holds if the step succeeds; `status` leaves the conditions to the headline.

    `look_again`: seconds until the next look, None to wait for an event.
    """

    headline: Headline | None
    status: Status
    step: Start | Submit | None = None
    removals: tuple[Removal, ...] = ()
    look_again: float | None = None


def keep(observation: Observation, removals: tuple[Removal, ...] = (), look_again: float | None = None) -> Decision:
    """Say what is said already."""
    return Decision(None, observation.status, None, removals, look_again)
