"""What is decided about a subject, for everything that may be seen of it: one sentence a case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from faceledger_operator.api.base import AttemptStatus, CommitmentStatus, ProgressStatus
from faceledger_operator.api.conditions import RunReason
from faceledger_operator.kube.labels import RECONCILE, REQUESTED_AT
from faceledger_operator.ledger.ledger import Commitment
from faceledger_operator.ray.podfaults import FaultKind, PodFault
from faceledger_operator.ray.status import ClusterView
from faceledger_operator.reconcile.attempt import decide
from faceledger_operator.reconcile.children import anchor_of
from faceledger_operator.reconcile.decision import Decision, Start, Submit
from faceledger_operator.reconcile.observation import LedgerTrouble, Observation
from faceledger_operator.reconcile.outcome import conclude
from faceledger_operator.reconcile.report import RefusedReport
from faceledger_operator.reconcile.subject import Missing
from faceledger_workloads.runreport import FailureReason
from subject_builders import (
    DIGEST,
    EARLIER,
    INPUTS,
    NOW,
    dataset,
    failure,
    head_pod,
    observed,
    planned,
    rayjob,
    report,
    running,
    started,
    success,
    worker_pod,
)

STAFF = dataset()
EDITED = dataset(metadata={"generation": 2})
FIRST = started(STAFF)
COMMITTED = {"commitment": CommitmentStatus(state="Pending"), "real": 200, "synthetic": 400}
FINAL = {"commitment": CommitmentStatus(state="Finalized"), "real": 200, "synthetic": 400}
ENDED = FIRST.model_copy(update={"end_time": EARLIER})
BRIEF = dataset(compute={"ttlAfterFinished": "30s"})
BRIEFLY = started(BRIEF, end_time=NOW - timedelta(seconds=10))
SHARED = dataset(compute={"mode": "Shared"})
SHARING = started(SHARED, cluster="faceledger-0123")
STANDING = SHARING.model_copy(update={"name": "faceledger-0123"})
"""The labels of the standing cluster's pods."""


@dataclass(frozen=True)
class Case:
    """`says` is part of the message. `step`: the number of the attempt that starts, or `submit`. `removed`: kinds and
    names. `attempt`: fields of the attempt in the new status."""

    seen: Observation
    state: str | None
    reason: RunReason | None
    says: str = ""
    step: int | str | None = None
    removed: tuple[str, ...] = ()
    attempt: dict[str, Any] | None = None
    look_again: float | None = None


def missing(reason: RunReason, stalled: bool) -> Missing:
    return Missing(reason, f"the fault: {reason}", stalled)


def pausing(**fields: Any) -> AttemptStatus:
    return FIRST.model_copy(update={"end_time": EARLIER, "failures": 1, "retry_at": NOW, **fields})


def commitment(state: str, **fields: Any) -> Commitment:
    return Commitment(state=state, leaf="0x" + "33" * 32, **fields)  # type: ignore[arg-type]


def ended_job(attempt: AttemptStatus) -> Any:
    return rayjob(attempt, deployment="Complete", job="SUCCEEDED")


def fault(kind: FaultKind, message: str) -> Observation:
    pod = worker_pod(FIRST, phase="Pending", fault=PodFault(kind, message))
    return running(STAFF, jobs=(rayjob(FIRST, deployment="Initializing", job=""),), pods=(head_pod(FIRST), pod))


def refused_pod(message: str) -> Observation:
    cluster = ClusterView("c", "c-uid", FIRST.name, replica_failure=message)
    return running(STAFF, jobs=(rayjob(FIRST, deployment="Initializing", job=""),), pods=(), clusters=(cluster,))


def case(sentence: str, seen: Observation, *expected: Any, **more: Any) -> Any:
    return pytest.param(Case(seen, *expected, **more), id=sentence)


