"""Whose artefacts are looked for on the IPFS nodes when, and what is done about those that no node has."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from faceledger_contracts.content import ContentError
from faceledger_operator.api.base import ObjectMeta
from faceledger_operator.api.ledgerbinding import LedgerBinding
from faceledger_operator.kube.errors import ApiRefusedError
from faceledger_operator.kube.events import EventRecorder
from faceledger_operator.kube.kinds import FACE_DATASET, JOB, NETWORK_POLICY, Kind
from faceledger_operator.ledger.content import ContentNodes
from faceledger_operator.reconcile import repinning
from faceledger_operator.reconcile.pin_audit import (
    LOST_SECONDS,
    PORTION,
    PORTION_SECONDS,
    ROUND_SECONDS,
    Audited,
    RepinStep,
    Result,
    Source,
    decide_repin,
    is_due,
    next_portion,
    results_of,
)
from faceledger_operator.reconcile.repin_job import repin_job, repin_policy
from faceledger_operator.reconcile.repinning import Found, Repinning
from memory_api import MemoryApi
from subject_builders import NOW

CID = "bafkreihtc7oz225adrdf3axeytkv2aosodo2nhnuuangjrmhuvmtvrqiju"


def dataset(name: str = "staff", ledger: str = "consortium", **status: Any) -> dict[str, Any]:
    artefact = {"name": "manifest.jsonl", "uri": f"ipfs://{CID}", "path": f"{name}-1/manifest.jsonl.enc"}
    return {
        "metadata": {"namespace": "people", "name": name, "uid": f"uid-{name}"},
        "spec": {
            "ledgerRef": {"name": ledger},
            "output": {"persistentVolumeClaim": {"claimName": "faceledger", "path": "/2026"}},
        },
        "status": {"artefacts": [artefact], "commitment": {"state": "Finalized"}, **status},
    }


def job(gallery: str = "staff") -> dict[str, Any]:
    body = dataset("front-door")
    body["spec"] = {"ledgerRef": {"name": "consortium"}, "galleryRef": {"name": gallery}}
    return body


def results(*names: str) -> list[Result]:
    return results_of("consortium", [dataset(name) for name in names], [])


def test_a_result_is_looked_for_where_its_claim_is_known() -> None:
    found = results_of("consortium", [dataset()], [job(), job("gone")])
    assert [(str(result), result.source) for result in found] == [
        ("recognitionjob/front-door", Source("faceledger", "/2026")),
        ("recognitionjob/front-door", None),
        ("facedataset/staff", Source("faceledger", "/2026")),
    ]
    assert found[2].attempt == "staff-1"
    assert found[2].cids == (CID,)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(dataset(ledger="another"), id="of another binding"),
        pytest.param(dataset(artefacts=[]), id="without artefacts"),
        pytest.param(dataset(commitment=None), id="whose result is not submitted yet"),
        pytest.param({**dataset(), "status": None}, id="that nothing was done for"),
        pytest.param(
            {**dataset(), "metadata": {**dataset()["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}},
            id="that is being deleted",
        ),
    ],
)
def test_no_other_resource_is_looked_at(body: dict[str, Any]) -> None:
    assert results_of("consortium", [body], []) == []


LAST = Audited(at=1000, began=1000, nodes=("one", "two"))


@pytest.mark.parametrize(
    ("last", "nodes", "now", "due"),
    [
        pytest.param(None, ("one", "two"), 0, True, id="the first look of a process"),
        pytest.param(LAST, ("one", "two"), 1000 + ROUND_SECONDS - 1, False, id="a round was made a while ago"),
        pytest.param(LAST, ("one", "two"), 1000 + ROUND_SECONDS, True, id="ten minutes later"),
        pytest.param(LAST, ("one", "other"), 1001, True, id="a node has another repository"),
        pytest.param(LAST, ("one", None), 1001, False, id="a node went away"),
        pytest.param(replace(LAST, nodes=("one", None)), ("one", "two"), 1001, True, id="a node is back"),
        pytest.param(replace(LAST, nodes=()), ("one", "two"), 1001, True, id="too few answered, and do again"),
        pytest.param(replace(LAST, lost=("staff-1",)), LAST.nodes, 1000 + LOST_SECONDS, True, id="something is lost"),
        pytest.param(replace(LAST, after="a"), LAST.nodes, 1000 + PORTION_SECONDS, True, id="a round is not over"),
    ],
)
def test_an_audit_begins_when_it_is_due(
    last: Audited | None, nodes: tuple[str | None, ...], now: float, due: bool
) -> None:
    assert is_due(last, nodes, now) is due


def test_a_round_takes_one_portion_after_another() -> None:
    everything = results(*(f"staff-{number:03}" for number in range(PORTION + 1)))
    first = next_portion(everything, None, LAST.nodes, 1000)
    assert first.results == tuple(everything[:PORTION])
    assert first.read == "staff-000-1"
    last = Audited(1000, first.began, LAST.nodes, first.after, (), first.read)
    second = next_portion(everything, last, LAST.nodes, 1010)
    assert (second.results, second.after) == (tuple(everything[PORTION:]), None)
    assert (second.read, second.began) == ("", 1000)


def test_each_round_reads_the_next_result_whole() -> None:
    everything, read = results("a", "b"), []
    last: Audited | None = None
    for turn in range(3):
        portion = next_portion(everything, last, LAST.nodes, turn * ROUND_SECONDS)
        last = Audited(portion.began, portion.began, LAST.nodes, read=portion.read)
        read.append(portion.read)
    assert read == ["a-1", "b-1", "a-1"]


def test_between_rounds_only_what_is_lost_is_looked_at() -> None:
    portion = next_portion(results("a", "b"), replace(LAST, lost=("b-1",), read="a-1"), LAST.nodes, 1010)
    assert [result.attempt for result in portion.results] == ["b-1"]
    assert (portion.began, portion.read) == (1000, "")


def test_a_round_begins_anew_when_a_node_is_back() -> None:
    portion = next_portion(results("a", "b"), replace(LAST, after="a-1", lost=("b-1",)), ("one", "other"), 1010)
    assert [result.attempt for result in portion.results] == ["a-1", "b-1"]


def test_what_is_lost_is_looked_at_a_portion_at_a_time() -> None:
    everything = results(*(f"staff-{number:03}" for number in range(PORTION + 1)))
    lost = tuple(result.attempt for result in everything)
    assert next_portion(everything, replace(LAST, lost=lost), LAST.nodes, 1010).results == tuple(everything[:PORTION])


def ended(how: str) -> dict[str, Any]:
    return {"metadata": {}, "status": {"conditions": [{"type": how, "status": "True"}]}}


@pytest.mark.parametrize(
    ("found", "step"),
    [
        pytest.param(None, RepinStep.CREATE, id="there is no Job yet"),
        pytest.param({"metadata": {}}, RepinStep.WAIT, id="its Job has not begun"),
        pytest.param({"metadata": {}, "status": {"active": 1}}, RepinStep.WAIT, id="its Job runs"),
        pytest.param(ended("Complete"), RepinStep.REMOVE, id="it was lost again after a Job had added it"),
        pytest.param(ended("Failed"), RepinStep.FAILED, id="its Job failed"),
        pytest.param({"metadata": {"deletionTimestamp": "now"}}, RepinStep.WAIT, id="its Job is being deleted"),
    ],
)
def test_what_is_lost_is_added_again_by_one_job(found: dict[str, Any] | None, step: RepinStep) -> None:
    (result,) = results("staff")
    assert decide_repin(result, found) is step


def test_without_a_claim_no_job_is_made() -> None:
    assert decide_repin(replace(results("staff")[0], source=None), None) is RepinStep.NO_SOURCE


NODES = ContentNodes(("http://ipfs-0:5001", "https://ipfs-1"), 2)


def test_the_job_only_reads_the_volume_and_holds_no_token() -> None:
    body = repin_job(results("staff")[0], NODES, "operator:1", ["registry"])
    pod = body["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert body["metadata"]["ownerReferences"][0]["uid"] == "uid-staff"
    assert container["args"] == [
        *("--api", "http://ipfs-0:5001", "--api", "https://ipfs-1", "--needed", "2"),
        *("--folder", "/data/output/2026", f"{CID}=staff-1/manifest.jsonl.enc"),
    ]
    assert pod["volumes"] == [
        {"name": "output", "persistentVolumeClaim": {"claimName": "faceledger", "readOnly": True}}
    ]
    assert container["volumeMounts"] == [{"name": "output", "mountPath": "/data/output", "readOnly": True}]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_job_runs_where_its_attempt_may() -> None:
    placed = {"nodeSelector": {"disk": "fast"}, "tolerations": [{"key": "faces", "operator": "Exists"}]}
    result = results("staff")[0]
    result.resource["spec"]["compute"] = {**placed, "imagePullSecrets": [{"name": "own"}], "headMemory": "2Gi"}
    pod = repin_job(result, NODES, "operator:1", ["registry"])["spec"]["template"]["spec"]
    assert {field: pod[field] for field in placed} == placed
    assert pod["imagePullSecrets"] == [{"name": "registry"}, {"name": "own"}]


def test_its_pod_reaches_ipfs_nodes_and_nobody_else() -> None:
    result = results("staff")[0]
    policy = repin_policy(result, NODES, {"metadata": {"name": "staff-1-repin", "uid": "uid-job"}})
    assert policy["metadata"]["ownerReferences"][0]["uid"] == "uid-job"
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy["spec"]
    ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
    assert ports == [443, 5001, 53, 53]
    assert policy["spec"]["podSelector"] == {
        "matchLabels": repin_job(result, NODES, "operator:1", [])["spec"]["template"]["metadata"]["labels"]
    }


class World:
    """A binding's audits. `refused`: what the API server refuses to show; `mended`: None where no node has anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        self.api, self.now, self.refused = MemoryApi(), NOW, set[tuple[str, str]]()
        self.mended: dict[str, str] | None = None
        self.woken = 0
        for name in names:
            self.api.objects[FACE_DATASET.kind, "people", name] = dataset(name)
        self._get, self._list = self.api.get, self.api.list
        monkeypatch.setattr(self.api, "get", self.get)
        monkeypatch.setattr(self.api, "list", self.list)
        monkeypatch.setattr(repinning, "mend", self.mend)
        events = EventRecorder(self.api, "operator-1", lambda: NOW)  # type: ignore[arg-type]
        self.repinning = Repinning(self.api, events, "operator:1", (), self.wake, lambda: self.now)  # type: ignore[arg-type]

    async def mend(self, *_: Any) -> Any:
        if self.mended is None:
            raise ContentError("on no node")
        return self.mended

    def wake(self, *_: str) -> None:
        self.woken += 1

    async def get(self, kind: Kind, namespace: str, name: str) -> Any:
        self.refuse(kind, name)
        return await self._get(kind, namespace, name)

    async def list(self, kind: Kind, *arguments: Any) -> Any:
        self.refuse(kind, "")
        return await self._list(kind, *arguments)

    def refuse(self, kind: Kind, name: str) -> None:
        if (kind.kind, name) in self.refused:
            raise ApiRefusedError(403, "forbidden")

    def put_job(self, name: str, **metadata: Any) -> None:
        body = {"metadata": {"name": name, "namespace": "people", "uid": f"uid-{name}", **metadata}}
        self.api.objects[JOB.kind, "people", name] = body

    async def look(self) -> Found:
        """What is found once the audit that a look begins has ended."""
        binding = LedgerBinding.model_construct(metadata=BINDING)
        self.repinning.look(binding, NODES, ("one", "two"))
        await asyncio.gather(
            *(task for task in asyncio.all_tasks() if task.get_name().startswith("audit")), return_exceptions=True
        )
        return self.repinning.look(binding, NODES, ("one", "two"))


