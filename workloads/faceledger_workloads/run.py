"""The driver of one attempt: `python -m faceledger_workloads.run SPEC`, on the head of its Ray cluster.

In: the run spec and the run key, here from their files. Out: the final, signed run report, and exit status 0 or 1.
Invariant: whatever ends the run, the operator is told while the API server can be reached; a message names fields and
counts, never a person or a file of the source.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import ray
import structlog
from faceledger_contracts.eip712 import Domain
from faceledger_contracts.replicas import Replicas
from faceledger_contracts.trace import trace_id_of
from pydantic import ValidationError

from faceledger_workloads.api_server import ConfigMapSink, server_url
from faceledger_workloads.artefacts import LocalContent
from faceledger_workloads.clock import Clock, SystemClock
from faceledger_workloads.driver import Termination, conduct, perform
from faceledger_workloads.failures import RunFailed, wrong_fields
from faceledger_workloads.pool import FacePool
from faceledger_workloads.report import (
    FileSink,
    Reporter,
    ReportSink,
    run_key_signer,
)
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import (
    DatasetRun,
    RecognitionRun,
    ReportTarget,
    Workers,
    parse_report_target,
    parse_run_spec,
)
from faceledger_workloads.session import Outcome, PoolMaker
from faceledger_workloads.vault import Vault, read_data_key
from faceledger_workloads.worker import FaceWorker

__all__ = ["actors", "conduct_spec", "configure_log", "main"]

_log = structlog.get_logger()


def main(arguments: list[str]) -> int:
    """Runs the spec named on the command line on `actors`, with the run key whose file it names; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m faceledger_workloads.run", description="Runs one attempt.")
    parser.add_argument("spec", type=Path, help="run spec (JSON)")
    options = parser.parse_args(arguments)
    configure_log()
    try:
        text = options.spec.read_bytes()
        key = Path(parse_report_target(text).run_key_file).read_text()
    except (OSError, ValueError) as error:
        return _unreportable(error)
    return conduct_spec(text, key, actors)


def conduct_spec(text: bytes, key: str, make: Callable[[Workers], PoolMaker]) -> int:
    """Runs a spec (JSON) on the workers that `make` makes and signs its reports with `key`; the exit status."""
    termination = Termination()
    termination.listen()
    clock = SystemClock()
    try:
        target = parse_report_target(text)
        structlog.contextvars.bind_contextvars(attempt=target.attempt, trace_id=trace_id_of(target.attempt))
        reporter = _reporter(target, key.strip(), clock)
    except ValueError as error:
        return _unreportable(error)

    def work() -> Outcome:
        run = _parsed(text)
        # A worker's log stays with its pod; mixed into the driver's it would be lost among the others'.
        ray.init(address="auto", log_to_driver=False)
        # Again, because Ray puts a handler of its own in place that ends the process without a report.
        termination.listen()
        content = Replicas.at(run.ipfs_apis, run.ipfs_needed) if run.ipfs_apis else LocalContent()
        vault = Vault(Path(run.output), read_data_key(run.data_key_file, "dataKeyFile"), run.purpose)
        return perform(run, vault, reporter, content, clock, make(run.workers))

    try:
        return conduct(reporter, work, termination)
    finally:
        ray.shutdown()


def actors(workers: Workers) -> PoolMaker:
    """Pools of Ray actors; Ray is up."""
    create = ray.remote(FaceWorker).options(
        num_cpus=float(workers.cpu), num_gpus=workers.gpu, max_restarts=0, max_task_retries=0
    )
    return lambda setup, on_wait: FacePool(lambda: create.remote(setup), workers.max, on_wait)


def configure_log() -> None:
    """A line of JSON an event, with the attempt and its trace once they are known."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso"),
            structlog.processors.JSONRenderer(),
        ]
    )


def _unreportable(error: Exception) -> int:
    """The exit status of a run of which nothing but the log can tell."""
    _log.error("the run cannot be reported on", error=_named_fields(error))
    return 1


def _reporter(target: ReportTarget, key: str, clock: Clock) -> Reporter:
    domain = Domain(target.chain_id, target.contract)
    return Reporter(target.attempt, run_key_signer(key, target.attempt, domain), _sink(target, clock), clock)


def _sink(target: ReportTarget, clock: Clock) -> ReportSink:
    """The API server from inside a cluster; a folder beside the results elsewhere."""
    url = server_url(os.environ)
    if url is None:
        return FileSink(Path(target.output, target.attempt))
    return ConfigMapSink(url, target.subject.namespace, target.report_config_map, clock)


def _parsed(text: bytes) -> DatasetRun | RecognitionRun:
    try:
        return parse_run_spec(text)
    except ValidationError as error:
        raise RunFailed(FailureReason.RUN_SPEC_INVALID, _named_fields(error)) from error


def _named_fields(error: Exception) -> str:
    """What is wrong, without the values."""
    if not isinstance(error, ValidationError):
        return type(error).__name__
    return wrong_fields(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
