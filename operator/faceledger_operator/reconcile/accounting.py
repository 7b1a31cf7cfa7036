"""What attempts have used: counted when an attempt ends, added up over the life of a resource, and priced.

In: the status before a pass and after it, and the installation's prices. Out: how an attempt ended, and the status with
its account. Pure. Invariant: each attempt is charged once, by whichever process saw its end; an account says what was
asked for, never what a provider bills. Time that a RayJob waits in a queue counts: Kueue may suspend it at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from ..api.base import AskedStatus, AttemptStatus, Compute, CostStatus
from .plan import parse_duration, parse_quantity
from .subject import Status

__all__ = ["FREE", "Prices", "asked_for", "charged", "end_between", "used"]

_HOUR = Decimal(3600)
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Prices:
    """Of one CPU and one GPU for an hour, in `currency`; both 0: nothing is estimated."""

    cpu_hour: Decimal = Decimal(0)
    gpu_hour: Decimal = Decimal(0)
    currency: str = "USD"

    def estimate(self, cpu_seconds: int, gpu_seconds: int) -> str | None:
        """An amount to the cent with its currency; None where no price is known."""
        if not self.cpu_hour and not self.gpu_hour:
            return None
        amount = (cpu_seconds * self.cpu_hour + gpu_seconds * self.gpu_hour) / _HOUR
        return f"{amount.quantize(_CENT, ROUND_HALF_UP)} {self.currency}"


FREE = Prices()


def end_between(before: AttemptStatus | None, after: Status) -> Literal["Succeeded", "Retried", "Failed"] | None:
    """How the attempt ended, if it ended between the two."""
    attempt = after.attempt
    if attempt is None or attempt.end_time is None:
        return None
    if before is not None and before.name == attempt.name and before.end_time is not None:
        return None
    if after.commitment is not None:
        return "Succeeded"
    return "Retried" if attempt.retry_at else "Failed"


def asked_for(compute: Compute) -> AskedStatus:
    """What an attempt with these settings asks for."""
    workers = compute.workers
    return AskedStatus(workers=workers.max, cpu=workers.cpu, gpu=workers.gpu, timeout=compute.timeout)


def used(attempt: AttemptStatus, compute: Compute, now: datetime) -> tuple[int, int]:
    """CPU-seconds and GPU-seconds of an attempt's workers, all of them from its start to its timeout. `compute` counts
    for an attempt of a release that did not note what it asked for."""
    asked, started = attempt.asked or asked_for(compute), attempt.start_time
    passed = (now - started).total_seconds() if started else 0.0
    worked = asked.workers * Decimal(min(passed, parse_duration(asked.timeout)))
    return int(worked * parse_quantity(asked.cpu)), int(worked * asked.gpu)


def charged(before: Status, after: Status, compute: Compute, prices: Prices, now: datetime) -> Status:
    """The status with what all attempts have used; what was charged before is never lost."""
    old = before.cost or CostStatus()
    cpu, gpu = _newly_used(before, after, compute, now)
    seconds = old.cpu_seconds + cpu, old.gpu_seconds + gpu
    if not any(seconds):
        return after
    estimate = prices.estimate(*seconds)
    cost = CostStatus(cpu_seconds=seconds[0], gpu_seconds=seconds[1], estimate=estimate)
    return after.model_copy(update={"cost": cost})


def _newly_used(before: Status, after: Status, compute: Compute, now: datetime) -> tuple[int, int]:
    ended, was = after.attempt, before.attempt
    cpu, gpu = (ended.cpu_seconds, ended.gpu_seconds) if ended and end_between(was, after) else (0, 0)
    replaced = was is not None and was.end_time is None and (ended is None or ended.name != was.name)
    if was is not None and replaced:  # an edit of the spec ended it
        more = used(was, compute, now)
        return cpu + more[0], gpu + more[1]
    return cpu, gpu
