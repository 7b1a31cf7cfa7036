"""What the operator does with many resources, on a control plane without nodes; runs are played where one must end.

FACELEDGER_MANY: how many RecognitionJobs a burst has (1,000), FACELEDGER_IDLE_SECONDS: how long nothing is awaited
(300). The names of the figures say 1,000 whatever they are measured with; the unit says how many there were. KubeRay's
side is its own operator, as its manifest runs it, with as many RayJobs made from ours.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from faceledger_contracts.kubo import Kubo
from faceledger_operator.kube.api import Kube
from faceledger_operator.kube.kinds import FACE_DATASET, RAY_CLUSTER, RAY_JOB, RECOGNITION_JOB, Kind
from testbed import tools
from testbed.bare import OPERATOR, BareControlPlane, control_plane
from testbed.bare_stage import PEOPLE, Operator, Stage, stage
from testbed.played_runs import PlayedRuns
from testbed.processes import Process, free_port

__all__ = ["rows"]

MANY = int(os.environ.get("FACELEDGER_MANY", "1000"))
IDLE_SECONDS = float(os.environ.get("FACELEDGER_IDLE_SECONDS", "300"))

AT_ONCE = 32
"""Requests of the benchmark itself at a time."""

RATE, RATED = 10, 60
"""Creates a second, and how many of them."""

PLAYED = 20
"""Jobs whose whole life is played at once to count its writes; the ledger commits them as it would any."""

LEASE = 15
"""The operator's default, in seconds."""

Row = dict[str, Any]

T = TypeVar("T")


def rows() -> list[Row]:
    """One figure a dictionary, for `testbed.figures.print_figure`."""
    with TemporaryDirectory() as folder:
        with control_plane(Path(folder) / "ours") as plane, stage(plane) as ground:
            found, template = asyncio.run(_ours(ground))
        with control_plane(Path(folder) / "theirs") as plane:
            theirs = asyncio.run(_kuberay(plane, template))
    burst = next(row for row in found if row["name"] == "burst_1000_s")
    burst |= {"theirs": theirs["seconds"], "ratio": burst["ours"] / theirs["seconds"]}
    rss = next(row for row in found if row["name"] == "rss_mib")
    rss |= {"theirs": theirs["rss"], "ratio": rss["ours"] / theirs["rss"]}
    return found


async def _ours(ground: Stage) -> tuple[list[Row], Row]:
    """Our rows, and one RayJob to make KubeRay's of."""
    with ground.operator("operator-a", FACELEDGER_LEASE_SECONDS=str(LEASE)) as first:
        async with _client(ground.plane) as kube:
            runs = _runs(ground, kube)
            gallery = (await _when(lambda: _at_least(kube, RAY_JOB, 1), 120))[0]
            await runs.play(gallery)
            await _when(lambda: _ready(kube, FACE_DATASET, 1), 60)
            writes = await _writes_per_job(ground, kube, runs)
            latency = await _latency(ground, kube)
            burst = await _burst(ground, kube)
            jobs = await _all_end(kube, runs)
            rss = first.rss_mib
            idle = await _idle_writes(ground)
            restart, failover = await _replaced(ground, kube, first)
    return [
        _row("burst_1000_s", burst, f"s until {MANY} RayJobs exist", "<= 0.5 of KubeRay's"),
        _row("apply_to_rayjob_p99_s", latency, f"s, {RATE} a second", "<= 0.5"),
        _row("writes_per_job", writes, f"writes of a job's life, {PLAYED} at once", "<= 14"),
        _row("idle_writes", idle, f"writes beyond the lease in {IDLE_SECONDS:.0f} s, {jobs} Ready", "0"),
        _row("rss_mib", rss, f"MiB with {jobs} resources", "<= 150"),
        _row("failover_s", failover, f"s from kill -9 to the next RayJob, lease {LEASE} s", f"<= {LEASE + 2}"),
        _row("restart_resync_s", restart, f"s from start to the last look at {jobs} resources", "<= 10"),
    ], gallery


