"""The main job: three resources become Ready, and what they committed convinces somebody who trusts nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from testbed.cluster import condition, until
from testbed.sandbox import Sandbox

FACELEDGER = Path(sys.executable).parent / "faceledger"

pytestmark = pytest.mark.timeout(420)


def faceledger(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run((str(FACELEDGER), *arguments), capture_output=True, text=True, check=False)


@pytest.fixture
def finished(ledger: Sandbox) -> Sandbox:
    """A namespace in which a data set with synthetic faces and a recognition job are Ready."""
    synthesis = {"checkpoint": {"bundled": "faces-64"}, "faces": 6, "seed": 7}
    ledger.apply(ledger.dataset(synthesis=synthesis), ledger.job())
    ledger.ready("LedgerBinding", "consortium", 90)
    ledger.ready("FaceDataset", "staff", 240)
    ledger.ready("RecognitionJob", "front-door", 240)
    return ledger


def test_people_are_identified_committed_verified_and_then_left_alone(finished: Sandbox, tmp_path: Path) -> None:
    namespace = finished.namespace
    dataset = finished.get("FaceDataset", "staff")
    job = finished.get("RecognitionJob", "front-door")
    assert dataset is not None
    assert job is not None

    status = job["status"]
    assert status["commitment"]["state"] == "Finalized"
    assert status["probes"] == 6 * 5 + 2 * 10
    assert status["identified"] + status["unknown"] + status["rejected"] == status["probes"]
    assert status["rank1"] >= "0.9"
    assert status["unenrolledAccepted"] <= 1
    assert dataset["status"]["real"] >= 6 * 3 - 1
    assert dataset["status"]["synthetic"] + dataset["status"]["rejected"] >= 6

    _results_are_what_status_says(job, namespace, tmp_path)
    _verification_convinces(namespace, tmp_path)
    _nothing_of_the_attempt_is_left_but_its_rayjob(finished, job["metadata"]["uid"])
    _applying_the_same_again_writes_nothing(finished)


def _results_are_what_status_says(job: dict, namespace: str, folder: Path) -> None:  # type: ignore[type-arg]
    done = faceledger("results", "recognitionjob/front-door", "-n", namespace, "-o", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert len(lines) == job["status"]["probes"]
    assert sum(line["outcome"] == "Identified" for line in lines) == job["status"]["identified"]
    assert not any("candidates" in line for line in lines), "similarity scores are left out unless asked for"
    assert (folder / "contact-sheet.png").read_bytes().startswith(b"\x89PNG")


def _verification_convinces(namespace: str, folder: Path) -> None:
    for resource in ("facedataset/staff", "recognitionjob/front-door"):
        done = faceledger("verify", resource, "-n", namespace)
        assert done.returncode == 0, done.stdout + done.stderr

    tampered = folder / "tampered.jsonl"
    content = bytearray((folder / "results.jsonl").read_bytes())
    content[len(content) // 2] ^= 1
    tampered.write_bytes(content)
    artefact = f"results.jsonl={tampered}"
    done = faceledger("verify", "recognitionjob/front-door", "-n", namespace, "--artefact", artefact, "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    (checked,) = json.loads(done.stdout)["receipts"]
    assert checked["failed"] == ["copy of results.jsonl"]


def _nothing_of_the_attempt_is_left_but_its_rayjob(sandbox: Sandbox, uid: str) -> None:
    def only_rayjob() -> bool:
        kinds = {name.split("/")[0] for name in sandbox.attempt_objects(uid)}
        return kinds <= {"RayJob", "Secret"} and not sandbox.cluster.list(
            "RayCluster", sandbox.namespace, api_version="ray.io/v1"
        )

    until("the attempt's objects are gone", only_rayjob, 90, lambda: sandbox.attempt_objects(uid), every=1)
    left = [name for name in sandbox.attempt_objects(uid) if name.startswith("Secret/")]
    assert all(name.endswith("-receipt") for name in left), left


def _applying_the_same_again_writes_nothing(sandbox: Sandbox) -> None:
    resources = (("LedgerBinding", "consortium"), ("FaceDataset", "staff"), ("RecognitionJob", "front-door"))
    synthesis = {"checkpoint": {"bundled": "faces-64"}, "faces": 6, "seed": 7}

    def versions() -> list[str]:
        found = [sandbox.get(kind, name) for kind, name in resources]
        return [resource["metadata"]["resourceVersion"] for resource in found if resource]

    sandbox.apply(sandbox.dataset(synthesis=synthesis), sandbox.job(), sandbox.binding({}))
    before = versions()
    with pytest.raises(AssertionError, match="a write"):
        until("a write", lambda: versions() != before, 60, every=2)


def test_status_and_events_tell_each_step_of_a_resource_whose_name_is_as_long_as_can_be(sandbox: Sandbox) -> None:
    name = "n" * 63
    sandbox.with_ledger()
    sandbox.with_photographs(people=2, photos=2, strangers=0)
    sandbox.apply(sandbox.dataset(name))
    working = sandbox.cluster.wait_for("FaceDataset", name, sandbox.namespace, _is_reconciling, 30, "reconciles")
    assert condition(working, "Ready")["status"] != "True"
    done = sandbox.ready("FaceDataset", name, 240)
    assert done["status"]["observedGeneration"] == done["metadata"]["generation"]
    assert {c["type"] for c in done["status"]["conditions"]} == {"Ready", "Synthesized", "Committed"}
    reasons = {event["reason"] for event in sandbox.cluster.events(name, sandbox.namespace)}
    assert {"AttemptStarted", "Succeeded"} <= reasons
    assert all(len(job["metadata"]["name"]) <= 47 for job in sandbox.rayjobs())


def _is_reconciling(resource: dict) -> bool:  # type: ignore[type-arg]
    return bool(condition(resource, "Reconciling")["status"])
