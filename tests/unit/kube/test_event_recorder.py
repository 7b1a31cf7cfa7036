"""Events: one for each thing that happened, however often it is said and whoever says it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from faceledger_operator.kube.errors import ApiConflictError, ApiRefusedError, ApiUnavailableError
from faceledger_operator.kube.events import EventRecorder, build_event
from faceledger_operator.kube.kinds import FACE_DATASET

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
BODY = {"metadata": {"name": "staff", "namespace": "demo", "uid": "u", "resourceVersion": "7"}}


class EventApi:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.created: list[dict[str, Any]] = []
        self.asked = 0

    async def create(self, _: object, body: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        if self.error:
            raise self.error
        self.created.append(body)
        return body


def recorder(api: EventApi) -> EventRecorder:
    kube: Any = api
    return EventRecorder(kube, "operator-1", lambda: NOW)


async def test_an_event_says_what_the_api_asks_for() -> None:
    api = EventApi()
    await recorder(api).record(FACE_DATASET, BODY, "SourceEmpty", "the folder holds no image", "Warning")
    (event,) = api.created
    assert event["eventTime"] == "2026-01-02T12:00:00.000000Z"
    assert event["lastTimestamp"] == "2026-01-02T12:00:00Z"  # what `kubectl describe` sorts by
    assert (event["reason"], event["type"], event["action"]) == ("SourceEmpty", "Warning", "Reconcile")
    assert event["message"] == "the folder holds no image"
    assert event["involvedObject"]["uid"] == "u"
    assert event["metadata"]["namespace"] == "demo"


async def test_the_same_is_written_once_and_something_else_again() -> None:
    api = EventApi()
    found = recorder(api)
    for message in ("one", "one", "two", "one"):
        await found.record(FACE_DATASET, BODY, "Retrying", message)
    assert [event["message"] for event in api.created] == ["one", "two"]


async def test_another_process_gives_the_same_event_the_same_name() -> None:
    first, second = EventApi(), EventApi()
    for api in (first, second):
        await recorder(api).record(FACE_DATASET, BODY, "Retrying", "one")
    assert first.created[0]["metadata"]["name"] == second.created[0]["metadata"]["name"]
    adopted = EventApi(ApiConflictError("exists"))
    found = recorder(adopted)
    await found.record(FACE_DATASET, BODY, "Retrying", "one")
    await found.record(FACE_DATASET, BODY, "Retrying", "one")
    assert adopted.asked == 1


@pytest.mark.parametrize("error", [ApiUnavailableError("no answer"), ApiRefusedError(403, "forbidden")])
async def test_an_event_that_cannot_be_written_stops_nothing_and_is_tried_again(error: Exception) -> None:
    api = EventApi(error)
    found = recorder(api)
    await found.record(FACE_DATASET, BODY, "Retrying", "one")
    api.error = None
    await found.record(FACE_DATASET, BODY, "Retrying", "one")
    assert len(api.created) == 1


def test_a_long_note_is_cut_at_a_character() -> None:
    event = build_event(FACE_DATASET, BODY, "R", "ü" * 1000, "Normal", "Reconcile", "i", NOW)
    assert event["message"] == "ü" * 512
