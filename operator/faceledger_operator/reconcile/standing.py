"""Keeps the Ray clusters that stand between runs (mode Shared): made when a run wants one, gone when none does.

    none --a run claims it--> in use --no run left--> idle --idleTTL over--> none
                               ^  |                    |
                               |  +-- its head is lost-|--> none
                               +------ claimed --------+

In: a cluster's anchor, jobs and pods. Out: at most one write. Invariants: an anchor (ConfigMap) owns all that a cluster
consists of, so one deletion removes it; a claim changes the anchor, and the anchor is deleted only as it was when
nobody had claimed it. The anchor is written by the leading operator alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from ..api.base import GROUP
from ..kube.api import Kube, Object
from ..kube.errors import ApiConflictError
from ..kube.kinds import CONFIG_MAP, NETWORK_POLICY, POD, RAY_CLUSTER, RAY_JOB, SERVICE_ACCOUNT
from ..kube.labels import ATTEMPT, CLUSTER
from ..ray.network import driver_policy, ray_policy
from ..ray.podfaults import HEAD, PodView, read_pod
from ..ray.shared import SharedCluster
from ..ray.status import ClusterView, JobView, parse_time, read_cluster, read_job
from .adoption import create_or_adopt
from .decision import RESYNC

__all__ = ["Keeping", "Standing", "StandingReconciler", "claim", "decide_keeping"]

IDLE_SECONDS = f"{GROUP}/idle-seconds"
IDLE_SINCE = f"{GROUP}/idle-since"
CLAIMED_BY = f"{GROUP}/claimed-by"
"""Annotations of an anchor: how long the cluster may be idle, since when it is (if it is), and its newest attempt."""

MAKING = timedelta(seconds=60)
"""How long after its anchor the RayCluster may be missing: it is being made."""


@dataclass(frozen=True)
class Standing:
    """What is there of a standing cluster. `cluster`: None where there is no RayCluster."""

    created: datetime
    idle_seconds: int
    idle_since: datetime | None
    cluster: ClusterView | None
    jobs: tuple[JobView, ...]
    pods: tuple[PodView, ...]

    @property
    def used(self) -> bool:
        return any(not job.ended and not job.deleting for job in self.jobs)

    @property
    def lost(self) -> bool:
        """Its head is gone, with every job, or going."""
        heads = [pod for pod in self.pods if pod.role == HEAD]
        if any(pod.ended or pod.deleting for pod in heads):
            return True
        return self.cluster is not None and (self.cluster.deleting or (self.cluster.provisioned and not heads))


class Keeping(StrEnum):
    KEEP = "keep"
    MARK_IDLE = "mark idle"
    MARK_USED = "mark used"
    REMOVE = "remove"


def decide_keeping(seen: Standing, now: datetime) -> tuple[Keeping, float | None]:
    """What to do, and seconds until the next look."""
    if seen.lost or (seen.cluster is None and now - seen.created >= MAKING):
        return Keeping.REMOVE, None
    keeping, look_again = _by_use(seen, now)
    if seen.cluster is None and look_again is not None:
        return keeping, min(look_again, MAKING.total_seconds())
    return keeping, look_again


def _by_use(seen: Standing, now: datetime) -> tuple[Keeping, float | None]:
    if seen.used:
        return (Keeping.MARK_USED if seen.idle_since else Keeping.KEEP), RESYNC.total_seconds()
    if seen.idle_since is None:
        return Keeping.MARK_IDLE, float(seen.idle_seconds)
    left = seen.idle_seconds - (now - seen.idle_since).total_seconds()
    return (Keeping.REMOVE, None) if left <= 0 else (Keeping.KEEP, left)


async def claim(kube: Kube, wanted: SharedCluster, attempt: str, idle_seconds: int) -> None:
    """The cluster is there, or being made, and counts as used by the attempt. `ApiConflictError`: it is going."""
    annotations = {**wanted.annotations, IDLE_SECONDS: str(idle_seconds), CLAIMED_BY: attempt}
    anchor = await kube.apply(CONFIG_MAP, _anchor(wanted.name, wanted.namespace, wanted.labels, annotations))
    owner = CONFIG_MAP.owner(wanted.name, anchor["metadata"]["uid"])
    standing = await kube.get(RAY_CLUSTER, wanted.namespace, wanted.name)
    if standing is None:
        pods = {ATTEMPT: wanted.name}
        driver = {**wanted.child(f"{wanted.name}-driver", owner), "spec": driver_policy(pods, wanted.ipfs_apis)}
        await create_or_adopt(kube, SERVICE_ACCOUNT, wanted.child(wanted.name, owner))
        policy = {**wanted.child(wanted.name, owner), "spec": ray_policy(pods)}
        await create_or_adopt(kube, NETWORK_POLICY, policy)
        await create_or_adopt(kube, NETWORK_POLICY, driver)
        await create_or_adopt(kube, RAY_CLUSTER, wanted.body(owner))
    elif owner["uid"] not in {found["uid"] for found in standing["metadata"].get("ownerReferences") or []}:
        raise ApiConflictError(f"RayCluster {wanted.name} goes with its anchor of before")


class StandingReconciler:
    """Looks after one cluster at a time."""

    def __init__(self, kube: Kube, now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._now = now

    async def __call__(self, namespace: str, name: str) -> float | None:
        anchor = await self._kube.get(CONFIG_MAP, namespace, name)
        if anchor is None or IDLE_SECONDS not in (anchor["metadata"].get("annotations") or {}):
            return None
        seen = await self._look(anchor)
        keeping, look_again = decide_keeping(seen, self._now())
        match keeping:
            case Keeping.KEEP:
                pass
            case Keeping.MARK_IDLE:
                await self._mark(anchor, {IDLE_SINCE: self._now().isoformat()})
            case Keeping.MARK_USED:
                await self._mark(anchor, {})
            case Keeping.REMOVE:
                uid, version = anchor["metadata"]["uid"], anchor["metadata"]["resourceVersion"]
                await self._kube.delete(CONFIG_MAP, namespace, name, uid=uid, resource_version=version)
            case _:
                assert_never(keeping)
        return look_again

    async def _look(self, anchor: Object) -> Standing:
        metadata = anchor["metadata"]
        namespace, name, said = metadata["namespace"], metadata["name"], metadata["annotations"]
        cluster = await self._kube.get(RAY_CLUSTER, namespace, name)
        jobs = await self._kube.list(RAY_JOB, namespace, {CLUSTER: name})
        pods = await self._kube.list(POD, namespace, {ATTEMPT: name})
        return Standing(
            created=parse_time(metadata["creationTimestamp"]),
            idle_seconds=int(said[IDLE_SECONDS]),
            idle_since=parse_time(said[IDLE_SINCE]) if IDLE_SINCE in said else None,
            cluster=read_cluster(cluster) if cluster else None,
            jobs=tuple(read_job(body) for body in jobs),
            pods=tuple(read_pod(body) for body in pods),
        )

    async def _mark(self, anchor: Object, marks: dict[str, str]) -> None:
        """All that we say of the anchor: applied, so that what is not among it goes; only as it was seen."""
        metadata = anchor["metadata"]
        kept = {key: value for key, value in metadata["annotations"].items() if key != IDLE_SINCE}
        body = _anchor(metadata["name"], metadata["namespace"], metadata["labels"], {**kept, **marks})
        body["metadata"]["resourceVersion"] = metadata["resourceVersion"]
        await self._kube.apply(CONFIG_MAP, body)


def _anchor(name: str, namespace: str, labels: dict[str, str], annotations: dict[str, str]) -> Object:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels, "annotations": annotations}}
