"""Subjects, attempts, reports and observations with sensible defaults, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from faceledger_operator.api.base import AttemptStatus
from faceledger_operator.ledger.content import ContentNodes
from faceledger_operator.ray.podfaults import PodView
from faceledger_operator.ray.pods import SecretItem
from faceledger_operator.ray.status import JobView
from faceledger_operator.reconcile.accounting import asked_for
from faceledger_operator.reconcile.facedataset import DatasetSubject
from faceledger_operator.reconcile.observation import Observation
from faceledger_operator.reconcile.plan import attempt_name, request_hash, spec_hash
from faceledger_operator.reconcile.recognitionjob import RecognitionSubject
from faceledger_operator.reconcile.report import SignedReport
from faceledger_operator.reconcile.subject import GalleryInput, Inputs
from faceledger_workloads.runreport import (
    Artefact,
    DatasetSummary,
    Failure,
    FailureReason,
    Progress,
    RecognitionSummary,
    RunReport,
    RunState,
)

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(seconds=100)
UID = "0f9c1e0a-7d7b-4c43-9d4f-7b0a6c2a1d11"
RUN_KEY = "0x1e43CbDf77B1Ea984622B8D0A21d9119Fb93A1B1"
CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
DIGEST = "sha256:" + "ab" * 32
SIGNATURE = "0x" + "11" * 65
LONGEST = "99999h999999m99999999s"

INPUTS = Inputs(
    image="faceledger/workloads:1",
    chain_id=1337,
    contract=CONTRACT,
    content=ContentNodes(("http://ipfs:5001",)),
    data_key=SecretItem("staff-data-key", "key"),
)

GALLERY = GalleryInput(
    attempt="staff-0123456789-1",
    purpose="AccessControl",
    manifest_digest=DIGEST,
    faces_digest="sha256:" + "cd" * 32,
    output_claim="faceledger",
    output_path="/results",
    folder="staff-0123456789-1",
)

DATASET_SPEC: dict[str, Any] = {
    "source": {"persistentVolumeClaim": {"claimName": "staff-photos", "path": "/2026"}},
    "privacy": {"purpose": "AccessControl"},
    "output": {"persistentVolumeClaim": {"claimName": "faceledger", "path": "/results"}},
    "ledgerRef": {"name": "consortium"},
}

JOB_SPEC: dict[str, Any] = {
    "galleryRef": {"name": "staff"},
    "probes": {"persistentVolumeClaim": {"claimName": "camera"}},
    "ledgerRef": {"name": "consortium"},
}

SUMMARY = DatasetSummary(images=600, real=200, synthetic=400, identities=40, rejected={"NoFaceFound": 3})

MANIFEST = Artefact(
    name="manifest.jsonl", digest=DIGEST, size=9, cid="bafkreiby44jvlsag2osb5j6xo2t4yc", path="a/manifest.jsonl.enc"
)


def merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `overrides` laid over it, mapping by mapping."""
    result = deepcopy(dict(base))
    for key, value in overrides.items():
        inner = result.get(key)
        result[key] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return result


def body(kind: str, name: str, spec: Mapping[str, Any], **metadata: Any) -> dict[str, Any]:
    """A custom resource as the API server stores it."""
    return {
        "apiVersion": "faceledger.dev/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "demo",
            "uid": UID,
            "generation": 1,
            "resourceVersion": "7",
            **metadata,
        },
        "spec": dict(spec),
        "status": {"observedGeneration": -1},
    }


def dataset(name: str = "staff", status: Mapping[str, Any] | None = None, **spec: Any) -> DatasetSubject:
    """A FaceDataset; `metadata` among the overrides goes to its metadata."""
    metadata = spec.pop("metadata", {})
    made = body("FaceDataset", name, merged(DATASET_SPEC, spec), **metadata)
    subject = DatasetSubject.parse(made)
    if status is None:
        return subject
    changed = subject.resource.model_copy(update={"status": subject.status.model_copy(update=dict(status))})
    return DatasetSubject(changed)


def recognition(name: str = "front-door", **spec: Any) -> RecognitionSubject:
    metadata = spec.pop("metadata", {})
    return RecognitionSubject.parse(body("RecognitionJob", name, merged(JOB_SPEC, spec), **metadata))


def planned(subject: DatasetSubject | RecognitionSubject, inputs: Inputs = INPUTS, **fields: Any) -> AttemptStatus:
    """An attempt at the subject's present spec that was not started yet."""
    number = fields.pop("number", 1)
    hashed = spec_hash(subject, inputs, request_hash(subject.metadata))
    name = attempt_name(subject.metadata.name, hashed, number)
    usual = {"name": name, "number": number, "spec_hash": str(hashed), "asked": asked_for(subject.compute)}
    return AttemptStatus.model_validate({**usual, **fields})


def started(subject: DatasetSubject | RecognitionSubject, **fields: Any) -> AttemptStatus:
    return planned(subject, **{"run_key": RUN_KEY, "start_time": EARLIER, **fields})


def rayjob(attempt: AttemptStatus, **fields: Any) -> JobView:
    return replace(JobView(attempt.name, "job-uid", EARLIER, deployment="Running", job="RUNNING"), **fields)


def head_pod(attempt: AttemptStatus, **fields: Any) -> PodView:
    return replace(PodView(f"{attempt.name}-head", attempt.name, "head", "Running"), **fields)


def worker_pod(attempt: AttemptStatus, **fields: Any) -> PodView:
    return replace(PodView(f"{attempt.name}-worker", attempt.name, "worker", "Running"), **fields)


def observed(subject: DatasetSubject | RecognitionSubject, attempt: AttemptStatus | None, **fields: Any) -> Observation:
    """The subject with that attempt in its status."""
    status = subject.status.model_copy(update={"attempt": attempt, **fields.pop("status", {})})
    resource = subject.resource.model_copy(update={"status": status})
    return Observation(type(subject)(resource), **fields)  # type: ignore[arg-type]


def running(subject: DatasetSubject, **fields: Any) -> Observation:
    """An attempt under way: its RayJob runs, its head pod is there."""
    attempt = fields.pop("attempt", None) or started(subject)
    usual = {
        "jobs": (rayjob(attempt),),
        "pods": (head_pod(attempt),),
        "run": subject.run(INPUTS, attempt.name),
    }
    return observed(subject, attempt, **{**usual, **fields})


def report(state: RunState = RunState.RUNNING, done: int = 0, total: int = 0, **fields: Any) -> SignedReport:
    said = RunReport(
        attempt="any",
        state=state,
        progress=Progress(stage=fields.pop("stage", "detecting faces"), done=done, total=total),
        **fields,
    )
    return SignedReport(said, DIGEST, SIGNATURE)


def success(**fields: Any) -> SignedReport:
    usual: dict[str, Any] = {"summary": SUMMARY, "artefacts": (MANIFEST,), "results_root": "0x" + "22" * 32}
    return report(RunState.SUCCEEDED, 600, 600, **{**usual, **fields})


def failure(reason: FailureReason, message: str = "source.path: the folder is empty", retryable: bool = False) -> Any:
    return report(RunState.FAILED, failure=Failure(reason=reason, message=message, retryable=retryable))


def recognition_success(**fields: Any) -> RecognitionSummary:
    usual: dict[str, Any] = {
        "probes": 200,
        "identified": 197,
        "unknown": 3,
        "gallery_images": 600,
        "gallery_people": 40,
    }
    return RecognitionSummary(**{**usual, **fields})
