"""Plays KubeRay and the driver on a bare control plane: each RayJob goes through its life, and reports success.

In: RayJobs as the operator made them. Out: what the operator would see of a run: status, cluster, head pod, reports.
Invariant: nothing in here is decided by the operator's code; reports are signed with the key of the attempt's Secret.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable
from typing import Any

from faceledger_contracts.canonical import canonical_json, sha256_digest
from faceledger_contracts.eip712 import Domain, sign_report
from faceledger_operator.kube.api import Kube
from faceledger_operator.kube.kinds import CONFIG_MAP, POD, RAY_CLUSTER, RAY_JOB, SECRET
from faceledger_operator.ledger.run_keys import RUN_KEY
from faceledger_workloads.runreport import Artefact, DatasetSummary, Progress, RecognitionSummary, RunReport, RunState
from faceledger_workloads.runspec import DatasetRun, RecognitionRun, parse_run_spec

__all__ = ["PlayedRuns"]

Object = dict[str, Any]

IMAGE_DIGEST = "sha256:" + "1a" * 32

PROBES = 20

AT_ONCE = 16


class PlayedRuns:
    """Runs of one namespace. `artefacts`: CID and size of a file that the content store has."""

    def __init__(self, kube: Kube, namespace: str, cid: str, size: int) -> None:
        self._kube = kube
        self._namespace = namespace
        self._cid, self._size = cid, size
        self._places = asyncio.Semaphore(AT_ONCE)

    async def play_all(self, jobs: Iterable[Object]) -> None:
        await asyncio.gather(*(self._place(job) for job in jobs))

    async def play(self, job: Object) -> None:
        """A whole run: a cluster, a head, half of the work reported, all of it reported, and all gone again."""
        name = job["metadata"]["name"]
        cluster = await self._kube.create(RAY_CLUSTER, self._cluster(job))
        await self._status(name, jobDeploymentStatus="Initializing", rayClusterName=name)
        pod = await self._kube.create(POD, self._head(job, cluster))
        await self._kube.patch_status(POD, self._namespace, pod["metadata"]["name"], _running(), None)
        run = await self._run(name)
        await self._status(name, jobDeploymentStatus="Running", jobStatus="RUNNING", rayClusterName=name)
        await self._report(run, RunState.RUNNING, PROBES // 2)
        await self._report(run, RunState.SUCCEEDED, PROBES)
        await self._status(name, jobDeploymentStatus="Complete", jobStatus="SUCCEEDED", rayClusterName=name)
        await self._kube.delete(POD, self._namespace, pod["metadata"]["name"])
        await self._kube.delete(RAY_CLUSTER, self._namespace, name)

    async def _place(self, job: Object) -> None:
        async with self._places:
            await self.play(job)

    async def _status(self, name: str, **status: Any) -> None:
        await self._kube.patch_status(RAY_JOB, self._namespace, name, status, None)

    async def _run(self, attempt: str) -> DatasetRun | RecognitionRun:
        found = await self._kube.get(CONFIG_MAP, self._namespace, f"{attempt}-run")
        assert found, f"{attempt} has a run spec"
        return parse_run_spec(found["data"]["run.json"])

    async def _report(self, run: DatasetRun | RecognitionRun, state: RunState, done: int) -> None:
        secret = await self._kube.get(SECRET, self._namespace, f"{run.attempt}-run-key")
        assert secret, f"{run.attempt} has a run key"
        key = base64.b64decode(secret["data"][RUN_KEY]).decode()
        over = state is RunState.SUCCEEDED
        report = RunReport(
            attempt=run.attempt,
            state=state,
            progress=Progress(stage="encoding probes", done=done, total=PROBES),
            summary=_summary(run) if over else None,
            artefacts=self._artefacts(run) if over else (),
            results_root="0x" + "22" * 32 if over else None,
        )
        text = canonical_json(report.model_dump(mode="json", by_alias=True)).decode()
        signature = sign_report(key, run.attempt, sha256_digest(text.encode()), Domain(run.chain_id, run.contract))
        metadata = {"name": run.report_config_map, "namespace": self._namespace}
        await self._kube.apply(
            CONFIG_MAP, {"metadata": metadata, "data": {"report.json": text, "signature": signature}}
        )

    def _artefacts(self, run: DatasetRun | RecognitionRun) -> tuple[Artefact, ...]:
        names = ("manifest.jsonl", "faces.tar") if isinstance(run, DatasetRun) else ("results.jsonl",)
        return tuple(
            Artefact(
                name=name,
                digest="sha256:" + "ab" * 32,
                size=self._size,
                cid=self._cid,
                path=f"{run.attempt}/{name}.enc",
            )
            for name in names
        )

    def _cluster(self, job: Object) -> Object:
        return {"metadata": _metadata(job, job["metadata"]["name"], "ray.io/v1", "RayJob"), "spec": _cluster_spec(job)}

    def _head(self, job: Object, cluster: Object) -> Object:
        metadata = _metadata(cluster, f"{job['metadata']['name']}-head", "ray.io/v1", "RayCluster")
        metadata["labels"] = {**metadata["labels"], "ray.io/node-type": "head", "ray.io/cluster": metadata["name"]}
        template = _cluster_spec(job)["headGroupSpec"]["template"]
        return {"metadata": metadata, "spec": template["spec"]}


def _cluster_spec(job: Object) -> Object:
    spec: Object = job["spec"]["rayClusterSpec"]
    return spec


def _metadata(owner: Object, name: str, version: str, kind: str) -> Object:
    of = owner["metadata"]
    reference = {"apiVersion": version, "kind": kind, "name": of["name"], "uid": of["uid"], "controller": True}
    return {
        "name": name,
        "namespace": of["namespace"],
        "labels": of["labels"],
        "annotations": {key: value for key, value in of["annotations"].items() if key.startswith("faceledger.dev/")},
        "ownerReferences": [reference],
    }


def _running() -> Object:
    container = {
        "name": "ray-head",
        "image": "workloads",
        "imageID": f"faceledger/workloads@{IMAGE_DIGEST}",
        "ready": True,
        "restartCount": 0,
        "state": {"running": {}},
    }
    return {"phase": "Running", "containerStatuses": [container]}


def _summary(run: DatasetRun | RecognitionRun) -> DatasetSummary | RecognitionSummary:
    if isinstance(run, DatasetRun):
        return DatasetSummary(images=PROBES, real=PROBES, synthetic=0, identities=4)
    return RecognitionSummary(probes=PROBES, identified=PROBES - 1, unknown=1, gallery_images=PROBES, gallery_people=4)