BEFORE = (
    case(
        "everything there starts the first attempt",
        observed(STAFF, None, inputs=INPUTS),
        "Reconciling",
        RunReason.STARTING,
        FIRST.name,
        step=1,
        attempt={"number": 1, "failures": 0},
    ),
    *(
        case(
            f"{reason} is named and stalls, and is looked at again",
            observed(STAFF, None, inputs=missing(reason, True)),
            "Stalled",
            reason,
            "the fault",
            look_again=3.0,
        )
        for reason in (
            RunReason.LEDGER_NOT_FOUND,
            RunReason.GALLERY_NOT_FOUND,
            RunReason.CLAIM_NOT_FOUND,
            RunReason.SECRET_NOT_FOUND,
        )
    ),
    *(
        case(
            f"{reason} only needs time",
            observed(STAFF, None, inputs=missing(reason, False)),
            "Reconciling",
            reason,
            "the fault",
            look_again=3.0,
        )
        for reason in (RunReason.LEDGER_NOT_READY, RunReason.GALLERY_NOT_READY)
    ),
    case(
        "an edited spec stops the old attempt first",
        observed(EDITED, FIRST, inputs=INPUTS, jobs=(rayjob(FIRST),)),
        "Reconciling",
        RunReason.PENDING,
        FIRST.name,
        removed=(f"RayJob {FIRST.name}",),
        look_again=1.0,
        attempt={"name": FIRST.name},
    ),
    case(
        "an edited spec stops the old attempt even where an input is missing",
        observed(EDITED, FIRST, inputs=missing(RunReason.CLAIM_NOT_FOUND, True), jobs=(rayjob(FIRST),)),
        "Stalled",
        RunReason.CLAIM_NOT_FOUND,
        removed=(f"RayJob {FIRST.name}",),
        look_again=3.0,
    ),
    case(
        "a RayJob whose start the status missed is kept while an input is missing",
        observed(
            STAFF,
            None,
            inputs=missing(RunReason.LEDGER_NOT_READY, False),
            jobs=(rayjob(FIRST),),
            leftovers=(anchor_of(FIRST.name),),
        ),
        "Reconciling",
        RunReason.LEDGER_NOT_READY,
        look_again=3.0,
    ),
    case(
        "the next attempt's RayJob is kept while an input is missing",
        observed(
            STAFF,
            pausing(),
            inputs=missing(RunReason.LEDGER_NOT_READY, False),
            jobs=(rayjob(started(STAFF, number=2)),),
        ),
        "Reconciling",
        RunReason.LEDGER_NOT_READY,
        look_again=3.0,
    ),
    case(
        "a deletion under way is not asked for twice",
        observed(EDITED, FIRST, inputs=INPUTS, jobs=(rayjob(FIRST, deleting=True),)),
        "Reconciling",
        RunReason.PENDING,
        look_again=1.0,
    ),
    case(
        "the pods of an old attempt are waited for",
        observed(EDITED, FIRST, inputs=INPUTS, pods=(head_pod(FIRST),)),
        "Reconciling",
        RunReason.PENDING,
        "pod",
        look_again=1.0,
    ),
    case(
        "a pod that has finished holds nothing up",
        observed(EDITED, FIRST, inputs=INPUTS, pods=(head_pod(FIRST, phase="Succeeded"),)),
        "Reconciling",
        RunReason.STARTING,
        step=1,
    ),
    case(
        "an orphaned Ray cluster of an old attempt is removed",
        observed(EDITED, FIRST, inputs=INPUTS, clusters=(ClusterView("c", "c-uid", FIRST.name),)),
        "Reconciling",
        RunReason.PENDING,
        removed=("RayCluster c",),
        look_again=1.0,
    ),
    case(
        "the keys of an old attempt go with its anchor before the next one starts",
        observed(EDITED, FIRST, inputs=INPUTS, leftovers=(anchor_of(FIRST.name),)),
        "Reconciling",
        RunReason.PENDING,
        removed=(f"ConfigMap {FIRST.name}-run",),
        look_again=1.0,
    ),
    case(
        "with everything old gone the edited spec starts its first attempt",
        observed(EDITED, FIRST, inputs=INPUTS),
        "Reconciling",
        RunReason.STARTING,
        step=1,
        attempt={"number": 1},
    ),
    case(
        "a result of the spec before the edit does not count",
        observed(EDITED, ENDED, inputs=INPUTS, status=FINAL),
        "Reconciling",
        RunReason.STARTING,
        step=1,
    ),
    case(
        "an attempt whose RayJob exists without the status knowing it is adopted",
        observed(STAFF, None, inputs=INPUTS, jobs=(rayjob(FIRST, deployment=""),)),
        "Reconciling",
        RunReason.STARTING,
        step=1,
        attempt={"name": FIRST.name},
    ),
    case(
        "a start that met trouble is taken again under the same name",
        observed(STAFF, planned(STAFF), inputs=INPUTS, leftovers=(anchor_of(FIRST.name),)),
        "Reconciling",
        RunReason.STARTING,
        step=1,
        attempt={"name": FIRST.name},
    ),
    case(
        "a paused resource starts nothing",
        observed(dataset(metadata={"annotations": {RECONCILE: "disabled"}}), None, paused=True),
        "Paused",
        RunReason.PAUSED,
    ),
    case("a paused resource keeps its final result", observed(STAFF, ENDED, paused=True, status=FINAL), None, None),
)

