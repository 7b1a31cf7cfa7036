"""The kubectl plugin before an API server in memory: what is shown, what is set, what is refused and in which words."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from faceledger_operator.cli import app as program
from faceledger_operator.cli.app import app
from faceledger_operator.cli.cluster import Cluster
from faceledger_operator.cli.errors import CommandError
from requests.adapters import BaseAdapter
from typer.testing import CliRunner

API = "https://api.example.org"
OWN = "/apis/faceledger.dev/v1alpha1/namespaces/people"
PODS = "/api/v1/namespaces/people/pods"
EVENTS = "/api/v1/namespaces/people/events"

Body = dict[str, Any]


def condition(kind: str, status: str, reason: str, message: str = "") -> Body:
    since = "2026-01-02T03:04:05Z"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def job(name: str = "front-door", annotations: Body | None = None, **status: Any) -> Body:
    metadata = {"name": name, "namespace": "people", "uid": f"uid-{name}", "generation": 1}
    return {
        "kind": "RecognitionJob",
        "metadata": {**metadata, "annotations": annotations or {}},
        "spec": {},
        "status": {"observedGeneration": 1, **status},
    }


RUNNING = job(
    attempt={"name": "front-door-abc-1", "startTime": "2026-01-02T03:04:05Z"},
    progress={"percent": "40%", "stage": "encoding"},
    conditions=[
        condition("Ready", "False", "Running", "encoding: 4 of 10"),
        condition("Reconciling", "True", "Running", "encoding: 4 of 10"),
    ],
)
STALLED = job(conditions=[condition("Ready", "False", "SourceEmpty", "no image"), condition("Stalled", "True", "x")])
DONE = job(
    conditions=[condition("Ready", "True", "Succeeded", "8 of 10 identified")],
    identified=8,
    calibration={"threshold": "0.93"},
    artefacts=[{"name": "results.jsonl", "uri": "ipfs://b"}],
    commitment={"state": "Finalized", "receipt": "front-door-receipt"},
)
SHARED = job(attempt={"name": "front-door-abc-1", "cluster": "warm"})
PAUSED = job(
    annotations={"faceledger.dev/reconcile": "disabled"},
    conditions=[condition("Ready", "False", "ReconciliationPaused", "paused")],
)


class ApiServer(BaseAdapter):
    """Objects by path; a path that ends a collection lists those below it. Patches are kept in `sent`."""

    def __init__(self, objects: dict[str, Any]) -> None:
        super().__init__()
        self.objects = objects
        self.sent: list[Body] = []

    def send(self, request: Any, **_: Any) -> requests.Response:
        parts = urlsplit(request.url)
        if request.method == "PATCH":
            self.sent.append(json.loads(request.body))
        return _response(self._found(parts.path, parse_qs(parts.query)))

    def _found(self, path: str, query: dict[str, list[str]]) -> Any:
        if path in self.objects:
            return self.objects[path]
        items = [body for place, body in self.objects.items() if place.rpartition("/")[0] == path]
        for wanted in query.get("labelSelector", [""])[0].split(",") if "labelSelector" in query else ():
            name, _, value = wanted.partition("=")
            items = [body for body in items if body["metadata"].get("labels", {}).get(name) == value]
        collection = path.rpartition("/")[2] in {"facedatasets", "recognitionjobs", "ledgerbindings", "pods", "events"}
        return {"items": items} if collection else None

    def close(self) -> None:
        pass


def _response(found: Any) -> requests.Response:
    response = requests.Response()
    response.status_code = 404 if found is None else 200
    text = found if isinstance(found, str) else json.dumps(found or {"message": "no"})
    response.raw = BytesIO(text.encode())
    return response


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    """An API server with one running job, which tests replace."""
    server, session = ApiServer({f"{OWN}/recognitionjobs/front-door": RUNNING}), requests.Session()
    session.mount(API, server)
    monkeypatch.setattr(Cluster, "connect", lambda *_: Cluster(API, session, "people"))
    return server


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=True)
    if isinstance(done.exception, CommandError):
        return f"error: {done.exception}"
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("target", ["front-door", "recognitionjob/front-door", "recjob/front-door"])
def test_a_resource_is_named_alone_or_with_its_kind(server: ApiServer, target: str) -> None:
    assert "recognitionjob/front-door in people: Reconciling" in run("status", target)


def test_a_name_that_two_kinds_share_is_asked_back(server: ApiServer) -> None:
    server.objects[f"{OWN}/facedatasets/front-door"] = {**job(), "kind": "FaceDataset"}
    answer = run("pause", "front-door")
    assert answer == "error: front-door is the name of several: say facedataset/front-door or recognitionjob/front-door"
    assert server.sent == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("status", "nobody"), "there is no nobody in namespace people", id="a name that nobody has"),
        pytest.param(("status", "pod/x"), "expected facedataset/NAME or recognitionjob/NAME", id="a foreign kind"),
        pytest.param(
            ("status", "recjob/x"), "there is no RecognitionJob x in namespace people", id="a kind and a name"
        ),
        pytest.param(("results", "lbind/x", "-o", "out"), "expected facedataset/NAME", id="a kind without results"),
    ],
)
def test_what_is_not_there_is_said(server: ApiServer, arguments: tuple[str, ...], words: str) -> None:
    assert words in run(*arguments)


def test_the_story_is_told_in_order(server: ApiServer) -> None:
    for name, time, reason in (("b", "2026-01-02T03:05:00Z", "Running"), ("a", "2026-01-02T03:04:00Z", "Starting")):
        event = {"metadata": {"name": name}, "eventTime": time, "reason": reason, "message": reason.lower()}
        server.objects[f"{EVENTS}/{name}"] = event
    document = json.loads(run("status", "front-door", "--json"))
    assert [event["reason"] for event in document["events"]] == ["Starting", "Running"]
    shown = run("status", "front-door")
    assert shown.index("Starting") < shown.index("01-02 03:05:00")


def test_a_program_reads_how_all_resources_stand(server: ApiServer) -> None:
    server.objects[f"{OWN}/facedatasets/staff"] = job("staff")
    documents = json.loads(run("status", "--json"))
    assert [(one["kind"], one["name"], one["state"]) for one in documents] == [
        ("FaceDataset", "staff", "New"),
        ("RecognitionJob", "front-door", "Reconciling"),
    ]
    assert documents[1]["progress"]["percent"] == "40%"
    assert "40%, encoding" in run("status")


def test_a_status_of_an_earlier_spec_is_not_told_as_the_present_one(server: ApiServer) -> None:
    edited = {**DONE, "metadata": {**DONE["metadata"], "generation": 2}}
    server.objects[f"{OWN}/recognitionjobs/front-door"] = edited
    assert json.loads(run("status", "front-door", "--json"))["state"] == "New"


def test_the_log_is_that_of_the_newest_submitter(server: ApiServer) -> None:
    labels = {"batch.kubernetes.io/job-name": "front-door-abc-1"}
    for name, created in (("old", "2026-01-02T03:04:05Z"), ("new", "2026-01-02T03:05:05Z")):
        metadata = {"name": name, "creationTimestamp": created, "labels": labels}
        server.objects[f"{PODS}/{name}"] = {"metadata": metadata, "status": {"phase": "Running"}}
    server.objects[f"{PODS}/new/log"] = "one\ntwo\n"
    assert run("logs", "front-door") == "one\ntwo\n"
    first = json.loads(run("logs", "front-door", "--json").splitlines()[0])
    assert first == {"attempt": "front-door-abc-1", "pod": "new", "line": "one"}


@pytest.mark.parametrize(
    ("body", "pod", "words"),
    [
        pytest.param(STALLED, None, "has no attempt yet", id="nothing was started"),
        pytest.param(SHARED, None, "the shared RayCluster warm", id="a cluster that is shared"),
        pytest.param(RUNNING, None, "its pods were removed", id="the pods are gone"),
        pytest.param(
            RUNNING, {"faceledger.dev/attempt": "front-door-abc-1"}, "was not submitted", id="a cluster alone"
        ),
        pytest.param(RUNNING, {"batch.kubernetes.io/job-name": "front-door-abc-1"}, "has not started", id="it waits"),
    ],
)
def test_a_log_that_is_not_there_is_explained(server: ApiServer, body: Body, pod: Body | None, words: str) -> None:
    server.objects[f"{OWN}/recognitionjobs/front-door"] = body
    if pod:
        metadata = {"name": "x", "creationTimestamp": "2026-01-02T03:04:05Z", "labels": pod}
        server.objects[f"{PODS}/x"] = {"metadata": metadata, "status": {"phase": "Pending"}}
    assert words in run("logs", "front-door")


def test_a_report_shows_the_figures_of_a_result_and_nothing_before_there_is_one(server: ApiServer) -> None:
    assert "has no result yet; it is Reconciling: encoding: 4 of 10" in run("report", "front-door")
    server.objects[f"{OWN}/recognitionjobs/front-door"] = DONE
    document = json.loads(run("report", "front-door", "--json"))
    assert document["result"] == {"identified": 8}
    assert document["calibration"] == {"threshold": "0.93"}
    shown = run("report", "front-door")
    assert "results.jsonl uri" in shown
    assert "front-door-receipt" in shown


@pytest.mark.parametrize(
    ("command", "body", "patch", "words"),
    [
        pytest.param("pause", RUNNING, {"faceledger.dev/reconcile": "disabled"}, "paused; what runs", id="pause"),
        pytest.param("pause", PAUSED, None, "was paused already", id="pause twice"),
        pytest.param("resume", PAUSED, {"faceledger.dev/reconcile": None}, "resumed", id="resume"),
        pytest.param("resume", RUNNING, None, "was not paused", id="resume what runs"),
        pytest.param("retry", DONE, None, "error: recognitionjob/front-door is Ready", id="retry what is done"),
        pytest.param("retry", PAUSED, None, "is paused; resume it first", id="retry what is paused"),
    ],
)
def test_an_intervention(server: ApiServer, command: str, body: Body, patch: Body | None, words: str) -> None:
    server.objects[f"{OWN}/recognitionjobs/front-door"] = body
    assert words in run(command, "front-door")
    assert server.sent == ([{"metadata": {"annotations": patch}}] if patch else [])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(STALLED, "another try was asked for", id="what has failed"),
        pytest.param(RUNNING, "should this attempt fail; it is Running now", id="what runs"),
    ],
)
def test_a_retry_is_a_new_value_of_the_annotation(server: ApiServer, body: Body, words: str) -> None:
    server.objects[f"{OWN}/recognitionjobs/front-door"] = body
    assert words in json.loads(run("retry", "front-door", "--json"))["outcome"]
    ((name, value),) = server.sent[0]["metadata"]["annotations"].items()
    assert name == "faceledger.dev/reconcile-requested-at"
    assert value.endswith("+00:00")


def test_an_error_is_one_line_and_exit_status_1(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/local/bin/kubectl-faceledger", "logs", "nobody"])
    with pytest.raises(SystemExit, match="1"):
        program.main()
    assert capsys.readouterr().err.startswith("faceledger: there is no nobody in namespace people")
