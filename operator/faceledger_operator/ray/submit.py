"""Starts the driver of an attempt on its Ray cluster and stays until the driver ends: the submitter pod's only program.

In: the driver's command as the only argument; RAY_DASHBOARD_ADDRESS, RAY_JOB_SUBMISSION_ID and RAY_AUTH_TOKEN, set by
KubeRay. Out: the driver's log, and exit code 0 once Ray's verdict is known, whatever it is: KubeRay then asks Ray for
it, and any other code would have the Kubernetes Job start a submitter again, on whatever head there is by then.
Invariants: the driver is started once, however often this program is; a dashboard that is silent, for seconds or
minutes, ends nothing. Source: Ray's job API; KubeRay v1.6.2, rayjob_controller.go.
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

__all__ = ["Dashboard", "JobLostError", "SubmissionRefusedError", "main", "run_job"]

POLL_SECONDS = 1.0
"""Between two looks at a job that runs."""

RETRY_SECONDS = 2.0
"""Before a dashboard that did not answer is asked again."""

LOG_EVERY = 5
"""Looks between two readings of the log: each one transfers the whole of it."""

MISSING_LIMIT = 5
"""Looks in a row in which a submitted job is unknown before it counts as lost."""

REFUSALS_LIMIT = 10
"""Refusals (4xx) in a row before a job that was never started is given up."""

REQUEST_SECONDS = 15.0

_PASSING = frozenset({requests.codes.request_timeout, requests.codes.too_many_requests})

_ENDED = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})


class JobLostError(Exception):
    """The cluster does not know a job that it ran: its head was replaced."""


class SubmissionRefusedError(Exception):
    """The dashboard keeps refusing to start the job, or to answer for it."""


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
    """Submits the job where it is not there, and follows it to its end.

    Raises `JobLostError` where a job that was there is gone, `SubmissionRefusedError` where none was ever started.
    """
    watch = _Watch(jobs, entrypoint, _Follower(jobs, write))
    while True:
        try:
            job = watch.look()
            if job is not None:
                return job
            pause = POLL_SECONDS
        except requests.RequestException as error:
            write(f"submitter: {_what(error)}; asking again\n")
            watch.count_refusal(error)
            pause = RETRY_SECONDS
        sleep(pause)


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Exit code of the submitter pod: 1 where nothing was started, so that another submitter may."""
    dashboard = Dashboard(
        environment["RAY_DASHBOARD_ADDRESS"], environment["RAY_JOB_SUBMISSION_ID"], environment.get("RAY_AUTH_TOKEN")
    )
    (entrypoint,) = arguments
    try:
        job = run_job(dashboard, entrypoint, time.sleep, _write)
    except JobLostError as error:
        _write(f"submitter: {error}\n")
        return 0
    except SubmissionRefusedError as error:
        _write(f"submitter: {error}\n")
        return 1
    _write(f"submitter: {job.get('status')}: {job.get('message', '')}\n")
    return 0


class _Watch:
    """What is known of the job from look to look."""

    def __init__(self, jobs: Jobs, entrypoint: str, follower: _Follower) -> None:
        self._jobs = jobs
        self._entrypoint = entrypoint
        self._follower = follower
        self._known = False
        self._looks = self._missing = self._refusals = 0

    def look(self) -> dict[str, Any] | None:
        """The job once it has ended."""
        job = self._jobs.find()
        if job is None:
            self._meet_none()
            return None
        self._known, self._missing, self._looks = True, 0, self._looks + 1
        ended = job.get("status") in _ENDED
        if ended or self._looks % LOG_EVERY == 0:
            self._follower.print_new()
        return job if ended else None

    def count_refusal(self, error: requests.RequestException) -> None:
        self._refusals = self._refusals + 1 if _is_refusal(error) else 0
        if self._refusals >= REFUSALS_LIMIT and not self._known:
            raise SubmissionRefusedError(f"the job was not started: {_what(error)}")

    def _meet_none(self) -> None:
        """A job that was there once is never started again: its head is gone, and a new attempt follows."""
        if not self._known:
            self._jobs.submit(self._entrypoint)
            self._known = True
            return
        self._missing += 1
        if self._missing >= MISSING_LIMIT:
            raise JobLostError("the Ray cluster does not know the job any more: its head was replaced")


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


def _what(error: requests.RequestException) -> str:
    """Without the URL and the answer's text: the status says enough."""
    if error.response is None:
        return f"no answer from the dashboard ({type(error).__name__})"
    return f"the dashboard answered {error.response.status_code} {error.response.reason}"


def _is_refusal(error: requests.RequestException) -> bool:
    status = error.response.status_code if error.response is not None else 0
    return requests.codes.bad_request <= status < requests.codes.internal_server_error and status not in _PASSING


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(143)


if __name__ == "__main__":
    # The first process of a container ignores SIGTERM unless it says otherwise.
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main(sys.argv[1:], os.environ))
