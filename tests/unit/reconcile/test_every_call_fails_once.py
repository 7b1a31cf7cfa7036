"""From an applied FaceDataset to its committed result, with every single call to the API server or the ledger failing
once, before or after its effect: the end is always the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from faceledger_operator.kube.errors import ApiConflictError, ApiUnavailableError
from faceledger_operator.kube.events import EventRecorder
from faceledger_operator.kube.kinds import (
    CONFIG_MAP,
    EVENT,
    FACE_DATASET,
    LEDGER_BINDING,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    RAY_CLUSTER,
    RAY_JOB,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
)
from faceledger_operator.kube.labels import ATTEMPT, SUBJECT_UID
from faceledger_operator.ledger.ledger import Ledgers, LedgerUnavailableError
from faceledger_operator.reconcile.act import Actor, Images
from faceledger_operator.reconcile.facedataset import DatasetSubject
from faceledger_operator.reconcile.observe import Observer
from faceledger_operator.reconcile.resolve import Resolver
from faceledger_operator.reconcile.subjects import SubjectReconciler
from faceledger_operator.reconcile.watch_audit import WatchAudit
from memory_api import MemoryApi, When
from simulated_cluster import IMAGE_DIGEST, SimulatedKubeRay, SimulatedLedger
from subject_builders import DATASET_SPEC, NOW, UID, body

PASSES = 60
"""Far more than a run needs."""


@dataclass
class World:
    """A cluster with a LedgerBinding, claims and a FaceDataset, and the reconciler under test."""

    api: MemoryApi
    ledger: SimulatedLedger
    kuberay: SimulatedKubeRay
    reconciler: SubjectReconciler

    @classmethod
    def make(cls) -> World:
        api, ledger, ledgers = MemoryApi(), SimulatedLedger(), Ledgers()
        ledgers.put("demo", "consortium", ledger)
        kube: Any = api
        observer = Observer(kube, ledgers, Resolver(kube, ledgers, "workloads:1"))
        keys = iter(bytes([number]) * 32 for number in range(1, 200))
        actor = Actor(kube, ledgers, Images("workloads:1", "operator:1"), lambda _: next(keys), lambda: NOW)
        reconciler = SubjectReconciler(
            FACE_DATASET,
            DatasetSubject.parse,
            kube,
            observer,
            actor,
            EventRecorder(kube, "operator-1", lambda: NOW),
            WatchAudit(lambda: 0.0),
            lambda: NOW,
        )
        return cls(api, ledger, SimulatedKubeRay(api, ledger), reconciler)

    async def fill(self, mode: str = "Ephemeral") -> None:
        ready = {"conditions": [{"type": "Ready", "status": "True", "reason": "Ready"}]}
        await self.api.create(
            LEDGER_BINDING, {"metadata": {"name": "consortium", "namespace": "demo"}, "status": ready}
        )
        for claim in ("staff-photos", "faceledger"):
            await self.api.create(PERSISTENT_VOLUME_CLAIM, {"metadata": {"name": claim, "namespace": "demo"}})
        spec = {**DATASET_SPEC, "compute": {"mode": mode}}
        await self.api.create(FACE_DATASET, body("FaceDataset", "staff", spec))
        self.api.calls = 0
        self.api.writes.clear()

    async def run(self, until: str = "True") -> None:
        """Passes and turns until the resource is Ready and tidy."""
        for _ in range(PASSES):
            pause = await self._pass()
            self.kuberay.turn()
            self.ledger.turn()
            if self.ready == until and pause is None:
                return
        raise AssertionError(f"not Ready after {PASSES} passes: {self.status}")

    async def _pass(self) -> float | None:
        try:
            return await self.reconciler("demo", "staff")
        except (ApiUnavailableError, ApiConflictError, LedgerUnavailableError):
            return 0.1

    @property
    def status(self) -> dict[str, Any]:
        return self.api.objects["FaceDataset", "demo", "staff"]["status"]

    @property
    def ready(self) -> str:
        found = [c["status"] for c in self.status.get("conditions", ()) if c["type"] == "Ready"]
        return found[0] if found else "Unknown"


def end_state(world: World) -> dict[str, Any]:
    """All that must not depend on what failed on the way."""
    children = (POD, RAY_CLUSTER, CONFIG_MAP, SERVICE_ACCOUNT, ROLE, ROLE_BINDING)
    return {
        "rayjobs": world.kuberay.seen,
        "records": set(world.ledger.records),
        "images": {pending.record.image_digest for pending in world.ledger.records.values()},
        "attempt": (world.status["attempt"]["number"], world.status["attempt"]["failures"]),
        "state": world.status["commitment"]["state"],
        "conditions": {c["type"]: (c["status"], c["reason"]) for c in world.status["conditions"]},
        "left": [kind.kind for kind in children if world.api.of(kind)],
        "secrets": [secret["metadata"]["name"] for secret in world.api.of(SECRET)],
    }


async def undisturbed(mode: str = "Ephemeral") -> World:
    world = World.make()
    await world.fill(mode)
    await world.run()
    return world


@pytest.fixture(scope="module")
def smooth() -> World:
    return asyncio.run(undisturbed())


def test_a_smooth_run_ends_ready_with_one_rayjob_and_nothing_left(smooth: World) -> None:
    end = end_state(smooth)
    assert len(end["rayjobs"]) == 1
    assert end["rayjobs"] == end["records"]
    assert end["images"] == {IMAGE_DIGEST}
    assert end["attempt"] == (1, 0)
    assert end["conditions"] == {
        "Ready": ("True", "Succeeded"),
        "Synthesized": ("True", "Succeeded"),
        "Committed": ("True", "Succeeded"),
    }
    assert end["left"] == []
    assert end["secrets"] == ["staff-data-key"]


async def test_looking_again_at_a_finished_resource_writes_nothing() -> None:
    world = await undisturbed()
    world.api.writes.clear()
    for _ in range(3):
        assert await world.reconciler("demo", "staff") is None
    assert world.api.writes == []


def test_the_events_of_a_smooth_run_tell_its_story_once(smooth: World) -> None:
    reasons = [event["reason"] for event in smooth.api.of(EVENT)]
    assert sorted(reasons) == ["AttemptStarted", "Succeeded"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_every_api_call_may_fail_once(smooth: World, when: When) -> None:
    for number in range(smooth.api.calls):
        world = World.make()
        await world.fill()
        world.api.fail = (number, when)
        await world.run()
        assert end_state(world) == end_state(smooth), f"call {number} failed {when} its effect"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_every_api_call_may_fail_once_on_a_standing_cluster(when: When) -> None:
    smooth = await undisturbed("Shared")
    assert end_state(smooth)["left"] == ["Pod", "RayCluster", "ConfigMap", "ServiceAccount"], "the cluster stays alone"
    assert smooth.api.of(RAY_CLUSTER)[0]["metadata"]["name"] == smooth.status["attempt"]["cluster"]
    for number in range(smooth.api.calls):
        world = World.make()
        await world.fill("Shared")
        world.api.fail = (number, when)
        await world.run()
        assert end_state(world) == end_state(smooth), f"call {number} failed {when} its effect"


async def test_every_ledger_call_may_fail_once(smooth: World) -> None:
    for number in range(smooth.ledger.calls):
        world = World.make()
        await world.fill()
        world.ledger.fail = number
        await world.run()
        assert end_state(world) == end_state(smooth), f"ledger call {number} failed"


async def test_a_rayjob_deleted_by_hand_is_followed_by_a_second_attempt() -> None:
    world = World.make()
    await world.fill()
    await world.reconciler("demo", "staff")
    world.kuberay.turn()
    world.api.remove(world.api.of(RAY_JOB)[0]["metadata"]["uid"])
    await world.run()
    assert (world.status["attempt"]["number"], world.status["attempt"]["failures"]) == (2, 0)
    assert len(world.kuberay.seen) == 2


async def test_a_spec_edited_mid_run_is_served_by_a_new_attempt_alone() -> None:
    world = World.make()
    await world.fill()
    await world.reconciler("demo", "staff")
    world.kuberay.turn()
    resource = world.api.objects["FaceDataset", "demo", "staff"]
    world.api.change(resource, spec={**resource["spec"], "preprocessing": {"size": 128}})
    await world.run()
    assert len(world.kuberay.seen) == 2
    assert set(world.ledger.records) == {world.status["attempt"]["name"]}
    assert world.status["observedGeneration"] == 2


async def test_a_start_that_was_broken_off_before_an_edit_leaves_nothing() -> None:
    world = World.make()
    await world.fill()
    world.ledger.fail = 0
    calls = world.api.calls
    await world.reconciler("demo", "staff")
    resource = world.api.objects["FaceDataset", "demo", "staff"]
    world.api.change(resource, status={"observedGeneration": -1})  # as if the process had ended before it wrote
    assert world.api.of(CONFIG_MAP)
    assert world.api.calls > calls
    world.api.change(resource, spec={**resource["spec"], "preprocessing": {"size": 128}})
    await world.run()
    assert end_state(world)["left"] == []
    assert end_state(world)["secrets"] == ["staff-data-key"]


async def test_a_rayjob_that_the_status_missed_before_an_edit_leaves_nothing() -> None:
    world = World.make()
    await world.fill()
    await world.reconciler("demo", "staff")
    resource = world.api.objects["FaceDataset", "demo", "staff"]
    world.api.change(resource, status={"observedGeneration": -1})  # as if the process had ended before it wrote
    for found in world.api.of(CONFIG_MAP):
        world.api.remove(found["metadata"]["uid"])
    world.api.change(resource, spec={**resource["spec"], "preprocessing": {"size": 128}})
    await world.run()
    assert end_state(world)["left"] == []
    assert end_state(world)["secrets"] == ["staff-data-key"]


@pytest.mark.parametrize("labels", [{}, {ATTEMPT: "default"}], ids=["no attempt", "a name that is somebody else's"])
async def test_a_config_map_that_poses_as_ours_has_nothing_deleted(labels: dict[str, str]) -> None:
    world = World.make()
    await world.fill()
    posing = {"namespace": "demo", "name": "posing", "labels": {SUBJECT_UID: UID, **labels}}
    await world.api.create(CONFIG_MAP, {"metadata": posing})
    await world.api.create(SERVICE_ACCOUNT, {"metadata": {"namespace": "demo", "name": "default"}})
    await world.run()
    assert [account["metadata"]["name"] for account in world.api.of(SERVICE_ACCOUNT)] == ["default"]


async def test_each_thing_that_a_person_must_mend_has_an_event() -> None:
    world = World.make()
    await world.fill()
    for claim in ("staff-photos", "faceledger"):
        world.api.remove(world.api.objects["PersistentVolumeClaim", "demo", claim]["metadata"]["uid"])
    await world.reconciler("demo", "staff")
    await world.api.create(PERSISTENT_VOLUME_CLAIM, {"metadata": {"name": "staff-photos", "namespace": "demo"}})
    for _ in range(2):
        await world.reconciler("demo", "staff")
    notes = [event["message"] for event in world.api.of(EVENT)]
    assert len(notes) == 2
    assert {"staff-photos" in note for note in notes} == {True, False}


async def test_a_deleted_resource_takes_everything_with_it() -> None:
    world = World.make()
    await world.fill()
    await world.reconciler("demo", "staff")
    world.kuberay.turn()
    world.api.remove(world.api.objects["FaceDataset", "demo", "staff"]["metadata"]["uid"])
    assert await world.reconciler("demo", "staff") is None
    left = {kind for kind, _, _ in world.api.objects}
    assert left == {"LedgerBinding", "PersistentVolumeClaim", "Event"}


async def test_an_object_of_an_earlier_release_is_named_and_not_retried() -> None:
    world = World.make()
    await world.fill()
    resource = world.api.objects["FaceDataset", "demo", "staff"]
    world.api.change(resource, spec={**resource["spec"], "preprocessing": {"size": "large"}})
    for _ in range(2):
        assert await world.reconciler("demo", "staff") is None
    stalled = [c for c in world.status["conditions"] if c["type"] == "Stalled"]
    assert "spec.preprocessing.size" in stalled[0]["message"]
    assert world.api.writes.count("status FaceDataset") == 1
