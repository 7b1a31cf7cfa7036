"""The record of one attempt's result: what the ledger commits to.

In: the run as it was asked for, its signed report, its attempt. Out: the record and what the ledger needs besides.
Invariant: it is made of the snapshot that the attempt ran with, never of what the resources say now.
"""

from __future__ import annotations

from datetime import UTC

from faceledger_contracts.record import Artefact, Record, Subject

from ..api.base import AttemptStatus
from ..kube.api import Object
from ..ledger.ledger import PendingRecord
from .report import SignedReport
from .subject import Run

__all__ = ["build_record", "pending_record"]


def build_record(run: Run, signed: SignedReport, attempt: AttemptStatus) -> Record:
    """Of an attempt that has ended: its end is when the final report was seen. The image's reference stands for its
    digest where the pod was gone before that was seen."""
    assert attempt.run_key
    assert attempt.end_time
    report, subject = signed.report, run.subject
    return Record(
        subject=Subject(
            kind=subject.kind,
            namespace=subject.namespace,
            name=subject.name,
            uid=subject.uid,
            generation=subject.generation,
        ),
        attempt=run.attempt,
        purpose=run.purpose,
        run_key=attempt.run_key,
        report_digest=signed.digest,
        artefacts=tuple(
            Artefact(name=artefact.name, digest=artefact.digest, cid=artefact.cid, size=artefact.size)
            for artefact in report.artefacts
        ),
        results_root=report.results_root,
        model_digest=report.model_digest,
        image_digest=attempt.image_digest or run.image_digest,
        created=attempt.end_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def pending_record(record: Record, signed: SignedReport, owner: Object) -> PendingRecord:
    """`owner`: the owner reference that the receipt's Secret carries."""
    return PendingRecord(
        attempt=record.attempt,
        record=record,
        report_signature=signed.signature,
        run_key_secret=f"{record.attempt}-run-key",
        owner=owner,
    )