RUNNING = (
    case(
        "a RayJob without a report is starting",
        running(STAFF, jobs=(rayjob(FIRST, deployment="Initializing"),)),
        "Reconciling",
        RunReason.STARTING,
        FIRST.name,
    ),
    case(
        "a RayJob that KubeRay has not looked at yet is starting, and is looked at again",
        running(STAFF, jobs=(rayjob(FIRST, created=NOW - timedelta(seconds=20), deployment="", job=""),), pods=()),
        "Reconciling",
        RunReason.STARTING,
        "is starting",
        look_again=40.0,
    ),
    case(
        "a RayJob that KubeRay has not looked at for a minute says so",
        running(STAFF, jobs=(rayjob(FIRST, deployment="", job=""),), pods=()),
        "Reconciling",
        RunReason.STARTING,
        "since 11:58:20 UTC, and KubeRay has not looked at it",
    ),
    case(
        "a report of progress is shown",
        running(STAFF, report=report(done=120, total=200)),
        "Reconciling",
        RunReason.RUNNING,
        "detecting faces: 120 of 200",
    ),
    case(
        "the digest of what the head runs is kept",
        running(STAFF, pods=(head_pod(FIRST, image_digest=DIGEST), worker_pod(FIRST))),
        "Reconciling",
        RunReason.STARTING,
        attempt={"image_digest": DIGEST},
    ),
    case(
        "a digest that was seen stays when the head is gone",
        running(STAFF, attempt=FIRST.model_copy(update={"image_digest": DIGEST}), pods=(), report=success()),
        "Reconciling",
        RunReason.COMMITTING,
        step="submit",
        look_again=2.0,
        attempt={"image_digest": DIGEST},
    ),
    case(
        "an image that cannot be pulled is named",
        fault(FaultKind.IMAGE_PULL, "pod p, container c (img:1)"),
        "Reconciling",
        RunReason.IMAGE_PULL_FAILED,
        "img:1",
    ),
    case(
        "a pod without a node is named",
        fault(FaultKind.UNSCHEDULABLE, "pod p: Insufficient nvidia.com/gpu"),
        "Reconciling",
        RunReason.UNSCHEDULABLE,
        "nvidia.com/gpu",
    ),
    case(
        "a container that cannot be started is named",
        fault(FaultKind.START, "CreateContainerConfigError: no key"),
        "Reconciling",
        RunReason.POD_START_FAILED,
        "no key",
    ),
    case(
        "a quota that refuses a pod is named",
        refused_pod('pods "x" is forbidden: exceeded quota: small'),
        "Reconciling",
        RunReason.QUOTA_EXCEEDED,
        "small",
    ),
    case(
        "another refusal of a pod is named",
        refused_pod("admission webhook denied the request"),
        "Reconciling",
        RunReason.POD_START_FAILED,
        "webhook",
    ),
    case(
        "a report with another signature is refused and does not end the run",
        running(STAFF, report=RefusedReport("signed by 0xbad")),
        "Stalled",
        RunReason.REPORT_REFUSED,
        "0xbad",
    ),
    case(
        "a RayJob deleted by hand makes room for another attempt that costs nothing",
        running(STAFF, jobs=(), pods=()),
        "Reconciling",
        RunReason.RETRYING,
        "deleted",
        attempt={"failures": 0, "retry_at": NOW, "end_time": NOW},
        look_again=0.0,
    ),
    case(
        "a RayJob under deletion counts as deleted",
        running(STAFF, jobs=(rayjob(FIRST, deleting=True),)),
        "Reconciling",
        RunReason.RETRYING,
        attempt={"failures": 0},
        look_again=0.0,
    ),
    case(
        "a RayJob that KubeRay refuses stalls with KubeRay's words",
        running(STAFF, jobs=(rayjob(FIRST, deployment="ValidationFailed", job="", message="name too long"),)),
        "Stalled",
        RunReason.ATTEMPT_INVALID,
        "name too long",
        attempt={"end_time": NOW, "retry_at": None},
        look_again=0.0,
    ),
    case(
        "a head pod that is gone fails the attempt at once",
        running(STAFF, pods=(worker_pod(FIRST),)),
        "Reconciling",
        RunReason.RETRYING,
        "head pod",
        removed=(f"RayJob {FIRST.name}",),
        look_again=0.0,
        attempt={"failures": 1, "retry_at": NOW + timedelta(seconds=5)},
    ),
    case(
        "a head pod that is being deleted is lost",
        running(STAFF, pods=(head_pod(FIRST, deleting=True),)),
        "Reconciling",
        RunReason.RETRYING,
        "lost",
        removed=(f"RayJob {FIRST.name}",),
        look_again=0.0,
    ),
    case(
        "how the head's container ended is told",
        running(STAFF, pods=(head_pod(FIRST, end="container ray-head ended: OOMKilled (exit 137)"),)),
        "Reconciling",
        RunReason.RETRYING,
        "OOMKilled",
        removed=(f"RayJob {FIRST.name}",),
        look_again=0.0,
    ),
    case(
        "a head that ends before the driver was started would end for ever",
        running(
            STAFF,
            jobs=(rayjob(FIRST, deployment="Initializing", job=""),),
            pods=(head_pod(FIRST, phase="Failed", end="container ray-head ended: Error (exit 127)", deleting=True),),
        ),
        "Reconciling",
        RunReason.RETRYING,
        "exit 127",
        removed=(f"RayJob {FIRST.name}",),
        look_again=0.0,
        attempt={"failures": 1},
    ),
    case(
        "a head that is deleted before the driver was started is replaced",
        running(
            STAFF, jobs=(rayjob(FIRST, deployment="Initializing", job=""),), pods=(head_pod(FIRST, deleting=True),)
        ),
        "Reconciling",
        RunReason.STARTING,
    ),
    case(
        "a head that is replaced before the driver was started is no loss",
        running(STAFF, jobs=(rayjob(FIRST, deployment="Initializing", job=""),), pods=()),
        "Reconciling",
        RunReason.STARTING,
    ),
    case(
        "a lost worker pod is Ray's business",
        running(STAFF, pods=(head_pod(FIRST), worker_pod(FIRST, deleting=True))),
        "Reconciling",
        RunReason.STARTING,
    ),
    case(
        "a RayJob that ends without a final report failed",
        running(STAFF, jobs=(rayjob(FIRST, deployment="Failed", job="", reason="DeadlineExceeded"),)),
        "Reconciling",
        RunReason.RETRYING,
        "DeadlineExceeded",
        removed=(f"RayJob {FIRST.name}",),
        look_again=0.0,
        attempt={"failures": 1},
    ),
    case(
        "a RayJob that succeeds without a final report failed too",
        running(STAFF, jobs=(rayjob(FIRST, deployment="Complete", job="SUCCEEDED"),)),
        "Reconciling",
        RunReason.RETRYING,
        "without a final report",
        removed=(f"RayJob {FIRST.name}",),
        look_again=0.0,
    ),
    case(
        "a RayJob that ends with a refused report is not said to have ended without one",
        running(
            STAFF,
            jobs=(rayjob(FIRST, deployment="Complete", job="SUCCEEDED"),),
            report=RefusedReport("signed by 0xbad"),
        ),
        "Reconciling",
        RunReason.RETRYING,
        "ended with a report that is refused: signed by 0xbad",
        removed=(f"RayJob {FIRST.name}",),
        look_again=0.0,
        attempt={"failures": 1},
    ),
    case(
        "one failure more than spec.compute.retries gives up with the last cause",
        running(STAFF, attempt=FIRST.model_copy(update={"failures": 3}), pods=()),
        "Stalled",
        RunReason.RETRIES_EXHAUSTED,
        "head pod",
        attempt={"failures": 4, "retry_at": None},
        look_again=0.0,
    ),
)

