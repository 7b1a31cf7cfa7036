"""What FaceDataset and RecognitionJob have in common for whoever runs them: both are subjects of attempts.

In: a custom resource. Out: what it refers to, what its run is asked to do, how its result reads. Invariant: a subject
is frozen and knows no client; everything that it does not say itself comes as `Inputs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from faceledger_workloads.runreport import Artefact, DatasetSummary, RecognitionSummary
from faceledger_workloads.runspec import DatasetRun, RecognitionRun

from ..api.base import ArtefactStatus, Compute, ObjectMeta
from ..api.conditions import ConditionType, RunReason
from ..api.facedataset import FaceDatasetStatus
from ..api.recognitionjob import RecognitionJobStatus
from ..kube.kinds import Kind
from ..ledger.content import ContentNodes
from ..ray.pods import ClaimMount, SecretItem

__all__ = [
    "ClaimReference",
    "GalleryInput",
    "Inputs",
    "Missing",
    "References",
    "Run",
    "SecretReference",
    "Status",
    "Subject",
    "Summary",
    "artefact_status",
]

Run = DatasetRun | RecognitionRun
Status = FaceDatasetStatus | RecognitionJobStatus
Summary = DatasetSummary | RecognitionSummary


@dataclass(frozen=True)
class ClaimReference:
    """A PersistentVolumeClaim and the field that names it."""

    field: str
    name: str


@dataclass(frozen=True)
class SecretReference:
    """A key of a Secret and the field that names it."""

    field: str
    item: SecretItem


@dataclass(frozen=True)
class References:
    """What must be there before an attempt can start. `data_key` is None where the operator makes it (`own_key`) or
    where it is the gallery's."""

    ledger: str
    claims: tuple[ClaimReference, ...]
    gallery: str | None = None
    data_key: SecretReference | None = None
    own_key: SecretItem | None = None


@dataclass(frozen=True)
class GalleryInput:
    """A FaceDataset whose manifest is known: where its files are, and the digests that they must have."""

    attempt: str
    purpose: str
    manifest_digest: str
    faces_digest: str
    output_claim: str
    output_path: str
    folder: str


@dataclass(frozen=True)
class Inputs:
    """What an attempt is fixed to when it starts, besides the spec: what was found behind its references."""

    image: str
    chain_id: int
    contract: str
    content: ContentNodes
    data_key: SecretItem
    gallery: GalleryInput | None = None


@dataclass(frozen=True)
class Missing:
    """Why an attempt cannot start; `stalled` where a person must act."""

    reason: RunReason
    message: str
    stalled: bool


class Subject(Protocol):
    """A resource that attempts are made for."""

    @property
    def kind(self) -> Kind: ...

    @property
    def metadata(self) -> ObjectMeta: ...

    @property
    def status(self) -> Status: ...

    @property
    def fresh_status(self) -> Status:
        """The status of a resource for which nothing was done."""
        ...

    @property
    def compute(self) -> Compute: ...

    @property
    def spec_text(self) -> str:
        """The whole spec as JSON: any change of it starts a new attempt."""
        ...

    @property
    def references(self) -> References: ...

    @property
    def milestones(self) -> tuple[ConditionType, ...]:
        """Conditions that turn True when the result is known."""
        ...

    def mounts(self, inputs: Inputs) -> tuple[ClaimMount, ...]: ...

    def run(self, inputs: Inputs, attempt: str) -> Run:
        """What the attempt is asked to do."""
        ...

    def with_result(self, status: Status, summary: Summary, artefacts: tuple[Artefact, ...]) -> Status:
        """The status with the counts and artefacts of a successful run."""
        ...

    def result_message(self, status: Status) -> str:
        """The result in a few words, for the MESSAGE column."""
        ...


def artefact_status(artefact: Artefact) -> ArtefactStatus:
    return ArtefactStatus(name=artefact.name, uri=f"ipfs://{artefact.cid}", digest=artefact.digest, path=artefact.path)
