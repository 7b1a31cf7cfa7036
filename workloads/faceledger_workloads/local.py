"""Runs on a machine of one's own: the same work as on a cluster, without Kubernetes, ledger, IPFS or keys.

In: a run file (JSON) of few fields, its paths relative to its own folder. Out: a `Plan`: the run, where its files go
and who does the work. Invariant: what a local run finds is what a cluster finds for the same photos and settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, assert_never

from faceledger_contracts.values import Frozen
from pydantic import Field, TypeAdapter, ValidationError

from faceledger_workloads.failures import RunFailed
from faceledger_workloads.runreport import REPORT_KEY, FailureReason, RunReport
from faceledger_workloads.runspec import (
    DatasetRun,
    DatasetWork,
    Gallery,
    Images,
    Preprocessing,
    RecognitionRun,
    RecognitionWork,
    Subject,
    Synthesis,
    Workers,
)
from faceledger_workloads.vault import Vault, read_data_key

__all__ = ["LocalDataset", "LocalRecognition", "Plan", "plan_run", "read_run"]

NOBODY = "0x" + "00" * 20
"""The contract of a run that is committed nowhere."""


class _Local(Frozen):
    """`name`: of the folder below `output` that the results go to. `data_key_file`: a file with 32 bytes that encrypt
    the results; without one they lie open. `workers`: Ray actors; 0 does the work in one process, without Ray."""

    name: str = Field(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")
    output: str
    purpose: str = "Research"
    data_key_file: str | None = None
    workers: int = Field(default=0, ge=0, le=1000)
    threads: int = Field(default=1, ge=1)
    """Of each worker."""
    gpu: bool = False


class LocalDataset(DatasetWork, _Local):
    """Photos of people, to be enrolled."""

    kind: Literal["FaceDataset"] = "FaceDataset"
    preprocessing: Preprocessing = Preprocessing(size=150)


class LocalGallery(Frozen):
    """The folder that a local `FaceDataset` run left behind."""

    path: str
    use_synthetic_cohort: bool = True


class LocalRecognition(RecognitionWork, _Local):
    """Photos of people, to be recognised."""

    kind: Literal["RecognitionJob"] = "RecognitionJob"
    gallery: LocalGallery


@dataclass(frozen=True)
class Plan:
    """What is done, where its files go, and by how many Ray actors; 0: by this process."""

    run: DatasetRun | RecognitionRun
    vault: Vault
    actors: int


def read_run(text: bytes) -> LocalDataset | LocalRecognition:
    """Reads a run file; a pydantic `ValidationError` names each wrong field."""
    return _RUN.validate_json(text)


def plan_run(local: LocalDataset | LocalRecognition, folder: Path) -> Plan:
    """`folder`: what the paths are relative to. Raises `RunFailed` naming the field."""
    output = folder / local.output
    key = None
    if local.data_key_file is not None:
        key = read_data_key(str(folder / local.data_key_file), "dataKeyFile")
    run: DatasetRun | RecognitionRun
    match local:
        case LocalDataset():
            work = _shared(DatasetWork, local)
            work |= {"source": _below(folder, local.source), "synthesis": _synthesis(folder, local.synthesis)}
            run = DatasetRun(**_nowhere(local, output), **work)
        case LocalRecognition():
            work = _shared(RecognitionWork, local)
            work |= {"probes": _below(folder, local.probes), "gallery": _gallery(folder, local.gallery)}
            run = RecognitionRun(**_nowhere(local, output), **work)
        case _:
            assert_never(local)
    return Plan(run, Vault(output, key, local.purpose), local.workers)


def _shared(work: type[Frozen], local: _Local) -> dict[str, Any]:
    """The fields of `work`, which a run has in both places."""
    return {name: getattr(local, name) for name in work.model_fields}


def _nowhere(local: _Local, output: Path) -> dict[str, Any]:
    """The fields that only a cluster gives a meaning to, and those that both have."""
    kind = "FaceDataset" if isinstance(local, LocalDataset) else "RecognitionJob"
    return {
        "attempt": local.name,
        "subject": Subject(kind=kind, namespace="", name=local.name, uid=local.name, generation=0),
        "purpose": local.purpose,
        "chain_id": 1,
        "contract": NOBODY,
        "ipfs_apis": (),
        "image_digest": "",
        "report_config_map": "",
        "data_key_file": "",
        "output": str(output),
        "workers": Workers(min=0, max=max(1, local.workers), cpu=Decimal(local.threads), gpu=int(local.gpu)),
    }


def _below(folder: Path, images: Images) -> Images:
    return images.model_copy(update={"path": str(folder / images.path)})


def _synthesis(folder: Path, synthesis: Synthesis | None) -> Synthesis | None:
    if synthesis is None or synthesis.checkpoint is None or synthesis.checkpoint.path is None:
        return synthesis
    checkpoint = synthesis.checkpoint.model_copy(update={"path": str(folder / synthesis.checkpoint.path)})
    return synthesis.model_copy(update={"checkpoint": checkpoint})


def _gallery(folder: Path, gallery: LocalGallery) -> Gallery:
    """With the digests that the data set's own report tells."""
    path = folder / gallery.path
    try:
        report = RunReport.model_validate_json((path / REPORT_KEY).read_bytes())
    except (OSError, ValidationError) as error:
        message = f"gallery.path {gallery.path} is no folder that a FaceDataset run finished: {type(error).__name__}"
        raise RunFailed(FailureReason.GALLERY_CHANGED, message) from error
    digests = {artefact.name: artefact.digest for artefact in report.artefacts}
    if not {"manifest.jsonl", "faces.tar"} <= digests.keys():
        message = f"gallery.path {gallery.path}: its run has state {report.state} and left no manifest and faces"
        raise RunFailed(FailureReason.GALLERY_CHANGED, message)
    return Gallery(
        path=str(path),
        manifest_digest=digests["manifest.jsonl"],
        faces_digest=digests["faces.tar"],
        use_synthetic_cohort=gallery.use_synthetic_cohort,
    )


_RUN: TypeAdapter[LocalDataset | LocalRecognition] = TypeAdapter(
    Annotated[LocalDataset | LocalRecognition, Field(discriminator="kind")]
)
