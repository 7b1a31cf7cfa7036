"""One soak from its seed to its verdict: prepare, disturb, let it settle, look, take everything away, look again.

In: minutes and a seed. Out: what was seen, and how it is named as a figure. Invariant: whatever happens, the namespace
goes, every fault is over, and the operator is installed as it was found.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

from testbed import install
from testbed.cluster import Cluster, DeadlineMissedError, until
from testbed.sandbox import Sandbox

from . import inspection
from .actions import User
from .faults import Gremlin
from .invariants import Violation, violations
from .listening import Ears, listening
from .seen import Seen
from .watching import BREAKS, Log, watching

__all__ = ["Soak", "figure", "soak"]

_Answer = TypeVar("_Answer")

USE_SECONDS, FAULT_SECONDS = (3.0, 20.0), (3.0, 15.0)
"""Between two things that users do, and between two faults."""

SETTLE_SECONDS, REMOVAL_SECONDS = 300.0, 120.0
"""After the last fault everything is Ready or Stalled within the first; after the last deletion, gone within the
second."""

SETTLING_RULES = frozenset({"neither Ready nor Stalled", "left after the end"})
"""Rules that hold once all has settled; the others hold at any time."""

_START = time.monotonic()


@dataclass(frozen=True)
class Soak:
    """What a soak was and found. `doings`: how often users did something, and faults were made."""

    minutes: float
    seed: int
    doings: tuple[int, int]
    seen: Seen
    violations: tuple[Violation, ...]


def figure(done: Soak) -> dict[str, Any]:
    """The soak as a benchmark's row."""
    uses, faults = done.doings
    what = f"{uses} acts of users and {faults} faults, {len(done.seen.runs)} RayJobs, {len(done.seen.batches)} commits"
    return {
        "name": "soak_violations",
        "ours": len(done.violations),
        "unit": f"in {done.minutes:g} minutes, seed {done.seed}: {what}",
        "target": "== 0",
    }


def soak(minutes: float, seed: int) -> Soak:
    """Needs a cluster with the images that serves nobody else meanwhile. What happens is told on stderr."""
    cluster = Cluster()
    _tell(f"seed {seed}, {minutes:g} minutes")
    install.install(cluster, {"operator.replicas": "2"})
    sandbox = Sandbox(cluster)
    try:
        with watching(sandbox.namespace) as log, listening(sandbox.namespace) as ears:
            user = User(sandbox, _random(seed, "users"))
            user.prepare()
            doings = _disturb(user, sandbox, minutes, seed)
            seen = _look(user, sandbox, log, ears)
    finally:
        _again(sandbox.close)
        install.install(cluster)
    found = tuple(violations(seen))
    for violation in found:
        _tell(f"VIOLATION {violation}")
    return Soak(minutes, seed, doings, seen, found)


def _disturb(user: User, sandbox: Sandbox, minutes: float, seed: int) -> tuple[int, int]:
    """Users and gremlins at work side by side for so many minutes: how often each did something."""
    closing = threading.Event()
    gremlin = Gremlin(sandbox, _random(seed, "faults"), closing)
    counts = [0, 0]

    def work(who: int, act: Callable[[], str], random: Random, pauses: tuple[float, float]) -> None:
        while not closing.wait(random.uniform(*pauses)):
            with _told_when_it_breaks():
                _tell(act())
                counts[who] += 1

    with ThreadPoolExecutor(2) as two:
        working = [
            two.submit(work, 0, user.act, _random(seed, "use"), USE_SECONDS),
            two.submit(work, 1, gremlin.act, _random(seed, "pauses"), FAULT_SECONDS),
        ]
        try:
            wait(working, timeout=minutes * 60, return_when=FIRST_EXCEPTION)
        finally:
            closing.set()
    for one in working:
        one.result()  # a soak whose user or gremlin broke down has proved nothing
    return counts[0], counts[1]


def _look(user: User, sandbox: Sandbox, log: Log, ears: Ears) -> Seen:
    _again(user.settle)
    _wait("all is settled", lambda: _is_settled(sandbox), SETTLE_SECONDS)
    settled = _resources_and_children(sandbox, verify=True)
    for resource in settled.resources:
        _tell(f"{resource} is {resource.condition('Ready')}")
    kept = _again(lambda: inspection.receipts(sandbox.cluster, sandbox.namespace))
    _again(user.delete_all)
    _wait("all is gone", lambda: _is_gone(sandbox), REMOVAL_SECONDS)
    remains = _again(lambda: inspection.children(sandbox.cluster, sandbox.namespace))
    return replace(
        settled,
        remains=remains,
        runs=tuple(log.runs.values()),
        transitions=tuple(log.transitions),
        memory=tuple(ears.memory),
        texts=(*ears.texts, *log.written.values()),
        needles=(*log.needles, *inspection.pieces_of_photos()),
        batches=_again(lambda: inspection.batches(sandbox.cluster, log.contracts)),
        receipts=kept,
        submitted=frozenset(log.submitted),
    )


def _resources_and_children(sandbox: Sandbox, *, verify: bool) -> Seen:
    cluster, namespace = sandbox.cluster, sandbox.namespace
    found = _again(lambda: inspection.resources(cluster, namespace, verify=verify))
    return Seen(resources=found, children=_again(lambda: inspection.children(cluster, namespace)))


def _is_settled(sandbox: Sandbox) -> bool:
    found = violations(_resources_and_children(sandbox, verify=False))
    return not SETTLING_RULES.intersection(violation.rule for violation in found)


def _is_gone(sandbox: Sandbox) -> bool:
    cluster, namespace = sandbox.cluster, sandbox.namespace
    return not inspection.children(cluster, namespace) and not inspection.resources(cluster, namespace, verify=False)


def _wait(what: str, look: Callable[[], bool], seconds: float) -> None:
    """Until then or until it is too late: what is wrong by then is a violation, and is told as one."""
    start = time.monotonic()
    with suppress(DeadlineMissedError):
        until(what, lambda: _again(look), seconds, every=2.0)
    _tell(f"{what}: waited {time.monotonic() - start:.0f} s")


def _again(call: Callable[[], _Answer], seconds: float = 60.0) -> _Answer:
    """What `call` answers, once the API server is back."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        try:
            return call()
        except (*BREAKS, RuntimeError):
            if time.monotonic() > deadline:
                raise
        pause.wait(1.0)


def _random(seed: int, what: str) -> Random:
    """A source for each role: what one of them does leaves the others' course as it is."""
    return Random(f"{seed} {what}")  # noqa: S311 - nothing secret depends on it


@contextmanager
def _told_when_it_breaks() -> Iterator[None]:
    """A user whose call fails goes on with something else."""
    try:
        yield
    except (*BREAKS, RuntimeError) as error:
        _tell(f"refused: {type(error).__name__}")


def _tell(what: str) -> None:
    print(f"[{time.monotonic() - _START:6.1f} s] {what}", file=sys.stderr, flush=True)