REPORTED = (
    case(
        "a final report hands the result to the ledger",
        running(STAFF, report=success()),
        "Reconciling",
        RunReason.COMMITTING,
        "600 images, manifest bafkreiby44j…",
        step="submit",
        look_again=2.0,
        attempt={"end_time": NOW},
    ),
    case(
        "a final report outweighs a lost head",
        running(STAFF, report=success(), pods=()),
        "Reconciling",
        RunReason.COMMITTING,
        step="submit",
        look_again=2.0,
    ),
    case(
        "a final report outweighs a deleted RayJob",
        running(STAFF, report=success(), jobs=(), pods=()),
        "Reconciling",
        RunReason.COMMITTING,
        step="submit",
        look_again=2.0,
    ),
    case(
        "a failure that may pass is retried",
        running(STAFF, report=failure(FailureReason.CONTENT_UNAVAILABLE, "IPFS does not answer", retryable=True)),
        "Reconciling",
        RunReason.RETRYING,
        "IPFS does not answer",
        removed=(f"RayJob {FIRST.name}",),
        look_again=0.0,
        attempt={"failures": 1},
    ),
    case(
        "a run that says it was stopped by the deletion of its RayJob did not fail",
        running(
            STAFF,
            report=failure(FailureReason.INFRASTRUCTURE_FAILED, "stopped by SIGTERM", retryable=True),
            jobs=(rayjob(FIRST, deleting=True),),
        ),
        "Reconciling",
        RunReason.RETRYING,
        "deleted",
        look_again=0.0,
        attempt={"failures": 0, "deletions": 1},
    ),
    case(
        "a success without a summary is of another release",
        running(STAFF, report=success(summary=None)),
        "Stalled",
        RunReason.RUN_SPEC_INVALID,
        "releases",
        look_again=0.0,
    ),
    *(
        case(
            f"{reason.value} is the workload's word for good",
            running(STAFF, report=failure(reason)),
            "Stalled",
            RunReason(reason.value),
            "source.path",
            look_again=0.0,
            attempt={"failures": 0},
        )
        for reason in FailureReason
        if reason is not FailureReason.INFRASTRUCTURE_FAILED
    ),
)

