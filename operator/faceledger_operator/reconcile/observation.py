"""Everything that a decision about a subject may look at, gathered before it and frozen.

Invariant: "not there" is None or an empty tuple, never an error; what was not looked at because no decision needs it
now is None too, and says so here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..api.base import AttemptStatus
from ..api.conditions import RunReason
from ..kube.kinds import Kind
from ..ledger.ledger import Commitment
from ..ray.podfaults import PodView
from ..ray.status import ClusterView, JobView
from .plan import serves
from .report import RefusedReport, SignedReport
from .subject import Inputs, Missing, Run, Status, Subject

__all__ = ["Child", "LedgerTrouble", "Observation"]


@dataclass(frozen=True)
class Child:
    """An object that belongs to `attempt`."""

    kind: Kind
    name: str
    attempt: str


@dataclass(frozen=True)
class LedgerTrouble:
    """Why nothing is known of a commitment now."""

    reason: RunReason
    message: str
    stalled: bool = False


@dataclass(frozen=True)
class Observation:
    """`jobs`, `clusters` and `pods` are those of all the subject's attempts.

    `inputs`: None while an attempt runs or is done. `run`, `report`: of the current attempt. `commitment`: None also
    where there is no result yet. `leftovers`: anchors of attempts that need their objects no more.
    """

    subject: Subject
    paused: bool = False
    inputs: Inputs | Missing | None = None
    jobs: tuple[JobView, ...] = ()
    clusters: tuple[ClusterView, ...] = ()
    pods: tuple[PodView, ...] = ()
    run: Run | None = None
    report: SignedReport | RefusedReport | None = None
    commitment: Commitment | LedgerTrouble | None = None
    leftovers: tuple[Child, ...] = ()

    @property
    def status(self) -> Status:
        return self.subject.status

    @property
    def attempt(self) -> AttemptStatus | None:
        """The attempt in the status, if it serves the spec as it is now."""
        attempt = self.status.attempt
        return attempt if attempt and serves(attempt, self.subject.metadata) else None

    @property
    def result_known(self) -> bool:
        return self.attempt is not None and self.status.commitment is not None

    @property
    def final(self) -> bool:
        """The result is on the chain for good: nothing will ever be started again for this spec."""
        commitment = self.status.commitment
        return self.attempt is not None and commitment is not None and commitment.state == "Finalized"

    @property
    def running(self) -> bool:
        """The current attempt was started and has not ended."""
        attempt = self.attempt
        return attempt is not None and attempt.start_time is not None and attempt.end_time is None

    def job(self, name: str) -> JobView | None:
        return next((job for job in self.jobs if job.name == name), None)
