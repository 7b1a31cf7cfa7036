"""Starts the driver of an attempt on its Ray cluster and stays until the driver ends: the submitter pod's only program.

In: the driver's command as the only argument; RAY_DASHBOARD_ADDRESS, RAY_JOB_SUBMISSION_ID and RAY_AUTH_TOKEN, set by
KubeRay. Out: the driver's log, and exit code 0 (succeeded) or 1. Invariants: the driver is started once, however often
this program is; a dashboard that is silent, for seconds or minutes, ends nothing. Source: Ray's job API.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Protocol

import requests

__all__ = ["Dashboard", "JobLostError", "main", "run_job"]

POLL_SECONDS = 1.0
"""Between two looks at a job that runs."""

RETRY_SECONDS = 2.0
"""Before a dashboard that did not answer is asked again."""

LOG_EVERY = 5
"""Looks between two readings of the log: each one transfers the whole of it."""

MISSING_LIMIT = 5
"""Looks in a row in which a submitted job is unknown before it counts as lost."""

REQUEST_SECONDS = 15.0

_ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})


class JobLostError(Exception):
    """The cluster does not know a job that it ran: its head was replaced."""


class Jobs(Protocol):
    """The job API of one cluster. Every method raises `requests.RequestException` where there is no answer."""

    def find(self) -> dict[str, Any] | None: ...

    def submit(self, entrypoint: str) -> None: ...

    def log(self) -> str: ...


class Dashboard:
    """The job API over HTTP."""

    def __init__(self, address: str, submission_id: str, token: str | None) -> None:
        self._jobs = f"http://{address.removeprefix('http://')}/api/jobs/"
        self._id = submission_id
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def find(self) -> dict[str, Any] | None:
        """The job, None where the cluster does not know it."""
        answer = self._session.get(self._jobs + self._id, timeout=REQUEST_SECONDS)
        if answer.status_code == requests.codes.not_found:
            return None
        answer.raise_for_status()
        job: dict[str, Any] = answer.json()
        return job

    def submit(self, entrypoint: str) -> None:
        """Starts the job; a second one of the same id is refused, which the next look shows to be harmless."""
        body = {"entrypoint": entrypoint, "submission_id": self._id, "runtime_env": {}, "metadata": {}}
        answer = self._session.post(self._jobs, json=body, timeout=REQUEST_SECONDS)
        answer.raise_for_status()

    def log(self) -> str:
        answer = self._session.get(f"{self._jobs}{self._id}/logs", timeout=REQUEST_SECONDS)
        answer.raise_for_status()
        return str(answer.json().get("logs", ""))


def run_job(
    jobs: Jobs, entrypoint: str, sleep: Callable[[float], None], write: Callable[[str], None]
) -> dict[str, Any]:
    """Submits the job where it is not there, and follows it to its end. Raises `JobLostError`."""
    follower = _Follower(jobs, write)
    looks = missing = 0
    known = False
    while True:
        try:
            job = jobs.find()
            if job is None:
                missing += 1
                _check_known(known, missing)
                jobs.submit(entrypoint)
            else:
                known, missing, looks = True, 0, looks + 1
                if job.get("status") in _ENDED:
                    follower.print_new()
                    return job
                if looks % LOG_EVERY == 0:
                    follower.print_new()
            pause = POLL_SECONDS
        except requests.RequestException as error:
            write(f"submitter: no answer from the dashboard ({type(error).__name__}); asking again\n")
            pause = RETRY_SECONDS
        sleep(pause)


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Exit code of the submitter pod."""
    dashboard = Dashboard(
        environment["RAY_DASHBOARD_ADDRESS"], environment["RAY_JOB_SUBMISSION_ID"], environment.get("RAY_AUTH_TOKEN")
    )
    (entrypoint,) = arguments
    try:
        job = run_job(dashboard, entrypoint, time.sleep, _write)
    except JobLostError as error:
        _write(f"submitter: {error}\n")
        return 1
    _write(f"submitter: {job.get('status')}: {job.get('message', '')}\n")
    return 0 if job.get("status") == "SUCCEEDED" else 1


class _Follower:
    def __init__(self, jobs: Jobs, write: Callable[[str], None]) -> None:
        self._jobs = jobs
        self._write = write
        self._printed = 0

    def print_new(self) -> None:
        """What the log holds beyond the part that was printed."""
        log = self._jobs.log()
        self._write(log[self._printed :])
        self._printed = len(log)


def _check_known(known: bool, missing: int) -> None:
    if known and missing >= MISSING_LIMIT:
        raise JobLostError("the Ray cluster does not know the job any more: its head was replaced")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(143)


if __name__ == "__main__":
    # The first process of a container ignores SIGTERM unless it says otherwise.
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main(sys.argv[1:], os.environ))