BETWEEN = (
    case(
        "a pause that is not over is kept",
        observed(STAFF, pausing(retry_at=NOW + timedelta(seconds=3)), inputs=INPUTS),
        None,
        None,
        look_again=3.0,
    ),
    case(
        "a pause that is over starts the next attempt with its failures counted",
        observed(STAFF, pausing(), inputs=INPUTS),
        "Reconciling",
        RunReason.STARTING,
        step=2,
        attempt={"number": 2, "failures": 1},
    ),
    case(
        "no next attempt starts while the old RayJob is there",
        observed(STAFF, pausing(), inputs=INPUTS, jobs=(rayjob(FIRST),)),
        "Reconciling",
        RunReason.PENDING,
        removed=(f"RayJob {FIRST.name}",),
        look_again=1.0,
    ),
    case(
        "a request to try again ends the pause and forgets the failures",
        observed(
            dataset(metadata={"annotations": {REQUESTED_AT: "now"}}),
            pausing(retry_at=NOW + timedelta(minutes=4)),
            inputs=INPUTS,
        ),
        "Reconciling",
        RunReason.STARTING,
        step=2,
        attempt={"number": 2, "failures": 0},
    ),
    case("a given-up attempt is left alone", observed(STAFF, ENDED, inputs=INPUTS), None, None),
    case(
        "a given-up attempt's keys are removed with their anchor",
        observed(STAFF, ENDED, inputs=INPUTS, leftovers=(anchor_of(FIRST.name),)),
        None,
        None,
        removed=(f"ConfigMap {FIRST.name}-run",),
        look_again=5.0,
    ),
    case(
        "a RayJob that KubeRay refused is removed at once",
        observed(
            STAFF,
            ENDED.model_copy(update={"end_time": NOW}),
            inputs=INPUTS,
            jobs=(rayjob(FIRST, deployment="ValidationFailed", job=""),),
        ),
        None,
        None,
        removed=(f"RayJob {FIRST.name}",),
        look_again=5.0,
    ),
    case(
        "a request to try again starts anew after giving up",
        observed(dataset(metadata={"annotations": {REQUESTED_AT: "now"}}), ENDED, inputs=INPUTS),
        "Reconciling",
        RunReason.STARTING,
        step=2,
        attempt={"number": 2, "failures": 0},
    ),
)

