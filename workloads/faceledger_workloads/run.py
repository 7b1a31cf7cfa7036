"""The driver of one attempt: `python -m faceledger_workloads.run SPEC`, on the head of its Ray cluster.

In: the run spec's file. Out: the final, signed run report, and exit status 0 or 1. Invariant: whatever ends the run,
the operator is told while the API server can be reached; a message names fields and counts, never a person or a file
of the source.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import assert_never

import ray
import structlog
from faceledger_contracts.eip712 import Domain
from faceledger_contracts.replicas import Replicas
from pydantic import ValidationError

from faceledger_workloads.api_server import SERVICE_ACCOUNT, ConfigMapSink
from faceledger_workloads.artefacts import ArtefactStore, ContentAdder, LocalContent
from faceledger_workloads.clock import Clock, SystemClock
from faceledger_workloads.dataset import run_dataset
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.pool import FacePool
from faceledger_workloads.recognition import run_recognition
from faceledger_workloads.report import (
    FINAL_DEADLINE_S,
    FileSink,
    Reporter,
    ReportSink,
    ReportUnavailable,
    run_key_signer,
)
from faceledger_workloads.runspec import (
    DatasetRun,
    DatasetSummary,
    Failure,
    FailureReason,
    Progress,
    RecognitionRun,
    ReportTarget,
    RunReport,
    RunState,
    Workers,
    parse_report_target,
    parse_run_spec,
)
from faceledger_workloads.session import Outcome, PoolMaker, Session
from faceledger_workloads.vault import Vault, read_data_key
from faceledger_workloads.worker import FaceWorker

__all__ = ["Termination", "actors", "conduct", "main", "perform"]

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


def main(arguments: list[str]) -> int:
    """Runs the spec named on the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m faceledger_workloads.run", description="Runs one attempt.")
    parser.add_argument("spec", type=Path, help="run spec (JSON)")
    parser.add_argument("--local", action="store_true", help="start Ray here instead of joining this pod's cluster")
    options = parser.parse_args(arguments)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso"),
            structlog.processors.JSONRenderer(),
        ]
    )
    termination = Termination()
    termination.listen()
    clock = SystemClock()
    try:
        text = options.spec.read_bytes()
        reporter = _reporter(parse_report_target(text), clock)
    except (OSError, ValueError) as error:
        _log.error("the run cannot be reported on", error=_named_fields(error))
        return 1

    def work() -> Outcome:
        run = _parsed(text)
        _join_ray(options.local)
        # Again, because Ray puts a handler of its own in place that ends the process without a report.
        termination.listen()
        apis = (run.ipfs_api, *run.more_ipfs_apis)
        content = Replicas.at(apis, run.ipfs_needed) if run.ipfs_api else LocalContent()
        return perform(run, reporter, content, clock, actors(run.workers))

    try:
        return conduct(reporter, work, termination)
    finally:
        ray.shutdown()


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


def actors(workers: Workers) -> PoolMaker:
    """Pools of Ray actors; Ray is up."""
    create = ray.remote(FaceWorker).options(
        num_cpus=float(workers.cpu), num_gpus=workers.gpu, max_restarts=0, max_task_retries=0
    )
    return lambda setup, on_wait: FacePool(lambda: create.remote(setup), workers.max, on_wait)


def perform(
    run: DatasetRun | RecognitionRun, reporter: Reporter, content: ContentAdder, clock: Clock, make_pool: PoolMaker
) -> Outcome:
    """The workload itself. Raises `RunFailed`."""
    vault = Vault(Path(run.output), read_data_key(run.data_key_file, "dataKeyFile"), run.purpose)
    store = ArtefactStore(vault.folder, vault.seal(run.attempt), content, clock, reporter.waiting)
    session = Session(reporter, store, vault, run.subject.uid, make_pool)
    match run:
        case DatasetRun():
            return run_dataset(session, run)
        case RecognitionRun():
            return run_recognition(session, run)
        case _:
            assert_never(run)


def _reporter(target: ReportTarget, clock: Clock) -> Reporter:
    key = Path(target.run_key_file).read_text().strip()
    domain = Domain(target.chain_id, target.contract)
    return Reporter(target.attempt, run_key_signer(key, target.attempt, domain), _sink(target, clock), clock)


def _sink(target: ReportTarget, clock: Clock) -> ReportSink:
    """The API server from inside a cluster; a folder beside the results elsewhere."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if host is None or not (SERVICE_ACCOUNT / "token").exists():
        return FileSink(Path(target.output, target.attempt))
    url = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    return ConfigMapSink(url, target.subject.namespace, target.report_config_map, clock)


def _join_ray(local: bool) -> None:
    # A worker's log stays with its pod; mixed into the driver's it would be lost among the others'.
    if local:
        ray.init(include_dashboard=False, log_to_driver=False)
    else:
        ray.init(address="auto", log_to_driver=False)


def _parsed(text: bytes) -> DatasetRun | RecognitionRun:
    try:
        return parse_run_spec(text)
    except ValidationError as error:
        raise RunFailed(FailureReason.RUN_SPEC_INVALID, _named_fields(error)) from error


def _named_fields(error: Exception) -> str:
    """What is wrong, without the values."""
    if not isinstance(error, ValidationError):
        return type(error).__name__
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
