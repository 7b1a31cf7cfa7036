"""The operator's process: settings in, leadership, then watches and reconcilers until a signal or a lost lease.

    start --> waiting for the lease --> waiting for KubeRay --> at work --SIGTERM--> lease handed over, exit 0
                                                 |                |
                                                 +----------------+--lease lost--> exit 1 at once

Invariant: nothing is written before the lease is held, and nothing after it is lost.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import kopf
import structlog
from faceledger_contracts.randomness import SYSTEM

from .health import Health, serve_health
from .kube.alarm import end_process_after
from .kube.api import Kube, Object
from .kube.errors import ApiConflictError, ApiRefusedError, ApiUnavailableError
from .kube.events import EventRecorder
from .kube.kinds import FACE_DATASET, LEDGER_BINDING, RAY_CLUSTER, RAY_JOB, RECOGNITION_JOB, Kind
from .kube.lease import LeaderLease, LeaseLostError, LeaseTiming
from .ledger.ledger import Ledgers
from .logs import configure_logs
from .metrics import set_leading
from .receipts.volume import ReceiptVolume
from .reconcile.accounting import Prices
from .reconcile.act import Actor, Images
from .reconcile.decision import RESYNC
from .reconcile.engine import Engine, Reconciler
from .reconcile.facedataset import DatasetSubject
from .reconcile.ledgerbinding import BindingReconciler
from .reconcile.observe import Observer
from .reconcile.recognitionjob import RecognitionSubject
from .reconcile.resolve import Resolver
from .reconcile.standing import StandingReconciler
from .reconcile.subject import Subject
from .reconcile.subjects import SubjectReconciler
from .reconcile.watch_audit import WatchAudit
from .reconcile.watches import OWN_KINDS, Watches, watch_settings
from .settings import Settings

__all__ = ["main"]

LEASE_NAME = "faceledger-operator"

BLIND_SECONDS = 120.0
"""A write that no watch has shown for so long: the process is restarted. kopf reconnects a dead watch after 70 s."""

CLOSING_SECONDS = 1.0
"""For kopf to end its watches; what is left ends with the process."""

KUBERAY_SECONDS = 5.0
"""Between two looks for KubeRay's API."""

_log = structlog.get_logger(__name__)


