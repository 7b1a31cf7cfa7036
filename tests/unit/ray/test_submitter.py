"""The submitter: starts the driver once, follows it whatever the dashboard does, and ends with it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from faceledger_operator.ray import submit
from faceledger_operator.ray.submit import Dashboard, JobLostError, SubmissionRefusedError, main, run_job

ENTRYPOINT = "python -m faceledger_workloads.run /etc/faceledger/run/run.json"


class ScriptedJobs:
    """Answers looks from a script: a status, `None` for an unknown job, `silent` for no answer. `refuses`: the HTTP
    status that submissions are answered with, if not 200."""

    def __init__(self, *script: str | None, log: str = "", refuses: int | None = None) -> None:
        self._script = iter(script)
        self._log = log
        self._refuses = refuses
        self.submitted: list[str] = []

    def find(self) -> dict[str, Any] | None:
        said = next(self._script)
        if said == "silent":
            raise requests.ConnectionError("no route")
        return None if said is None else {"status": said, "message": "because"}

    def submit(self, entrypoint: str) -> None:
        self.submitted.append(entrypoint)
        if self._refuses:
            answer = requests.Response()
            answer.status_code, answer.reason = self._refuses, "because"
            raise requests.HTTPError(response=answer)

    def log(self) -> str:
        return self._log


def run(jobs: ScriptedJobs) -> tuple[str, str]:
    """The job's last status and all that was written."""
    written: list[str] = []
    job = run_job(jobs, ENTRYPOINT, lambda _: None, written.append)
    return job["status"], "".join(written)


def test_an_unknown_job_is_submitted_and_followed_to_its_end() -> None:
    jobs = ScriptedJobs(None, "PENDING", "RUNNING", "SUCCEEDED", log="line\n")
    assert run(jobs) == ("SUCCEEDED", "line\n")
    assert jobs.submitted == [ENTRYPOINT]


def test_a_job_that_runs_already_is_adopted() -> None:
    jobs = ScriptedJobs("RUNNING", "SUCCEEDED")
    assert run(jobs)[0] == "SUCCEEDED"
    assert jobs.submitted == []


@pytest.mark.parametrize("status", [400, 500])
def test_a_submission_whose_answer_was_lost_is_found_at_the_next_look(status: int) -> None:
    jobs = ScriptedJobs(None, "RUNNING", "SUCCEEDED", refuses=status)
    assert run(jobs)[0] == "SUCCEEDED"
    assert len(jobs.submitted) == 1


def test_a_dashboard_that_is_silent_for_minutes_ends_nothing() -> None:
    jobs = ScriptedJobs("RUNNING", *(["silent"] * 200), "RUNNING", "SUCCEEDED")
    assert run(jobs)[0] == "SUCCEEDED"


def test_a_job_that_the_cluster_forgot_is_lost() -> None:
    jobs = ScriptedJobs("RUNNING", *([None] * 10))
    with pytest.raises(JobLostError):
        run(jobs)
    assert jobs.submitted == []


def test_a_job_that_was_accepted_and_is_forgotten_is_not_started_again() -> None:
    jobs = ScriptedJobs(*([None] * 10))
    with pytest.raises(JobLostError):
        run(jobs)
    assert jobs.submitted == [ENTRYPOINT]


@pytest.mark.parametrize("status", [400, 401, 422])
def test_a_submission_that_is_refused_again_and_again_is_given_up(status: int) -> None:
    written: list[str] = []
    jobs = ScriptedJobs(*([None] * 100), refuses=status)
    with pytest.raises(SubmissionRefusedError, match=str(status)):
        run_job(jobs, ENTRYPOINT, lambda _: None, written.append)
    assert len(jobs.submitted) == len(written) == 10
    assert f"answered {status} because" in written[0]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_dashboard_that_is_not_up_yet_is_asked_again(status: int) -> None:
    jobs = ScriptedJobs(*([None] * 30), "SUCCEEDED", refuses=status)
    assert run(jobs)[0] == "SUCCEEDED"


def test_a_job_unknown_for_a_moment_is_not_lost() -> None:
    jobs = ScriptedJobs("RUNNING", None, None, "RUNNING", "SUCCEEDED")
    assert run(jobs)[0] == "SUCCEEDED"
    assert jobs.submitted == []


def test_the_log_is_written_once_however_often_it_is_read() -> None:
    jobs = ScriptedJobs(*(["RUNNING"] * 20), "FAILED", log="one\ntwo\n")
    assert run(jobs) == ("FAILED", "one\ntwo\n")


class Api:
    """Ray's job API over HTTP: one job, and the requests that were made."""

    def __init__(self, statuses: list[str]) -> None:
        self.requests: list[tuple[str, str, str | None]] = []
        self.job: dict[str, Any] | None = None
        self._statuses = iter(statuses)

    def answer(self, method: str, path: str, token: str | None, body: bytes) -> tuple[int, Any]:
        self.requests.append((method, path, token))
        if method == "POST":
            self.job = json.loads(body)
            return 200, {"submission_id": "id-1"}
        if path.endswith("/logs"):
            return 200, {"logs": "done\n"}
        return (404, {}) if self.job is None else (200, {"status": next(self._statuses), "message": ""})


@contextmanager
def serve(answer: Callable[[str, str, str | None, bytes], tuple[int, Any]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = answer(self.command, self.path, self.headers.get("Authorization"), body)
            payload = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = _reply  # noqa: N815 - the names that http.server asks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ENVIRONMENT = {"RAY_JOB_SUBMISSION_ID": "id-1", "RAY_AUTH_TOKEN": "t0ken"}


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "STOPPED"])
def test_rays_verdict_whatever_it_is_ends_the_submitter_for_good(
    status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another exit code would have the Kubernetes Job start the driver anew; KubeRay asks Ray for the verdict."""
    api = Api([status])
    with serve(api.answer) as address:
        api.job = {}
        assert main([ENTRYPOINT], {**ENVIRONMENT, "RAY_DASHBOARD_ADDRESS": address}) == 0
    assert {token for _, _, token in api.requests} == {"Bearer t0ken"}
    said = capsys.readouterr().out
    assert "done\n" in said
    assert status in said


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(JobLostError("gone"), 0, id="a job that is lost is not started by another submitter"),
        pytest.param(SubmissionRefusedError("401"), 1, id="a job that was never started may be"),
    ],
)
def test_what_a_submitter_without_a_verdict_leaves_to_the_next(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(submit, "run_job", fail)
    assert main([ENTRYPOINT], {**ENVIRONMENT, "RAY_DASHBOARD_ADDRESS": "127.0.0.1:1"}) == code


def test_the_request_is_the_one_that_rays_job_api_takes() -> None:
    api = Api(["SUCCEEDED"])
    with serve(api.answer) as address:
        dashboard = Dashboard(address, "id-1", None)
        assert dashboard.find() is None
        dashboard.submit(ENTRYPOINT)
        assert dashboard.find() == {"status": "SUCCEEDED", "message": ""}
        assert dashboard.log() == "done\n"
    assert api.job == {"entrypoint": ENTRYPOINT, "submission_id": "id-1", "runtime_env": {}, "metadata": {}}
    assert [path for _, path, _ in api.requests] == [
        "/api/jobs/id-1",
        "/api/jobs/",
        "/api/jobs/id-1",
        "/api/jobs/id-1/logs",
    ]
