"""What a Prometheus and a reader of logs learn of passes, requests and attempts."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog
from faceledger_contracts.trace import trace_id_of
from faceledger_operator import logs, metrics
from faceledger_operator.kube.api import Kube
from faceledger_operator.kube.errors import ApiConflictError, ApiUnavailableError
from faceledger_operator.kube.kinds import FACE_DATASET, POD
from faceledger_operator.reconcile import engine as engines
from faceledger_operator.reconcile.engine import Engine
from kubernetes.aio.client import ApiClient, Configuration


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_pass_is_timed_its_error_counted_and_who_waits_for_one_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "PLACES", 1)
    entered, go_on, kind = asyncio.Event(), asyncio.Event(), FACE_DATASET.kind
    before = value("faceledger_reconcile_duration_seconds_count", kind=kind)

    async def look(_: str, name: str) -> None:
        entered.set()
        await go_on.wait()
        if name == "second":
            raise ApiConflictError("changed")

    async with Engine({FACE_DATASET: look}, jitter=lambda: 1.0) as engine:
        engine.wake(FACE_DATASET, "people", "first")
        engine.wake(FACE_DATASET, "people", "second")
        await asyncio.wait_for(entered.wait(), 5)
        await asyncio.sleep(0)
        assert value("faceledger_queue_depth", kind=kind) == 1
        go_on.set()
        async with asyncio.timeout(5):
            while value("faceledger_reconcile_duration_seconds_count", kind=kind) < before + 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
    assert value("faceledger_queue_depth", kind=kind) == 0
    assert value("faceledger_reconcile_errors_total", kind=kind, error="ApiConflictError") >= 1


async def test_a_request_without_an_answer_is_counted_as_code_0() -> None:
    before = value("faceledger_api_request_duration_seconds_count", verb="GET", code="0")
    kube = Kube(ApiClient(Configuration(host="http://127.0.0.1:1")))
    with pytest.raises(ApiUnavailableError):
        await kube.get(POD, "people", "x")
    await kube.close()
    assert value("faceledger_api_request_duration_seconds_count", verb="GET", code="0") == before + 1


def test_resources_are_counted_by_how_they_stand_and_forgotten_when_they_go() -> None:
    metrics.set_resource("FaceDataset", "counted", "a", "Stalled")
    metrics.set_resource("FaceDataset", "counted", "b", "Stalled")
    metrics.set_resource("FaceDataset", "counted", "a", "Ready")
    labels = {"kind": "FaceDataset", "namespace": "counted"}
    assert value("faceledger_resources", **labels, state="Stalled") == 1
    assert value("faceledger_resources", **labels, state="Ready") == 1
    for name in ("a", "b"):
        metrics.forget_resource("FaceDataset", "counted", name)
    assert 'namespace="counted"' not in metrics.render().decode()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What would be on standard output."""
    stream, root = StringIO(), logging.getLogger()
    monkeypatch.setattr("sys.stdout", stream)
    handlers, level = list(root.handlers), root.level
    logs.configure_logs("INFO")
    yield stream
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_each_line_about_an_attempt_carries_its_trace(written: StringIO) -> None:
    log = structlog.get_logger("faceledger")
    logs.bind_attempt("front-door-abc-1")
    log.info("attempt started")
    logs.bind_attempt(None)
    log.info("something else")
    first, second = (json.loads(line) for line in written.getvalue().splitlines())
    assert first["trace_id"] == trace_id_of("front-door-abc-1")
    assert first["attempt"] == "front-door-abc-1"
    assert "trace_id" not in second


def test_a_trace_id_is_one_of_the_w3c_and_differs_between_attempts() -> None:
    assert re.fullmatch("[0-9a-f]{32}", trace_id_of("a-1"))
    assert trace_id_of("a-1") != trace_id_of("a-2")
