"""From a run's final report to a result that is final on the chain.

In: an observation whose attempt has reported its end. Out: a decision. Pure. Invariant: a result is stored in the
status together with its submission, and is computed anew only where neither the journal nor a receipt nor a report
has it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from faceledger_workloads.runreport import RunReport, RunState

from ..api.base import AttemptStatus, CommitmentStatus, ProgressStatus
from ..api.conditions import RunReason
from ..ledger.ledger import Commitment
from .claims import Headline, ready, reconciling, stalled
from .decision import Decision, Submit, keep
from .failing import ended, fail, give_up, start_anew
from .observation import LedgerTrouble, Observation
from .report import SignedReport
from .subject import Status
from .tidying import decide_tidying

__all__ = ["commitment_status", "committing_headline", "decide_commitment", "decide_result"]

QUIET = timedelta(seconds=10)
"""So long after the end of a run nothing is written of the steps of its commitment: on a quick chain they would each
be overtaken by the next within a second, and every write of a status goes to etcd and to all who watch."""

COMMIT_LOOK = 2.0
"""Seconds between two looks at a commitment, should its wake-up be lost."""


def decide_result(observation: Observation, attempt: AttemptStatus, now: datetime) -> Decision | None:
    """What a final report decides; None where there is none."""
    signed, run = observation.report, observation.run
    if not isinstance(signed, SignedReport) or run is None or not signed.final:
        return None
    report = signed.report
    if report.state is RunState.FAILED:
        return _failed(observation, attempt, report, now)
    if report.summary is None:
        message = "the final report has no summary: operator and workloads are of different releases"
        return give_up(observation, attempt, RunReason.RUN_SPEC_INVALID, message, now)
    closed = ended(observation, attempt, now)
    done = ProgressStatus(stage="done", done=report.progress.total, total=report.progress.total, percent="100%")
    pending = CommitmentStatus(state="Pending")
    status = observation.status.model_copy(update={"attempt": closed, "progress": done, "commitment": pending})
    status = observation.subject.with_result(status, report.summary, report.artefacts)
    return Decision(
        committing_headline(observation, status, "Pending"), status, Submit(run, signed, closed), (), COMMIT_LOOK
    )


def decide_commitment(observation: Observation, attempt: AttemptStatus, now: datetime) -> Decision:
    """The result is in the status: follow it to the chain, then tidy up."""
    if observation.final:
        return decide_tidying(observation, attempt, now)
    found = observation.commitment
    if isinstance(found, LedgerTrouble):
        headline = _troubled(observation, found)
        return Decision(headline, observation.status, None, (), COMMIT_LOOK)
    if found is not None:
        status = observation.status.model_copy(update={"commitment": commitment_status(found)})
        if found.state == "Finalized":
            return Decision(ready(observation.subject.result_message(status)), status, None, (), 0.0)
        if not found.message and _is_young(attempt, now):
            return keep(observation, look_again=COMMIT_LOOK)
        headline = committing_headline(observation, status, found.message or found.state)
        return Decision(headline, status, None, (), COMMIT_LOOK)
    return _submit_again(observation, attempt, now)


def commitment_status(found: Commitment) -> CommitmentStatus:
    return CommitmentStatus(
        state=found.state,
        leaf=found.leaf,
        batch=found.batch,
        transaction=found.transaction,
        block=found.block,
        receipt=found.receipt,
    )


def committing_headline(observation: Observation, status: Status, where: str) -> Headline:
    message = f"{observation.subject.result_message(status)}; commitment: {where}"
    return reconciling(RunReason.COMMITTING, message)


def _failed(observation: Observation, attempt: AttemptStatus, report: RunReport, now: datetime) -> Decision:
    failure = report.failure
    if failure is None or failure.retryable:
        job = observation.job(attempt.name)
        if job is None or job.deleting:
            # The driver was told to stop because somebody deleted its RayJob: no failure of the infrastructure.
            return start_anew(observation, attempt, f"RayJob {attempt.name} was deleted", now)
        return fail(observation, attempt, failure.message if failure else "the run gave no reason", now)
    reasons = {str(reason): reason for reason in RunReason}
    reason = reasons.get(failure.reason.value, RunReason.RUN_SPEC_INVALID)
    return give_up(observation, attempt, reason, failure.message, now)


def _submit_again(observation: Observation, attempt: AttemptStatus, now: datetime) -> Decision:
    """Neither the journal nor a receipt has it: the operator ended between the run's end and the submission."""
    signed, run = observation.report, observation.run
    if not isinstance(signed, SignedReport) or run is None:
        status = observation.status.model_copy(update={"commitment": None})
        anew = start_anew(observation, attempt, "its result is in no journal, and its report is gone", now)
        return Decision(anew.headline, status.model_copy(update={"attempt": anew.status.attempt}), None, anew.removals)
    headline = committing_headline(observation, observation.status, "Pending")
    return Decision(headline, observation.status, Submit(run, signed, attempt), (), COMMIT_LOOK)


def _is_young(attempt: AttemptStatus, now: datetime) -> bool:
    return attempt.end_time is not None and now - attempt.end_time < QUIET


def _troubled(observation: Observation, trouble: LedgerTrouble) -> Headline:
    message = f"{observation.subject.result_message(observation.status)}; waiting for the ledger: {trouble.message}"
    return (stalled if trouble.stalled else reconciling)(trouble.reason, message)