COMMITTING = (
    case(
        "where the record is on its way is told",
        observed(STAFF, ENDED, status=COMMITTED, commitment=commitment("Submitted", message="in block 7")),
        "Reconciling",
        RunReason.COMMITTING,
        "in block 7",
        look_again=2.0,
    ),
    case(
        "a final record makes the resource Ready",
        observed(STAFF, ENDED, status=COMMITTED, commitment=commitment("Finalized", receipt="r")),
        "Ready",
        RunReason.SUCCEEDED,
        "600 images",
        look_again=0.0,
    ),
    case(
        "a ledger that does not answer is waited for",
        observed(STAFF, ENDED, status=COMMITTED, commitment=LedgerTrouble(RunReason.COMMITTING, "RPC is down")),
        "Reconciling",
        RunReason.COMMITTING,
        "waiting for the ledger: RPC is down",
        look_again=2.0,
    ),
    case(
        "a LedgerBinding that is gone needs a person",
        observed(
            STAFF,
            ENDED,
            status=COMMITTED,
            commitment=LedgerTrouble(RunReason.LEDGER_NOT_READY, "it does not exist", stalled=True),
        ),
        "Stalled",
        RunReason.LEDGER_NOT_READY,
        "does not exist",
        look_again=2.0,
    ),
    case(
        "a result that no journal has is submitted again from its report",
        observed(STAFF, ENDED, status=COMMITTED, run=STAFF.run(INPUTS, FIRST.name), report=success()),
        "Reconciling",
        RunReason.COMMITTING,
        step="submit",
        look_again=2.0,
    ),
    case(
        "a result that nothing has any more is computed anew",
        observed(STAFF, ENDED, status=COMMITTED),
        "Reconciling",
        RunReason.RETRYING,
        "report is gone",
        attempt={"retry_at": NOW, "failures": 0},
    ),
    case("after the end nothing is written", observed(STAFF, ENDED, status=FINAL), None, None),
    case(
        "after the end the attempt's keys and permissions are removed with their anchor",
        observed(STAFF, ENDED, status=FINAL, leftovers=(anchor_of(FIRST.name),)),
        None,
        None,
        removed=(f"ConfigMap {FIRST.name}-run",),
        look_again=5.0,
    ),
    case(
        "a RayJob that its queue holds back is waited for, whatever became of its pods",
        observed(
            dataset(compute={"queue": "team-a"}),
            FIRST,
            jobs=(rayjob(FIRST, deployment="Suspended"),),
        ),
        "Reconciling",
        RunReason.QUEUED,
        "waits for queue team-a",
    ),
    case(
        "a run that gives way to another has lost nothing with its head",
        running(STAFF, jobs=(rayjob(FIRST, suspend=True),), pods=(head_pod(FIRST, deleting=True),)),
        "Reconciling",
        RunReason.QUEUED,
    ),
    case(
        "a RayJob that a person suspended is waited for",
        observed(STAFF, FIRST, jobs=(rayjob(FIRST, deployment="Suspending"),)),
        "Reconciling",
        RunReason.QUEUED,
        "is suspended",
    ),
    case(
        "KubeRay gets a minute to shut the cluster down",
        observed(
            STAFF,
            ENDED.model_copy(update={"end_time": NOW}),
            status=FINAL,
            jobs=(rayjob(FIRST, deployment="Complete", job="SUCCEEDED"),),
            clusters=(ClusterView("c", "c-uid", FIRST.name),),
        ),
        None,
        None,
        look_again=5.0,
    ),
    case(
        "a cluster that outlives that minute is removed",
        observed(
            STAFF,
            ENDED,
            status=FINAL,
            jobs=(rayjob(FIRST, deployment="Complete", job="SUCCEEDED"),),
            clusters=(ClusterView("c", "c-uid", FIRST.name),),
        ),
        None,
        None,
        removed=("RayCluster c",),
        look_again=5.0,
    ),
    case(
        "a RayJob that never ends is removed, because it would build its cluster again",
        observed(STAFF, ENDED, status=FINAL, jobs=(rayjob(FIRST),), clusters=(ClusterView("c", "u", FIRST.name),)),
        None,
        None,
        removed=(f"RayJob {FIRST.name}",),
        look_again=5.0,
    ),
    case(
        "a cluster that outlives its run is removed while the chain is waited for",
        observed(
            STAFF,
            ENDED,
            status=COMMITTED,
            commitment=LedgerTrouble(RunReason.COMMITTING, "RPC is down"),
            jobs=(ended_job(FIRST),),
            clusters=(ClusterView("c", "c-uid", FIRST.name),),
        ),
        "Reconciling",
        RunReason.COMMITTING,
        removed=("RayCluster c",),
        look_again=2.0,
    ),
    case(
        "a pod that holds its computer after the end is looked at until it is gone",
        observed(STAFF, ENDED, status=FINAL, pods=(worker_pod(FIRST, deleting=True),)),
        None,
        None,
        look_again=5.0,
    ),
    case(
        "a RayJob that is going is not deleted twice",
        observed(STAFF, ENDED, status=FINAL, jobs=(rayjob(FIRST, deleting=True),)),
        None,
        None,
        look_again=5.0,
    ),
    case(
        "a RayJob that has ended stays with its log for its time",
        observed(BRIEF, BRIEFLY, status=FINAL, jobs=(ended_job(BRIEFLY),)),
        None,
        None,
        look_again=20.0,
    ),
    case(
        "a RayJob that may stay for long is looked at with everything else",
        observed(STAFF, ENDED, status=FINAL, jobs=(ended_job(FIRST),)),
        None,
        None,
    ),
    case(
        "a RayJob whose time is over is removed",
        observed(BRIEF, BRIEFLY.model_copy(update={"end_time": EARLIER}), status=FINAL, jobs=(ended_job(BRIEFLY),)),
        None,
        None,
        removed=(f"RayJob {BRIEFLY.name}",),
        look_again=5.0,
    ),
    case(
        "what has no RayJob any more is left alone",
        observed(BRIEF, BRIEFLY.model_copy(update={"end_time": EARLIER}), status=FINAL),
        None,
        None,
    ),
)