BINDING = ObjectMeta.model_validate({"name": "consortium", "namespace": "people", "uid": "u", "generation": 1})


async def test_a_job_that_may_not_be_read_keeps_no_other_result_from_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, "a", "b")
    world.refused.add((JOB.kind, "a-1-repin"))
    trouble = (await world.look()).trouble
    assert trouble is not None
    assert trouble.message == "content.ipfs: facedataset/a: on no node; Job a-1-repin: forbidden; 1 more are lost"
    assert [body["metadata"]["name"] for body in world.api.of(JOB)] == ["b-1-repin"]


async def test_a_job_that_is_being_deleted_keeps_no_other_result_from_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, "a", "b")
    world.put_job("a-1-repin", deletionTimestamp="2026-01-02T12:00:00Z")
    assert (await world.look()).trouble is not None
    assert {body["metadata"]["name"] for body in world.api.of(JOB)} == {"a-1-repin", "b-1-repin"}
    assert [body["metadata"]["name"] for body in world.api.of(NETWORK_POLICY)] == ["b-1-repin"]


async def test_a_look_goes_on_where_results_may_not_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, "a")
    world.refused.add((FACE_DATASET.kind, ""))
    assert await world.look() == Found()


async def test_a_job_that_is_at_work_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, "a")
    await world.look()
    monkeypatch.setattr(world.api, "create", None)  # not even asked to
    world.now += timedelta(seconds=LOST_SECONDS)
    trouble = (await world.look()).trouble
    assert trouble is not None
    assert "Job a-1-repin adds it again" in trouble.message


async def test_a_job_whose_policy_is_missing_is_given_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, "a")
    world.put_job("a-1-repin", ownerReferences=[FACE_DATASET.owner("a", "uid-a")])
    await world.look()
    (policy,) = world.api.of(NETWORK_POLICY)
    assert policy["metadata"]["ownerReferences"] == [JOB.owner("a-1-repin", "uid-a-1-repin")]


async def test_a_job_of_somebody_else_is_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, "a")
    world.put_job("a-1-repin")
    trouble = (await world.look()).trouble
    assert trouble is not None
    assert "it does not belong to FaceDataset a; remove it" in trouble.message
    assert world.api.of(NETWORK_POLICY) == []


async def test_a_round_that_is_not_over_goes_on_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, *(f"staff-{number:03}" for number in range(PORTION + 1)))
    world.mended = {}
    assert await world.look() == Found(None, PORTION_SECONDS)
    assert world.woken == 1
    world.now += timedelta(seconds=PORTION_SECONDS)
    assert await world.look() == Found()
    assert world.woken == 1
