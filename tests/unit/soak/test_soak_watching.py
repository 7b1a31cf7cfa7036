"""What a soak notes of the objects that it watches."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from soak.watching import Log, needles_of


class Clock:
    """A second for each look."""

    time = 0.0

    def __call__(self) -> float:
        self.time += 1
        return self.time


def rayjob(state: str = "", **metadata: Any) -> dict[str, Any]:
    labels = {"faceledger.dev/subject-uid": "uid-staff"}
    return {
        "metadata": {"name": "staff-1", "uid": "uid-1", "labels": labels} | metadata,
        "status": {"jobDeploymentStatus": state},
    }


def dataset(*conditions: tuple[str, str, str], **status: Any) -> dict[str, Any]:
    listed = [{"type": type_, "status": value, "reason": reason} for type_, value, reason in conditions]
    return {"metadata": {"name": "staff", "uid": "uid-staff"}, "status": {"conditions": listed} | status}


@pytest.mark.parametrize(
    ("body", "gone"),
    [
        pytest.param(rayjob("Complete"), False, id="it is complete"),
        pytest.param(rayjob("Failed"), False, id="it has failed"),
        pytest.param(rayjob("Running", deletionTimestamp="2026-01-01T00:00:00Z"), False, id="it is told to go"),
        pytest.param(rayjob("Running"), True, id="it is gone"),
    ],
)
def test_a_run_ends_when(body: dict[str, Any], gone: bool) -> None:
    log = Log(Clock())
    log.note("RayJob", rayjob("Running"))
    assert log.runs["uid-1"].end is None
    log.note("RayJob", body, gone=gone)
    end = log.runs["uid-1"].end
    assert end is not None
    log.note("RayJob", body, gone=True)
    assert log.runs["uid-1"].end == end


def test_a_run_that_went_unseen_ends_when_that_is_noticed() -> None:
    log = Log(Clock())
    log.note("RayJob", rayjob("Running"))
    log.forget_others("RayJob", ["another"])
    assert log.runs["uid-1"].end is not None


def test_only_what_changes_is_a_transition() -> None:
    log = Log(Clock())
    log.note("FaceDataset", dataset(("Ready", "False", "Starting"), ("Reconciling", "True", "Starting")))
    log.note("FaceDataset", dataset(("Ready", "False", "Starting"), ("Reconciling", "True", "Starting")))
    log.note("FaceDataset", dataset(("Ready", "True", "Succeeded")))
    seen = {(one.type, one.status, one.reason) for one in log.transitions}
    assert seen == {
        ("Ready", "False", "Starting"),
        ("Reconciling", "True", "Starting"),
        ("Ready", "True", "Succeeded"),
        ("Reconciling", "", ""),
    }
    assert len(log.transitions) == 4


def test_a_result_on_its_way_to_the_chain_is_submitted() -> None:
    log = Log(Clock())
    log.note("FaceDataset", dataset(attempt={"name": "staff-1"}))
    assert log.submitted == set()
    log.note("FaceDataset", dataset(attempt={"name": "staff-1"}, commitment={"state": "Pending"}))
    assert log.submitted == {"staff-1"}


def secret(name: str, value: bytes) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"key": base64.b64encode(value).decode()}}


def test_a_secret_is_looked_for_in_every_spelling() -> None:
    key = bytes(range(32))
    assert {key.hex(), base64.b64encode(key).decode()} <= needles_of(secret("staff-data-key", key))
    assert key.hex() in needles_of(secret("staff-1-run-key", f"0x{key.hex()}".encode()))
    assert key.hex() in needles_of(secret("consortium-rpc", f"https://user:{key.hex()}@node/".encode()))


def test_receipts_and_short_values_are_not_looked_for() -> None:
    assert needles_of(secret("staff-1-receipt", bytes(64))) == set()
    assert needles_of(secret("small", b"true")) == set()


def test_an_address_in_a_keystore_is_not_looked_for() -> None:
    keystore = json.dumps({"address": "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"})
    assert not any(needle.startswith("f39f") for needle in needles_of(secret("key", keystore.encode())))