SHARED_CLUSTER = (
    case(
        "a head of the standing cluster is the attempt's",
        running(SHARED, attempt=SHARING, report=report(done=1, total=2), pods=(head_pod(STANDING),)),
        "Reconciling",
        RunReason.RUNNING,
        "1 of 2",
    ),
    case(
        "a standing cluster that loses its head loses the attempt",
        running(SHARED, attempt=SHARING, pods=(head_pod(STANDING, deleting=True),)),
        "Reconciling",
        RunReason.RETRYING,
        "the head pod faceledger-0123-head is lost",
        removed=(f"RayJob {SHARING.name}",),
        look_again=0.0,
        attempt={"failures": 1},
    ),
    case(
        "what keeps a standing cluster from starting is said of the attempt",
        running(
            SHARED,
            attempt=SHARING,
            jobs=(rayjob(SHARING, deployment="Initializing", job=""),),
            pods=(head_pod(STANDING, phase="Pending", fault=PodFault(FaultKind.UNSCHEDULABLE, "no node has room")),),
        ),
        "Reconciling",
        RunReason.UNSCHEDULABLE,
        "no node has room",
    ),
    case(
        "a driver that KubeRay gave up on a standing cluster is stopped with its RayJob",
        observed(
            SHARED,
            SHARING.model_copy(update={"end_time": NOW}),
            inputs=INPUTS,
            jobs=(rayjob(SHARING, deployment="Failed", job="RUNNING"),),
        ),
        None,
        None,
        removed=(f"RayJob {SHARING.name}",),
        look_again=5.0,
    ),
    case(
        "a next attempt does not wait for the standing cluster",
        observed(
            SHARED, SHARING.model_copy(update={"end_time": EARLIER, "failures": 1, "retry_at": NOW}), inputs=INPUTS
        ),
        "Reconciling",
        RunReason.STARTING,
        step=2,
    ),
)

CASES = (*BEFORE, *RUNNING, *REPORTED, *BETWEEN, *COMMITTING, *SHARED_CLUSTER)


def _is_still(case: Case) -> bool:
    decision = decide(case.seen, NOW)
    return decision.step is None and decision.look_again != 0.0


