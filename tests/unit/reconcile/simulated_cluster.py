"""What goes on around the operator: KubeRay, a driver that reports, a ledger that commits; a `turn` moves each a step.

Nothing in here is decided by the code under test: reports are signed with the key that the attempt's Secret holds.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from faceledger_contracts.canonical import canonical_json, sha256_digest
from faceledger_contracts.eip712 import Domain, sign_report
from faceledger_operator.kube.kinds import CONFIG_MAP, POD, RAY_CLUSTER, RAY_JOB, SECRET
from faceledger_operator.kube.labels import CLUSTER
from faceledger_operator.ledger.content import ContentNodes
from faceledger_operator.ledger.ledger import Commitment, LedgerUnavailableError, PendingRecord
from faceledger_workloads.runspec import parse_run_spec
from memory_api import MemoryApi
from subject_builders import CONTRACT, success

Object = dict[str, Any]

IMAGE_DIGEST = "sha256:" + "1a" * 32

STATES = ("Pending", "Pinned", "Submitted", "Included", "Finalized")


class SimulatedLedger:
    """A ledger whose records take one state a turn. `fail`: the call, counted from 0, that finds it unreachable."""

    chain_id = 1337
    contract = CONTRACT
    content = ContentNodes(("http://ipfs:5001",))

    def __init__(self) -> None:
        self.authorised: set[str] = set()
        self.records: dict[str, PendingRecord] = {}
        self.states: dict[str, int] = {}
        self.calls = 0
        self.fail: int | None = None

    async def authorise_run_key(self, address: str, valid_until: datetime) -> None:
        self._call()
        self.authorised.add(address)

    async def submit(self, pending: PendingRecord) -> Commitment:
        self._call()
        known = self.records.setdefault(pending.attempt, pending)
        assert known.record.report_digest == pending.record.report_digest
        self.states.setdefault(pending.attempt, 0)
        return self._commitment(pending.attempt)

    async def commitment(self, attempt: str) -> Commitment | None:
        self._call()
        return self._commitment(attempt) if attempt in self.states else None

    def turn(self) -> None:
        self.states = {attempt: min(state + 1, len(STATES) - 1) for attempt, state in self.states.items()}

    def _commitment(self, attempt: str) -> Commitment:
        state = STATES[self.states[attempt]]
        return Commitment(state=state, leaf="0x" + "33" * 32)  # type: ignore[arg-type]

    def _call(self) -> None:
        self.calls += 1
        if self.fail == self.calls - 1:
            raise LedgerUnavailableError("the node does not answer")


class SimulatedKubeRay:
    """Brings each RayJob one step further a turn; its driver reports success at its end."""

    def __init__(self, api: MemoryApi, ledger: SimulatedLedger) -> None:
        self._api = api
        self._ledger = ledger
        self.seen: set[str] = set()

    def turn(self) -> None:
        names = [job["metadata"]["name"] for job in self._api.of(RAY_JOB)]
        assert len(names) <= 1, "two RayJobs work for one resource"
        for job in self._api.of(RAY_JOB):
            self.seen.add(job["metadata"]["name"])
            self._advance(job)

    def _advance(self, job: Object) -> None:
        match (job.get("status") or {}).get("jobDeploymentStatus", ""):
            case "":
                if CLUSTER in job["metadata"]["labels"]:
                    self._make_standing_pods()
                else:
                    self._make_cluster(job)
                self._api.change(job, status={"jobDeploymentStatus": "Initializing"})
            case "Initializing":
                self._api.change(job, status={"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"})
            case "Running":
                self._report(job)
                self._api.change(job, status={"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"})
            case "Complete" if CLUSTER not in job["metadata"]["labels"]:
                for cluster in self._api.of(RAY_CLUSTER):
                    self._api.remove(cluster["metadata"]["uid"])

    def _make_cluster(self, job: Object) -> None:
        cluster = self._child(f"{job['metadata']['name']}-c", job, {})
        self._store(RAY_CLUSTER.kind, cluster)
        self._make_head(cluster)

    def _make_standing_pods(self) -> None:
        for cluster in self._api.of(RAY_CLUSTER):
            self._make_head(cluster)

    def _make_head(self, cluster: Object) -> None:
        head = self._child(f"{cluster['metadata']['name']}-head", cluster, {"ray.io/node-type": "head"})
        container = {"name": "ray-head", "imageID": f"faceledger/workloads@{IMAGE_DIGEST}", "state": {"running": {}}}
        self._store(POD.kind, {**head, "status": {"phase": "Running", "containerStatuses": [container]}})

    def _child(self, name: str, owner: Object, labels: dict[str, str]) -> Object:
        metadata = owner["metadata"]
        return {
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "uid": f"uid-of-{name}",
                "labels": metadata["labels"] | labels,
                "ownerReferences": [{"uid": metadata["uid"]}],
            }
        }

    def _store(self, kind: str, body: Object) -> None:
        self._api.objects[kind, body["metadata"]["namespace"], body["metadata"]["name"]] = body

    def _report(self, job: Object) -> None:
        namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
        run = parse_run_spec(self._api.objects[CONFIG_MAP.kind, namespace, f"{name}-run"]["data"]["run.json"])
        secret = self._api.objects[SECRET.kind, namespace, f"{name}-run-key"]
        key = base64.b64decode(secret["data"]["private-key"]).decode()
        assert secret["metadata"]["annotations"]["faceledger.dev/run-key-address"] in self._ledger.authorised
        said = success().report.model_copy(update={"attempt": name})
        text = canonical_json(said.model_dump(mode="json", by_alias=True)).decode()
        signature = sign_report(key, name, sha256_digest(text.encode()), Domain(run.chain_id, run.contract))
        report = self._api.objects[CONFIG_MAP.kind, namespace, f"{name}-report"]
        self._api.change(report, data={"report.json": text, "signature": signature})
