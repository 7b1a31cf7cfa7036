"""Clusters that stand between runs: when one is kept, marked or removed, and who may share it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from faceledger_operator.api.base import WorkerGroup
from faceledger_operator.kube.errors import ApiConflictError
from faceledger_operator.kube.kinds import CONFIG_MAP, RAY_CLUSTER, RAY_JOB
from faceledger_operator.kube.labels import CLUSTER
from faceledger_operator.ray.podfaults import PodView
from faceledger_operator.ray.pods import ClaimMount, PodNeeds, SecretItem
from faceledger_operator.ray.rayjob import RayJobPlan
from faceledger_operator.ray.shared import build_shared_rayjob, shared_cluster
from faceledger_operator.ray.status import ClusterView, JobView
from faceledger_operator.reconcile.children import Children
from faceledger_operator.reconcile.standing import Keeping, Standing, StandingReconciler, claim, decide_keeping
from memory_api import MemoryApi
from subject_builders import NOW, dataset

APIS = ("http://ipfs:5001",)

PODS = PodNeeds(
    attempt="front-door-1",
    labels={"faceledger.dev/attempt": "front-door-1", "faceledger.dev/subject-uid": "u"},
    annotations={"faceledger.dev/subject": "front-door"},
    workloads_image="workloads:1",
    operator_image="operator:1",
    claims=(ClaimMount("camera", "/data/source", read_only=True), ClaimMount("out", "/data/output", read_only=False)),
    data_key=SecretItem("staff-data-key", "key"),
)
PLAN = RayJobPlan("demo", {"uid": "u"}, PODS, WorkerGroup(), "2Gi", 3600)

HEAD = PodView("c-head", "c", "head", "Running")
USED = JobView("front-door-1", "j", NOW, deployment="Running", job="RUNNING")
OVER = replace(USED, deployment="Complete", job="SUCCEEDED")
WARM = Standing(NOW - timedelta(hours=1), 600, None, ClusterView("c", "u", "c", provisioned=True), (), (HEAD,))


def idle(seconds: float) -> Standing:
    return replace(WARM, idle_since=NOW - timedelta(seconds=seconds))


KEEPING = [
    pytest.param(replace(WARM, jobs=(USED,)), Keeping.KEEP, 600.0, id="a cluster in use stays"),
    pytest.param(replace(idle(5), jobs=(USED,)), Keeping.MARK_USED, 600.0, id="one that is used again is not idle"),
    pytest.param(replace(WARM, jobs=(OVER,)), Keeping.MARK_IDLE, 600.0, id="one whose last job ended is idle"),
    pytest.param(idle(590), Keeping.KEEP, 10.0, id="an idle one stays for its time"),
    pytest.param(idle(600), Keeping.REMOVE, None, id="an idle one goes after its time"),
    pytest.param(
        replace(WARM, jobs=(USED,), pods=(replace(HEAD, end="exit 137"),)), Keeping.REMOVE, None, id="a lost head"
    ),
    pytest.param(replace(WARM, jobs=(USED,), pods=()), Keeping.REMOVE, None, id="a head that is gone"),
    pytest.param(replace(WARM, pods=(replace(HEAD, deleting=True),)), Keeping.REMOVE, None, id="an evicted head"),
    pytest.param(replace(WARM, cluster=None, pods=()), Keeping.REMOVE, None, id="a RayCluster deleted by hand"),
    pytest.param(
        replace(WARM, created=NOW, cluster=None, pods=(), jobs=(USED,)), Keeping.KEEP, 60.0, id="one being made"
    ),
    pytest.param(
        replace(WARM, created=NOW, cluster=None, pods=()), Keeping.MARK_IDLE, 60.0, id="one being made for nobody"
    ),
    pytest.param(
        replace(idle(590), created=NOW, cluster=None, pods=()), Keeping.KEEP, 10.0, id="one being made whose time is up"
    ),
    pytest.param(
        replace(WARM, cluster=ClusterView("c", "u", "c"), pods=(), jobs=(USED,)), Keeping.KEEP, 600.0, id="no head yet"
    ),
]


@pytest.mark.parametrize(("seen", "keeping", "look_again"), KEEPING)
def test_what_becomes_of_a_cluster(seen: Standing, keeping: Keeping, look_again: float | None) -> None:
    assert decide_keeping(seen, NOW) == (keeping, look_again)


def other(**fields: Any) -> RayJobPlan:
    return replace(PLAN, pods=replace(PODS, **fields))


@pytest.mark.parametrize(
    ("plan", "shares"),
    [
        pytest.param(other(attempt="gate-1", labels={"a": "b"}, annotations={}), True, id="another resource"),
        pytest.param(replace(PLAN, timeout=60), True, id="another timeout"),
        pytest.param(replace(PLAN, workers=WorkerGroup(gpu=1)), False, id="other workers"),
        pytest.param(other(data_key=SecretItem("other", "key")), False, id="another data key"),
        pytest.param(other(claims=PODS.claims[1:]), False, id="other volumes"),
        pytest.param(other(workloads_image="workloads:2"), False, id="another image"),
        pytest.param(other(overrides={"spec": {"priorityClassName": "low"}}), False, id="another pod template"),
    ],
)
def test_runs_share_a_cluster_where_their_pods_would_be_the_same(plan: RayJobPlan, shares: bool) -> None:
    assert (shared_cluster(plan, APIS).name == shared_cluster(PLAN, APIS).name) == shares


def test_a_standing_head_mounts_the_data_key_and_nothing_of_an_attempt() -> None:
    found = shared_cluster(PLAN, APIS)
    head = found.spec["headGroupSpec"]["template"]
    assert [volume["name"] for volume in head["spec"]["volumes"] if {"secret", "configMap"} & set(volume)] == [
        "data-key"
    ]
    assert head["spec"]["serviceAccountName"] == found.name
    assert "faceledger.dev/subject-uid" not in head["metadata"]["labels"]
    assert found.spec["authOptions"] == {"mode": "token"}


def test_the_rayjob_of_a_standing_cluster_keeps_kuberays_rules() -> None:
    job = build_shared_rayjob(PLAN, "faceledger-1")
    assert job["metadata"]["labels"][CLUSTER] == "faceledger-1"
    spec = job["spec"]
    assert spec["clusterSelector"] == {"ray.io/cluster": "faceledger-1"}
    assert (spec["submissionMode"], spec["shutdownAfterJobFinishes"], spec["backoffLimit"]) == ("HTTPMode", False, 0)
    assert not {"rayClusterSpec", "submitterPodTemplate", "suspend"} & set(spec)


def test_rights_to_an_attempt_are_given_to_the_clusters_account_and_go_with_the_attempt() -> None:
    anchor = {"metadata": {"name": "front-door-1-run", "uid": "anchor"}}
    children = Children(dataset(), "front-door-1", anchor, "faceledger-1")
    rights = [
        (name, resource, verb)
        for rule in children.role()["rules"]
        for resource in rule["resources"]
        for name in rule["resourceNames"]
        for verb in rule["verbs"]
    ]
    assert rights == [
        ("front-door-1-report", "configmaps", "get"),
        ("front-door-1-report", "configmaps", "patch"),
        ("front-door-1-run", "configmaps", "get"),
        ("front-door-1-run-key", "secrets", "get"),
    ]
    binding = children.role_binding()
    assert binding["subjects"][0]["name"] == "faceledger-1"
    assert binding["metadata"]["ownerReferences"][0]["uid"] == "anchor"
    assert [kind.kind for kind, _ in children.others(APIS)] == ["ConfigMap"]


class World:
    def __init__(self) -> None:
        self.api, self.now = MemoryApi(), NOW
        self.wanted = shared_cluster(PLAN, APIS)
        self.keeper = StandingReconciler(self.api, lambda: self.now)  # type: ignore[arg-type]

    async def claim(self, attempt: str) -> None:
        await claim(self.api, self.wanted, attempt, 600)  # type: ignore[arg-type]

    async def job(self, name: str, deployment: str) -> None:
        self.api.objects[RAY_JOB.kind, "demo", name] = {
            "metadata": {
                "name": name,
                "uid": name,
                "labels": {CLUSTER: self.wanted.name},
                "creationTimestamp": "2026-01-02T12:00:00Z",
            },
            "status": {"jobDeploymentStatus": deployment},
        }

    async def look(self) -> float | None:
        return await self.keeper("demo", self.wanted.name)


async def test_a_cluster_is_made_kept_idle_for_its_time_and_goes_with_all_that_belongs_to_it() -> None:
    world = World()
    await world.claim("a-1")
    await world.job("a-1", "Running")
    await world.look()
    assert len(world.api.of(RAY_CLUSTER)) == 1
    await world.job("a-1", "Complete")
    await world.look()
    world.now += timedelta(seconds=600)
    await world.look()
    assert [key for key in world.api.objects if key[2].startswith(world.wanted.name)] == []


async def test_a_claim_makes_an_idle_cluster_a_used_one() -> None:
    world = World()
    await world.claim("a-1")
    await world.look()
    world.now += timedelta(seconds=599)
    writes = len(world.api.of(RAY_CLUSTER))
    await world.claim("b-1")
    world.now += timedelta(seconds=1)
    await world.look()
    assert len(world.api.of(RAY_CLUSTER)) == writes == 1


async def test_a_cluster_that_is_claimed_meanwhile_is_not_removed() -> None:
    world = World()
    await world.claim("a-1")
    await world.look()
    world.now += timedelta(seconds=600)
    look = world.api.list

    async def claimed_meanwhile(*arguments: Any) -> Any:
        await world.claim("b-1")
        return await look(*arguments)

    world.api.list = claimed_meanwhile  # type: ignore[method-assign]
    with pytest.raises(ApiConflictError):
        await world.look()
    assert world.api.of(CONFIG_MAP)


async def test_a_used_cluster_causes_no_writes() -> None:
    world = World()
    await world.claim("a-1")
    await world.job("a-1", "Running")
    world.api.writes.clear()
    for _ in range(3):
        await world.look()
    assert world.api.writes == []
