"""`python -m faceledger_workloads dataset|recognize --run RUN.json`: FaceLedger's work on a machine of one's own.

In: a run file, see `local.py` and examples/local. Out: a folder of results, progress on standard error, the summary on
standard output; exit status 0, 1 for a run that failed, 2 for a run file that is none.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import structlog
from pydantic import ValidationError

from faceledger_workloads.artefacts import LocalContent
from faceledger_workloads.clock import SystemClock
from faceledger_workloads.driver import Termination, conduct, perform
from faceledger_workloads.failures import RunFailed, wrong_fields
from faceledger_workloads.local import LocalDataset, LocalRecognition, Plan, plan_run, read_run
from faceledger_workloads.own_process import OwnProcess
from faceledger_workloads.report import FileSink, Reporter
from faceledger_workloads.runreport import REPORT_KEY, RunReport, RunState
from faceledger_workloads.session import Outcome, PoolMaker
from faceledger_workloads.worker import FaceWorker

__all__ = ["main"]

_KINDS = {"dataset": LocalDataset, "recognize": LocalRecognition}


def main(arguments: list[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m faceledger_workloads", description="FaceLedger without a cluster.")
    parser.add_argument("work", choices=sorted(_KINDS), help="enrol people, or recognise them")
    parser.add_argument("--run", type=Path, required=True, help="run file (JSON); its paths are relative to it")
    options = parser.parse_args(arguments)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        local = read_run(options.run.read_bytes())
        if not isinstance(local, _KINDS[options.work]):
            raise ValueError(f"kind: {local.kind} is not what `{options.work}` does")
        plan = plan_run(local, options.run.parent)
    except (OSError, ValueError) as error:
        _say(f"{options.run}: {_in_words(error)}")
        return 2
    except RunFailed as failed:
        _say(f"{failed.failure.reason}: {failed.failure.message}")
        return 1
    return _conducted(plan)


def _conducted(plan: Plan) -> int:
    run, clock = plan.run, SystemClock()
    reporter = Reporter(run.attempt, lambda _: "", _Terminal(plan.vault.folder / run.attempt), clock)
    termination = Termination()
    termination.listen()

    def work() -> Outcome:
        with _workers(plan) as make_pool:
            # Again, because Ray puts a handler of its own in place.
            termination.listen()
            return perform(run, plan.vault, reporter, LocalContent(), clock, make_pool)

    return conduct(reporter, work, termination)


@contextmanager
def _workers(plan: Plan) -> Iterator[PoolMaker]:
    """Ray is loaded for actors alone."""
    if not plan.actors:
        yield lambda setup, _: OwnProcess(FaceWorker(setup))
        return
    import ray

    from faceledger_workloads.run import actors

    workers = plan.run.workers
    ray.init(
        num_cpus=int(workers.max * workers.cpu), num_gpus=workers.gpu, include_dashboard=False, log_to_driver=False
    )
    try:
        yield actors(workers)
    finally:
        ray.shutdown()


class _Terminal:
    """A report sink for a person: progress on standard error, the last report in the results' folder."""

    def __init__(self, folder: Path) -> None:
        self._file = FileSink(folder)
        self._folder = folder

    def write(self, values: Mapping[str, str], deadline_s: float) -> None:
        """Never fails for want of a reader."""
        report = RunReport.model_validate_json(values[REPORT_KEY])
        if report.state is RunState.RUNNING:
            progress = report.progress
            rate = f", {progress.images_per_second}/s" if progress.images_per_second else ""
            _say(f"{progress.stage}: {progress.done} of {progress.total}{rate}")
            return
        self._file.write({REPORT_KEY: values[REPORT_KEY]}, deadline_s)
        if report.failure is not None:
            _say(f"{report.failure.reason}: {report.failure.message}")
        if report.summary is not None:
            summary = report.summary.model_dump(mode="json", by_alias=True, exclude_none=True)
            sys.stdout.write(json.dumps(summary, indent=2) + "\n")
            _say(f"results: {self._folder}")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _in_words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return wrong_fields(error)
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