async def _writes_per_job(ground: Stage, kube: Kube, runs: PlayedRuns) -> float:
    before = len(_writes(ground))
    known = await _names(kube, RAY_JOB)
    await _create(ground, kube, [f"played-{number}" for number in range(PLAYED)])
    jobs = await _new_jobs(kube, known, PLAYED, 120)
    await runs.play_all(jobs)
    await _when(lambda: _ready(kube, RECOGNITION_JOB, PLAYED), 180)
    await _quiet(ground)
    return (len(_writes(ground)) - before) / PLAYED


async def _latency(ground: Stage, kube: Kube) -> float:
    """The 99th percentile of the time from a create until the watch shows its RayJob."""
    created: dict[str, float] = {}
    seen: dict[str, float] = {}

    async def look() -> None:
        while len(seen) < RATED:
            for job in await kube.list(RAY_JOB, PEOPLE, {"faceledger.dev/subject-kind": "RecognitionJob"}):
                name = job["metadata"]["annotations"]["faceledger.dev/subject"]
                if name in created:
                    seen.setdefault(name, time.monotonic())
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    for number in range(RATED):
        name = f"rated-{number}"
        created[name] = time.monotonic()
        await kube.create(RECOGNITION_JOB, ground.job(name))
        await asyncio.sleep(max(created[name] + 1 / RATE - time.monotonic(), 0))
    await asyncio.wait_for(looking, 120)
    waits = sorted(seen[name] - created[name] for name in created)
    return statistics.quantiles(waits, n=100, method="inclusive")[98]


async def _burst(ground: Stage, kube: Kube) -> float:
    known = await _names(kube, RAY_JOB)
    start = time.monotonic()
    await _create(ground, kube, [f"burst-{number}" for number in range(MANY)])
    await _when(lambda: _at_least(kube, RAY_JOB, len(known) + MANY), 900)
    return time.monotonic() - start


async def _all_end(kube: Kube, runs: PlayedRuns) -> int:
    """Every run under way is played to its end; how many RecognitionJobs are Ready then."""
    jobs = [job for job in await kube.list(RAY_JOB, PEOPLE) if not job.get("status")]
    await runs.play_all(jobs)
    wanted = len(await kube.list(RECOGNITION_JOB, PEOPLE))
    return len(await _when(lambda: _ready(kube, RECOGNITION_JOB, wanted), 900))


async def _idle_writes(ground: Stage) -> int:
    await _quiet(ground)
    before = len(_writes(ground))
    await asyncio.sleep(IDLE_SECONDS)
    return len(_writes(ground)) - before


async def _replaced(ground: Stage, kube: Kube, first: Operator) -> tuple[float, float]:
    """The leader is killed with a standby beside it, then that one too with nobody beside it: the time until the next
    process has looked at everything, and the time until the standby served a new resource."""
    with ground.operator("operator-b", FACELEDGER_LEASE_SECONDS=str(LEASE)) as second:
        await _when(lambda: _says(second, "standby"), 60)
        known = await _names(kube, RAY_JOB)
        first.signal(signal.SIGKILL)
        killed = time.monotonic()
        await kube.create(RECOGNITION_JOB, ground.job("after-kill"))
        await _when(lambda: _at_least(kube, RAY_JOB, len(known) + 1), 120)
        failover = time.monotonic() - killed
        second.signal(signal.SIGTERM)
        await asyncio.to_thread(second.wait, 30)
    with ground.operator("operator-c") as third:
        start, resources = time.monotonic(), len(known) + 2
        await _when(lambda: _has_looked(third, resources), 120)
        return time.monotonic() - start, failover