class Operator:
    """Everything wired together."""

    def __init__(self, settings: Settings, kube: Kube, lease: LeaderLease, stop: asyncio.Event) -> None:
        self._settings = settings
        self._kube = kube
        self._lease = lease
        self._stop = stop
        self._watching = asyncio.Event()
        self._watches: asyncio.Future[None] | None = None
        self._audit = WatchAudit(time.monotonic)
        self._binding = self._make_binding_reconciler(ledgers := Ledgers())
        self._engine = Engine(self._reconcilers(ledgers))

    def alive(self) -> Health:
        age = self._audit.age
        if age > BLIND_SECONDS:
            return Health(False, f"a write has not been seen by the watches for {age:.0f} s")
        return Health(True, "ok")

    def ready(self) -> Health:
        """A standby is ready too: an installation waits for all its replicas."""
        if not self._lease.leading:
            standby = self._lease.standing_by
            return Health(standby, "standby: another process leads" if standby else "waiting for the lease")
        watching = self._watching.is_set()
        return Health(watching, "leading" if watching else "the watches are starting")

    async def work(self) -> None:
        """Holds the lease meanwhile. Returns after a signal; raises `LeaseLostError`."""
        await _first_to_end(self._lease.hold(), self._lead())

    async def _lead(self) -> None:
        await _until_stopped(self._stop, self._kuberay())
        if self._stop.is_set():
            return
        self._watches = asyncio.ensure_future(self._watch())
        try:
            async with self._engine:
                await _first_to_end(self._resync(), asyncio.shield(self._watches), self._told_to_stop())
        finally:
            await self._binding.close()

    async def close(self) -> None:
        """Ends the watches. kopf takes seconds for it, so the lease is handed over before: they write nothing."""
        if self._watches is not None:
            self._watches.cancel()
            await asyncio.wait({self._watches}, timeout=CLOSING_SECONDS)

    async def _watch(self) -> None:
        await kopf.operator(
            registry=Watches(self._engine.wake, self._audit).registry,
            settings=watch_settings(),
            standalone=True,
            # Left to itself, kopf asks for the user's name, and uid 1000 has none in a container.
            identity=self._settings.pod_name,  # type: ignore[arg-type]
            clusterwide=not self._settings.namespaces,
            namespaces=self._settings.namespaces,
            stop_flag=self._stop,
            ready_flag=self._watching,
        )

    async def _told_to_stop(self) -> None:
        """kopf has put handlers of its own for the signals, which tell nobody else."""
        await self._watching.wait()
        _listen(self._stop)
        await self._stop.wait()

    async def _kuberay(self) -> None:
        """Returns once the API server knows RayJobs: a watch of a kind that it does not know would never see one."""
        namespace = next(iter(self._settings.namespaces), None)
        while True:
            try:
                if await self._kube.knows(RAY_JOB, namespace):
                    return
                _log.warning("waiting for KubeRay")
            except (ApiRefusedError, ApiUnavailableError) as error:
                _log.warning("waiting for KubeRay", error=str(error))
            await asyncio.sleep(KUBERAY_SECONDS)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(RESYNC.total_seconds())
            for kind in OWN_KINDS:
                for namespace in self._settings.namespaces or (None,):
                    with suppress(ApiUnavailableError):
                        for body in await self._kube.list(kind, namespace):
                            self._engine.wake(kind, body["metadata"]["namespace"], body["metadata"]["name"])

    def _reconcilers(self, ledgers: Ledgers) -> dict[Kind, Reconciler]:
        images = _images(self._settings)
        observer = Observer(self._kube, ledgers, Resolver(self._kube, ledgers, images.workloads))
        actor = Actor(self._kube, ledgers, images, SYSTEM, _now)
        events = EventRecorder(self._kube, self._settings.pod_name, _now)
        settings = self._settings
        prices = Prices(settings.cpu_hour_price, settings.gpu_hour_price, settings.currency)
        subjects: dict[Kind, Callable[[Object], Subject]] = {
            FACE_DATASET: DatasetSubject.parse,
            RECOGNITION_JOB: RecognitionSubject.parse,
        }
        return {
            LEDGER_BINDING: self._binding,
            RAY_CLUSTER: StandingReconciler(self._kube, _now),
            **{
                kind: SubjectReconciler(kind, parse, self._kube, observer, actor, events, self._audit, _now, prices)
                for kind, parse in subjects.items()
            },
        }

    def _make_binding_reconciler(self, ledgers: Ledgers) -> BindingReconciler:
        kinds = {kind.kind: kind for kind in OWN_KINDS}
        return BindingReconciler(
            kube=self._kube,
            ledgers=ledgers,
            wake=lambda kind, namespace, name: self._engine.wake(kinds[kind], namespace, name),
            now=_now,
            random=SYSTEM,
            receipts=ReceiptVolume(self._settings.receipts),
            images=_images(self._settings),
            instance=self._settings.pod_name,
        )


def _images(settings: Settings) -> Images:
    return Images(settings.workloads_image, settings.operator_image, settings.pull_secrets)


async def run(settings: Settings) -> None:
    """Until a signal. Raises `LeaseLostError`."""
    stop = asyncio.Event()
    _listen(stop)  # at once: without handlers the first process of a container ignores signals
    agent = f"faceledger-operator/{settings.pod_name}"
    unfenced = await Kube.connect(settings.kubeconfig, agent=agent)
    lease = LeaderLease(
        *(unfenced, settings.pod_namespace, LEASE_NAME, settings.pod_name, LeaseTiming.of(settings.lease_seconds)),
        end_process_after=end_process_after,
    )
    kube = await Kube.connect(settings.kubeconfig, fence=lease.require, agent=agent)
    operator = Operator(settings, kube, lease, stop)
    try:
        async with serve_health(settings.health_port, operator.alive, operator.ready):
            await _until_stopped(stop, lease.acquire())
            if stop.is_set():
                return
            set_leading(True)
            _log.info("leading", lease=LEASE_NAME, identity=settings.pod_name)
            await operator.work()
            # Before anybody else leads: a write that is under way would come between theirs.
            await kube.settle()
            await unfenced.settle()  # a renewal that is under way would make the release a conflict
            with suppress(ApiUnavailableError, ApiConflictError):
                await lease.release()
    finally:
        await operator.close()
        await kube.close()
        await unfenced.close()


def main() -> int:
    settings = Settings.read(os.environ)
    configure_logs(settings.log_level)
    try:
        asyncio.run(run(settings))
    except LeaseLostError as error:
        _log.error("stopping", error=str(error))
        return 1
    return 0


def _listen(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _until_stopped(stop: asyncio.Event, work: Awaitable[None]) -> None:
    """Waits for the work or the signal, whichever comes first; the work's error is raised."""
    await _first_to_end(work, _wait_for(stop))


async def _first_to_end(*works: Awaitable[None]) -> None:
    """Ends all when one ends, and raises what it raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()


def _now() -> datetime:
    """To the second, as the API server stores it."""
    return datetime.now(UTC).replace(microsecond=0)


if __name__ == "__main__":
    sys.exit(main())
