"""A run's life in whichever process drives it: the workload, and a final report of its end, whatever ends it.

In: a run, its vault, a reporter, the edges. Out: the final report, and exit status 0 or 1. Invariant: a message names
fields and counts, never a person or a file of the source.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import assert_never

import structlog

from faceledger_workloads.artefacts import ArtefactStore, ContentAdder
from faceledger_workloads.clock import Clock
from faceledger_workloads.dataset import run_dataset
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.recognition import run_recognition
from faceledger_workloads.report import FINAL_DEADLINE_S, Reporter, ReportUnavailable
from faceledger_workloads.runreport import DatasetSummary, Failure, FailureReason, Progress, RunReport, RunState
from faceledger_workloads.runspec import DatasetRun, RecognitionRun
from faceledger_workloads.session import Outcome, PoolMaker, Session
from faceledger_workloads.vault import Vault

__all__ = ["Termination", "conduct", "perform"]

TERMINATION_DEADLINE_S = 3.0
"""For the last report of a driver that is being stopped: the pod's grace period is not ours alone."""

_log = structlog.get_logger()


class _Terminated(BaseException):
    """SIGTERM came. Not an Exception, so that no handler between here and `conduct` takes it for a failure."""


class Termination:
    """Whether this process was told to stop. What the signal raises inside of Ray's C code comes out as another error,
    so the request is remembered, too."""

    def __init__(self) -> None:
        self.requested = False

    def listen(self) -> None:
        """Takes SIGTERM from now on."""
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.requested = True
        raise _Terminated


def conduct(reporter: Reporter, work: Callable[[], Outcome], termination: Termination) -> int:
    """Does the work and reports its end, whatever it is; 0 for success, 1 for a failure or an undelivered report."""
    try:
        report = _success(reporter, work())
    except RunFailed as failed:
        report = _failed(reporter, failed.failure)
    except (_Terminated, Exception) as error:
        report = _broken(reporter, _STOPPED if termination.requested else _unexpected(error))
    try:
        reporter.finish(report, TERMINATION_DEADLINE_S if termination.requested else FINAL_DEADLINE_S)
    except ReportUnavailable as error:
        _log.error("final report lost", error=str(error))
        return 1
    _log.info("run ended", state=report.state, reason=report.failure.reason if report.failure else None)
    return 0 if report.state is RunState.SUCCEEDED else 1


def perform(
    run: DatasetRun | RecognitionRun,
    vault: Vault,
    reporter: Reporter,
    content: ContentAdder,
    clock: Clock,
    make_pool: PoolMaker,
) -> Outcome:
    """The workload itself. Raises `RunFailed`."""
    store = ArtefactStore(vault.folder, vault.seal(run.attempt), content, clock, reporter.waiting)
    session = Session(reporter, store, vault, run.subject.uid, make_pool)
    match run:
        case DatasetRun():
            return run_dataset(session, run)
        case RecognitionRun():
            return run_recognition(session, run)
        case _:
            assert_never(run)


def _unexpected(error: BaseException) -> str:
    """A bug or a broken cluster, by its type and place: its message may hold what no log may."""
    where = _places(error)
    _log.error("unexpected error", error=type(error).__name__, where=where)
    return f"{type(error).__name__} at {where[-1] if where else 'unknown place'}"


def _places(error: BaseException) -> list[str]:
    """Where the error came from, without its message, which may name a file or a person."""
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]


def _success(reporter: Reporter, outcome: Outcome) -> RunReport:
    summary = outcome.summary
    images = summary.images if isinstance(summary, DatasetSummary) else summary.probes
    return RunReport(
        attempt=reporter.attempt,
        state=RunState.SUCCEEDED,
        progress=Progress(stage="done", done=images, total=images),
        summary=summary,
        artefacts=outcome.artefacts,
        results_root=outcome.results_root,
        model_digest=outcome.model_digest,
    )


def _failed(reporter: Reporter, failure: Failure) -> RunReport:
    return RunReport(attempt=reporter.attempt, state=RunState.FAILED, progress=reporter.last_progress, failure=failure)


def _broken(reporter: Reporter, message: str) -> RunReport:
    """The same run may succeed on another day or machine."""
    return _failed(reporter, Failure(reason=FailureReason.INFRASTRUCTURE_FAILED, message=message, retryable=True))


_STOPPED = "the driver was told to stop (SIGTERM)"
