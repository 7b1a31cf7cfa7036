"""Two operator processes on a real API server, a real chain and a real Kubo: one leads, whatever happens to it.

All tests share one control plane, and each begins with a leader and a standby. What is asked of the API server's audit
log and of the chain's state is asked of everything that happened since the start.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from testbed import tools
from testbed.bare import OPERATOR, Request, control_plane
from testbed.bare_stage import PEOPLE, Operator, Stage, stage
from testbed.cluster import until

pytestmark = pytest.mark.timeout(240)

LEASE = 5.0
"""Seconds: short, so that a test that waits for its end is short."""

SOON = 20.0


class Replicas:
    """Processes of one installation; one that ended is followed by another of another name, as a Deployment does it."""

    def __init__(self, ground: Stage, running: ExitStack) -> None:
        self.ground = ground
        self._running = running
        self._all: list[Operator] = []

    def fill(self) -> tuple[Operator, Operator]:
        """The leader and the standby."""
        while len([one for one in self._all if one.alive]) < 2:
            one = self.ground.operator(f"operator-{len(self._all)}", FACELEDGER_LEASE_SECONDS=str(LEASE))
            self._all.append(self._running.enter_context(one))
        leader = until("a replica leads", self.leader, SOON + LEASE)
        standby = next(one for one in self._all if one.alive and one is not leader)
        until("the other one stands by", lambda: "standby" in standby.asked("/readyz"), SOON)
        return leader, standby

    def leader(self) -> Operator | None:
        """The living process that holds the lease."""
        holder = self.ground.leader()
        return next((one for one in self._all if one.name == holder and one.alive), None)

    def lead_of(self, one: Operator) -> bool:
        return self.ground.leader() == one.name


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if tools.binary("kube-*/kube") is None or tools.binary("kuberay-*/manager") is None:
        pytest.skip("no control plane's binaries: `make cluster-up` builds them")
    with control_plane(tmp_path_factory.mktemp("bare") / "plane") as plane, stage(plane) as made:
        yield made


@pytest.fixture(scope="module")
def replicas(ground: Stage) -> Iterator[Replicas]:
    with ExitStack() as running:
        yield Replicas(ground, running)


def ask_for(ground: Stage, *names: str) -> None:
    """FaceDatasets, which wait for nothing but the ledger."""
    for name in names:
        ground.cluster.apply(ground.gallery(name), namespace=PEOPLE)


def rayjobs_of(ground: Stage, name: str) -> list[dict[str, Any]]:
    found = ground.cluster.get("FaceDataset", name, PEOPLE)
    assert found
    label = f"faceledger.dev/subject-uid={found['metadata']['uid']}"
    return list(ground.cluster.list("RayJob", PEOPLE, label, "ray.io/v1"))


def started(ground: Stage, *names: str, seconds: float = 60) -> None:
    for name in names:
        until(f"{name} has a RayJob", lambda name=name: rayjobs_of(ground, name), seconds)  # type: ignore[misc]


def writes_of(ground: Stage, one: Operator) -> list[Request]:
    return [request for request in ground.plane.writes(OPERATOR) if request.agent.endswith(f"/{one.name}")]


def test_a_leader_that_is_asked_to_stop_hands_over_within_a_second(ground: Stage, replicas: Replicas) -> None:
    leader, standby = replicas.fill()
    started(ground, "staff")
    leader.signal(signal.SIGTERM)
    until("the lease is free", lambda: not replicas.lead_of(leader), SOON, every=0.02)
    until("the standby leads", lambda: replicas.lead_of(standby), 1.0, every=0.02)
    assert leader.wait(SOON) == 0
    ask_for(ground, "after-hand-over")
    started(ground, "after-hand-over")


def test_a_leader_that_was_stopped_beyond_its_lease_writes_nothing_when_it_wakes(
    ground: Stage, replicas: Replicas
) -> None:
    leader, standby = replicas.fill()
    ask_for(ground, "before-stop")
    leader.signal(signal.SIGSTOP)
    until("the standby leads", lambda: replicas.lead_of(standby), LEASE + SOON)
    ask_for(ground, "while-stopped")
    started(ground, "before-stop", "while-stopped")
    before = len(writes_of(ground, leader)), ground.transactions()
    leader.signal(signal.SIGCONT)
    assert leader.wait(SOON) == -signal.SIGALRM
    assert (len(writes_of(ground, leader)), ground.transactions()) == before


def test_a_killed_leader_is_followed_after_the_lease(ground: Stage, replicas: Replicas) -> None:
    leader, standby = replicas.fill()
    ask_for(ground, "before-kill")
    leader.signal(signal.SIGKILL)
    killed = time.monotonic()
    ask_for(ground, "after-kill")
    started(ground, "before-kill", "after-kill", seconds=LEASE + SOON)
    assert replicas.lead_of(standby)
    assert time.monotonic() - killed < LEASE + SOON


def test_an_api_server_that_comes_back_is_served_on(ground: Stage, replicas: Replicas) -> None:
    replicas.fill()
    ask_for(ground, "before-restart")
    ground.plane.restart_server()
    ask_for(ground, "after-restart")
    replicas.fill()
    started(ground, "before-restart", "after-restart", seconds=60)
    assert [len(rayjobs_of(ground, name)) for name in ("before-restart", "after-restart")] == [1, 1]


def test_nothing_of_this_made_a_second_rayjob(ground: Stage) -> None:
    made = [r for r in ground.plane.writes(OPERATOR) if (r.verb, r.resource, r.code) == ("create", "rayjobs", 201)]
    assert made
    jobs = ground.cluster.list("RayJob", PEOPLE, "", "ray.io/v1")
    assert len(jobs) == len(made)
    subjects = Counter(job["metadata"]["labels"]["faceledger.dev/subject-uid"] for job in jobs)
    assert set(subjects.values()) == {1}
