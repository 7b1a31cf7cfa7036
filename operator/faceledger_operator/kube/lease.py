"""Leadership: of all operator processes only the holder of one Lease object acts.

    waiting --(free, expired or ours)--> leading --(not renewed within renew_seconds)--> lost: the process must exit

In: a Lease name and this process' identity. Invariant: another process' lease counts as expired only after it was seen
unchanged for its whole duration on the local monotonic clock, so no clock skew between nodes can make two leaders. Who
was stopped beyond its lease is ended by an alarm of the kernel before it can act on: see `alarm`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from .api import Kube, Object
from .errors import ApiConflictError, ApiRefusedError, ApiUnavailableError
from .kinds import LEASE

__all__ = ["LeaderLease", "LeaseLostError", "LeaseTiming"]

_log = structlog.get_logger(__name__)


class LeaseLostError(Exception):
    """The lease was not renewed in time: another process may lead by now."""


@dataclass(frozen=True)
class LeaseTiming:
    """Seconds. `renew` is shorter than `duration`: a leader gives up before anybody else may take over, and `grace`
    later at the latest its process is ended. `retry` is between two renewals, `look` between two looks of a standby."""

    duration: float = 10.0
    renew: float = 7.0
    retry: float = 2.0
    look: float = 0.5
    grace: float = 0.5

    @classmethod
    def of(cls, duration: float) -> LeaseTiming:
        """In the same proportions."""
        return cls(duration, 0.7 * duration, 0.2 * duration, 0.05 * duration, 0.05 * duration)


@dataclass(frozen=True)
class _Sighting:
    version: str
    at: float


class LeaderLease:
    """One candidate for leadership."""

    def __init__(
        self,
        kube: Kube,
        namespace: str,
        name: str,
        identity: str,
        timing: LeaseTiming = LeaseTiming(),
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        end_process_after: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """`end_process_after` sets the alarm that is set anew with every renewal."""
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._timing = timing
        self._monotonic = monotonic
        self._now = now
        self._end_process_after = end_process_after
        self._seen: _Sighting | None = None
        self._renewed_at: float | None = None

    @property
    def leading(self) -> bool:
        """Whether this process may act: it renewed the lease within the renew limit."""
        return self._renewed_at is not None and self._monotonic() - self._renewed_at < self._timing.renew

    @property
    def standing_by(self) -> bool:
        """Whether another process was seen to lead, so that this one is to wait."""
        return self._seen is not None and not self.leading

    def require(self) -> None:
        """The fence of writes: raises `LeaseLostError` where this process may not act, e.g. after it was stopped."""
        if not self.leading:
            raise LeaseLostError(f"Lease {self._namespace}/{self._name} is not held")

    async def acquire(self) -> None:
        """Returns once this process leads."""
        while True:
            if await self._try_take():
                return
            await asyncio.sleep(self._timing.look)

    async def hold(self) -> None:
        """Renews for ever; raises `LeaseLostError` when that did not succeed in time."""
        while True:
            await asyncio.sleep(self._timing.retry)
            await self._try_take()
            if not self.leading:
                raise LeaseLostError(f"Lease {self._namespace}/{self._name} was not renewed in time")

    async def release(self) -> None:
        """Hands over at once, at a graceful stop."""
        self._renewed_at = None
        self._end_process_after(0)
        lease = await self._kube.get(LEASE, self._namespace, self._name)
        if lease and lease["spec"].get("holderIdentity") == self._identity:
            await self._kube.replace(LEASE, {**lease, "spec": {**lease["spec"], "holderIdentity": ""}})

    async def _try_take(self) -> bool:
        started = self._monotonic()
        try:
            taken = await asyncio.wait_for(self._take(), timeout=self._left(started))
        except (ApiConflictError, ApiUnavailableError, TimeoutError) as error:
            _log.info("lease not taken", lease=self._name, error=str(error))
            return False
        if taken:
            self._renewed_at = started  # the moment before the request: the safe side
            # One whose answer took so long that nothing is left ends here and now.
            self._end_process_after(max(self._left(self._monotonic()) + self._timing.grace, 0.001))
        return taken

    def _left(self, moment: float) -> float:
        """Seconds of leadership from that moment on; for who does not lead, the longest that an answer may take."""
        since = self._renewed_at if self._renewed_at is not None else moment
        return since + self._timing.renew - moment

    async def _take(self) -> bool:
        lease = await self._kube.get(LEASE, self._namespace, self._name)
        if lease is None:
            await self._kube.create(LEASE, self._body(None))
            return True
        if not self._is_free(lease):
            return False
        try:
            await self._kube.replace(LEASE, self._body(lease))
        except ApiRefusedError as error:
            if error.status != 404:
                raise
            return False
        return True

    def _is_free(self, lease: Object) -> bool:
        holder = lease.get("spec", {}).get("holderIdentity")
        if not holder or holder == self._identity:
            return True
        version = lease["metadata"]["resourceVersion"]
        if self._seen is None or self._seen.version != version:
            self._seen = _Sighting(version, self._monotonic())
        duration = lease["spec"].get("leaseDurationSeconds") or self._timing.duration
        return self._monotonic() - self._seen.at >= duration

    def _body(self, lease: Object | None) -> Object:
        now = self._now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        before = (lease or {}).get("spec", {})
        ours = before.get("holderIdentity") == self._identity
        metadata = (lease or {}).get("metadata") or {"namespace": self._namespace, "name": self._name}
        return {
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": int(self._timing.duration),
                "acquireTime": before.get("acquireTime", now) if ours else now,
                "renewTime": now,
                "leaseTransitions": before.get("leaseTransitions", 0) + (0 if ours else 1),
            },
        }