@pytest.mark.parametrize("case", CASES)
def test_a_decision(case: Case) -> None:
    decision = decide(case.seen, NOW)
    headline = decision.headline
    assert (headline.state if headline else None) == case.state
    assert (headline.reason if headline else None) == case.reason
    assert case.says in (headline.message if headline else "")
    assert _step(decision) == case.step
    assert tuple(f"{removal.kind.kind} {removal.name}" for removal in decision.removals) == case.removed
    assert decision.look_again == case.look_again
    attempt = decision.status.attempt
    assert {name: getattr(attempt, name) for name in case.attempt or {}} == (case.attempt or {})


def _step(decision: Decision) -> int | str | None:
    match decision.step:
        case Start():
            assert decision.status.attempt == decision.step.attempt
            return decision.step.attempt.number
        case Submit():
            return "submit"
        case None:
            return None


STILL = tuple(param for param in CASES if _is_still(param.values[0]))  # type: ignore[arg-type]


@pytest.mark.parametrize("case", STILL)
def test_a_decision_that_is_seen_again_says_the_same(case: Case) -> None:
    """No condition flaps: what was decided, stored and looked at again with nothing changed gives the same status."""
    status = conclude(case.seen, decide(case.seen, NOW), None, NOW)
    subject = case.seen.subject
    again = type(subject)(subject.resource.model_copy(update={"status": status}))  # type: ignore[attr-defined, call-arg]
    seen = Observation(**{**vars(case.seen), "subject": again})
    later = NOW + timedelta(seconds=2)
    assert conclude(seen, decide(seen, NOW), None, later) == status


def test_progress_is_written_in_steps_of_five_per_cent() -> None:
    before = ProgressStatus(stage="detecting faces", done=100, total=1000, percent="10%")
    decisions = [
        decide(running(STAFF, report=report(done=done, total=1000), status={"progress": before}), NOW)
        for done in (101, 149, 150)
    ]
    assert [decision.status.progress.done for decision in decisions if decision.status.progress] == [100, 100, 150]


def test_pauses_double_up_to_five_minutes() -> None:
    attempts = [FIRST.model_copy(update={"failures": failures}) for failures in range(9)]
    patient = dataset(compute={"retries": 10})
    ends = [
        decide(running(patient, attempt=started(patient, failures=attempt.failures), pods=()), NOW).status.attempt
        for attempt in attempts
    ]
    pauses = [(end.retry_at - NOW).total_seconds() for end in ends if end and end.retry_at]
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_who_deletes_attempt_after_attempt_waits_longer_and_longer() -> None:
    pauses, attempt = [], FIRST
    for _ in range(6):
        ended = decide(running(STAFF, attempt=attempt, jobs=(), pods=()), NOW).status.attempt
        assert ended is not None
        assert ended.retry_at is not None
        assert ended.failures == 0
        pauses.append((ended.retry_at - NOW).total_seconds())
        next_one = decide(observed(STAFF, ended, inputs=INPUTS), ended.retry_at).status.attempt
        assert next_one is not None
        attempt = next_one.model_copy(update={"run_key": FIRST.run_key, "start_time": NOW})
    assert pauses == [0, 0, 0, 5, 10, 20]


@pytest.mark.parametrize(
    ("seen", "deletions"),
    [
        pytest.param(running(STAFF, attempt=FIRST.model_copy(update={"deletions": 5}), pods=()), 0, id="a failure"),
        pytest.param(
            observed(dataset(metadata={"annotations": {REQUESTED_AT: "now"}}), pausing(deletions=5), inputs=INPUTS),
            0,
            id="a request to try again",
        ),
        pytest.param(observed(STAFF, planned(STAFF, deletions=5), inputs=INPUTS), 5, id="no start that is repeated"),
    ],
)
def test_what_ends_a_row_of_deletions(seen: Observation, deletions: int) -> None:
    attempt = decide(seen, NOW).status.attempt
    assert attempt is not None
    assert attempt.deletions == deletions


def test_gpu_seconds_are_the_workers_gpus_times_the_attempts_seconds() -> None:
    many = dataset(compute={"workers": {"gpu": 2, "min": 3, "max": 3}})
    decision = decide(running(many, attempt=started(many), report=success()), NOW)
    assert decision.status.attempt is not None
    assert decision.status.attempt.gpu_seconds == 2 * 3 * 100