async def _kuberay(plane: BareControlPlane, template: Row) -> dict[str, float]:
    """KubeRay's own operator, and as many RayJobs as our burst had."""
    program = tools.binary("kuberay-*/manager")
    assert program, "KubeRay's operator is among the local cluster's binaries"
    for path in sorted(program.parent.glob("crd-*.yaml")):
        plane.kubectl("apply", "--server-side", "-f", path)
    plane.kubectl("create", "namespace", PEOPLE)
    health, metrics = free_port(), free_port()
    flags = [
        *("-kubeconfig", plane.kubeconfig(), "-enable-leader-election=false"),
        *(f"-health-probe-bind-address=127.0.0.1:{health}", f"-metrics-addr=127.0.0.1:{metrics}"),
        "--feature-gates=RayClusterStatusConditions=true",
    ]
    with Process([program, *flags], plane.folder / "kuberay.log") as manager:
        async with _client(plane) as kube:
            await _when(lambda: _known(kube), 60)
            start = time.monotonic()
            places = asyncio.Semaphore(AT_ONCE)

            async def create(number: int) -> None:
                async with places:
                    body = {"metadata": {"name": f"bare-{number}", "namespace": PEOPLE}, "spec": template["spec"]}
                    await kube.create(RAY_JOB, body)

            await asyncio.gather(*map(create, range(MANY)))
            await _when(lambda: _at_least(kube, RAY_CLUSTER, MANY), 900)
            return {"seconds": time.monotonic() - start, "rss": manager.rss_mib}


@asynccontextmanager
async def _client(plane: BareControlPlane) -> AsyncIterator[Kube]:
    kube = await Kube.connect(str(plane.kubeconfig()))
    try:
        yield kube
    finally:
        await kube.close()


def _runs(ground: Stage, kube: Kube) -> PlayedRuns:
    artefact = ground.plane.folder / "artefact"
    artefact.write_bytes(b"encrypted")
    with Kubo(ground.ipfs) as store:
        return PlayedRuns(kube, PEOPLE, store.add(artefact), artefact.stat().st_size)


def _writes(ground: Stage) -> list[object]:
    return [request for request in ground.plane.writes(OPERATOR) if request.resource != "leases"]


async def _quiet(ground: Stage, seconds: float = 8) -> None:
    """Returns when nothing was written for so long."""
    before, since = len(_writes(ground)), time.monotonic()
    while time.monotonic() - since < seconds:
        await asyncio.sleep(1)
        if len(_writes(ground)) != before:
            before, since = len(_writes(ground)), time.monotonic()


async def _create(ground: Stage, kube: Kube, names: list[str]) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def create(name: str) -> None:
        async with places:
            await kube.create(RECOGNITION_JOB, ground.job(name))

    await asyncio.gather(*map(create, names))


async def _names(kube: Kube, kind: Kind) -> set[str]:
    return {found["metadata"]["name"] for found in await kube.list(kind, PEOPLE)}


async def _new_jobs(kube: Kube, known: set[str], count: int, seconds: float) -> list[Row]:
    found = await _when(lambda: _at_least(kube, RAY_JOB, len(known) + count), seconds)
    return [job for job in found if job["metadata"]["name"] not in known]


async def _at_least(kube: Kube, kind: Kind, count: int) -> list[Row] | None:
    found = await kube.list(kind, PEOPLE)
    return found if len(found) >= count else None


async def _ready(kube: Kube, kind: Kind, count: int) -> list[Row] | None:
    found = [resource for resource in await kube.list(kind, PEOPLE) if _is_ready(resource)]
    return found if len(found) >= count else None


def _is_ready(resource: Row) -> bool:
    conditions = (resource.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


async def _known(kube: Kube) -> bool | None:
    return await kube.knows(RAY_JOB, PEOPLE) or None


async def _says(one: Operator, word: str) -> bool | None:
    return word in await asyncio.to_thread(one.asked, "/readyz") or None


async def _has_looked(one: Operator, resources: int) -> bool | None:
    """Whether it has made as many passes as there are resources, and none waits for one."""
    lines = (await asyncio.to_thread(one.asked, "/metrics")).splitlines()

    def total(metric: str) -> float:
        return sum(float(line.split()[-1]) for line in lines if line.startswith(metric))

    passes = total("faceledger_reconcile_duration_seconds_count")
    return (passes >= resources and not total("faceledger_queue_depth")) or None


async def _when(look: Callable[[], Awaitable[T | None]], seconds: float) -> T:
    """What `look` finds, once it finds anything."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = await look()
        if found is not None:
            return found
        await asyncio.sleep(0.25)
    raise TimeoutError(f"not within {seconds:.0f} s")


def _row(name: str, ours: float, unit: str, target: str) -> Row:
    return {"name": name, "ours": ours, "unit": unit, "target": target}
