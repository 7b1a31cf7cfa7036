"""The run report: the only line from a workload to the API server, every word of it signed with the run key.

In: progress, and at the end a summary or a failure. Out: canonical JSON and its signature, written together into the
place that the operator reads. Invariants: progress goes out at most once a second and may be lost; the final report
is repeated until it has arrived or its deadline is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import structlog
from faceledger_contracts.canonical import canonical_json, sha256_digest
from faceledger_contracts.eip712 import Domain, address_of, sign_report

from faceledger_workloads.clock import Clock
from faceledger_workloads.runreport import REPORT_KEY, SIGNATURE_KEY, Progress, RunReport, RunState

__all__ = [
    "FINAL_DEADLINE_S",
    "PROGRESS_INTERVAL_S",
    "FileSink",
    "ReportSink",
    "ReportUnavailable",
    "Reporter",
    "Signer",
    "run_key_signer",
]

PROGRESS_INTERVAL_S = 1.0
"""Shortest time between two progress reports: etcd keeps every version for a while."""

FINAL_DEADLINE_S = 300.0
"""How long the final report is tried: an API server that is restarted or upgraded is back by then."""

PROGRESS_DEADLINE_S = 2.0
"""How long a progress report may hold up the work."""

Signer = Callable[[bytes], str]
"""Canonical JSON of a report -> its signature as 0x hex."""

_log = structlog.get_logger()


class ReportUnavailable(Exception):  # noqa: N818 - it says what is the case
    """The report could not be written within its deadline."""


class ReportSink(Protocol):
    """Where reports go."""

    def write(self, values: Mapping[str, str], deadline_s: float) -> None:
        """Writes all values at once. Raises `ReportUnavailable`."""
        ...


class FileSink:
    """Two files in a folder: for runs outside of a cluster."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, values: Mapping[str, str], deadline_s: float) -> None:
        """Each file is replaced as a whole."""
        del deadline_s  # a local file needs no second try
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for name, value in values.items():
                partial = self._folder / f".{name}.partial"
                partial.write_text(value)
                partial.replace(self._folder / name)
        except OSError as error:
            raise ReportUnavailable(f"{self._folder} cannot be written: {error.strerror}") from error


def run_key_signer(private_key: str, attempt: str, domain: Domain) -> Signer:
    """Signs reports of `attempt` so that the contract at `domain` can tell whose they are. ValueError for no key."""
    address_of(private_key)
    return lambda report: sign_report(private_key, attempt, sha256_digest(report), domain)


class Reporter:
    """Tells the operator how the run goes. Not shared between threads."""

    def __init__(self, attempt: str, sign: Signer, sink: ReportSink, clock: Clock) -> None:
        self.attempt = attempt
        self._sign = sign
        self._sink = sink
        self._clock = clock
        self._progress = Progress(stage="starting", done=0, total=0)
        self._written: Progress | None = None
        self._written_at = float("-inf")
        self._stage_since = clock.now()

    def progress(self, stage: str, done: int, total: int) -> None:
        """The run is at `done` of `total` units of `stage`; written when the last report is old enough."""
        if stage != self._progress.stage:
            self._stage_since = self._clock.now()
            _log.info("stage", stage=stage, total=total)
        elapsed = self._clock.now() - self._stage_since
        rate = round(done / elapsed, 1) if done and elapsed > 0 else None
        self._progress = Progress(stage=stage, done=done, total=total, images_per_second=rate)
        self.flush()

    def waiting(self, reason: str) -> None:
        """The run stands still for `reason`; what was done so far stays in the report."""
        self._progress = self._progress.model_copy(update={"stage": reason, "images_per_second": None})
        self.flush()

    def flush(self) -> None:
        """Writes the newest progress if it is unwritten and the last report is old enough."""
        due = self._clock.now() - self._written_at >= PROGRESS_INTERVAL_S
        if not due or self._progress == self._written:
            return
        self._written_at = self._clock.now()
        try:
            self._write(
                RunReport(attempt=self.attempt, state=RunState.RUNNING, progress=self._progress), PROGRESS_DEADLINE_S
            )
        except ReportUnavailable as error:
            _log.warning("progress report lost", error=str(error))
            return
        self._written = self._progress

    def finish(self, report: RunReport, deadline_s: float = FINAL_DEADLINE_S) -> None:
        """Writes the final report. Raises `ReportUnavailable`."""
        self._write(report, deadline_s)

    @property
    def last_progress(self) -> Progress:
        """Where the run is."""
        return self._progress

    def _write(self, report: RunReport, deadline_s: float) -> None:
        encoded = canonical_json(report.model_dump(mode="json", by_alias=True, exclude_none=True))
        self._sink.write({REPORT_KEY: encoded.decode(), SIGNATURE_KEY: self._sign(encoded)}, deadline_s)
