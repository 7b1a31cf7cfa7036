"""The operator's process: its settings, its probes, and how its parts end together."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from faceledger_operator.health import Health, serve_health
from faceledger_operator.kube.errors import ApiRefusedError
from faceledger_operator.kube.lease import LeaseLostError
from faceledger_operator.main import Operator, _first_to_end
from faceledger_operator.settings import Settings

ENVIRONMENT = {
    "FACELEDGER_WORKLOADS_IMAGE": "workloads:1",
    "FACELEDGER_OPERATOR_IMAGE": "operator:1",
    "FACELEDGER_RECEIPTS_DIR": "/receipts",
    "POD_NAMESPACE": "system",
    "POD_NAME": "operator-1",
}


def test_settings_come_from_the_environment() -> None:
    settings = Settings.read(
        ENVIRONMENT | {"FACELEDGER_WATCH_NAMESPACES": "a, b,", "FACELEDGER_PULL_SECRETS": "registry"}
    )
    assert settings.receipts == Path("/receipts")
    assert (settings.namespaces, settings.pull_secrets) == (("a", "b"), ("registry",))
    assert Settings.read(ENVIRONMENT | {"FACELEDGER_WATCH_NAMESPACES": ""}).namespaces == ()


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_setting_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        Settings.read({key: value for key, value in ENVIRONMENT.items() if key != name})


async def test_probes_answer_what_is_the_matter(unused_tcp_port: int) -> None:
    alive, ready = Health(True, "ok"), Health(False, "waiting for the lease")
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with (
        serve_health(unused_tcp_port, lambda: alive, lambda: ready),
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{url}/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")
        async with session.get(f"{url}/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "waiting for the lease\n")


class NoKubeRay:
    """An API server that knows no RayJobs, for as long as it is asked."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def knows(self, *_: object) -> bool:
        self.asked.set()
        raise ApiRefusedError(404, "the server could not find the requested resource")


class Lease:
    """Lost when the test says so."""

    def __init__(self, leading: bool = True, standing_by: bool = False) -> None:
        self.leading = leading
        self.standing_by = standing_by
        self.lost = asyncio.Event()

    async def hold(self) -> None:
        await self.lost.wait()
        raise LeaseLostError("not renewed in time")


def operator(kube: Any, lease: Any, stop: asyncio.Event) -> Operator:
    return Operator(Settings.read(ENVIRONMENT), kube, lease, stop)


async def test_the_lease_is_held_while_kuberay_is_waited_for() -> None:
    kube, lease = NoKubeRay(), Lease()
    work = asyncio.create_task(operator(kube, lease, asyncio.Event()).work())
    await kube.asked.wait()
    lease.lost.set()
    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(work, 5)


async def test_a_signal_ends_the_wait_for_kuberay() -> None:
    kube, stop = NoKubeRay(), asyncio.Event()
    work = asyncio.create_task(operator(kube, Lease(), stop).work())
    await kube.asked.wait()
    stop.set()
    done, _ = await asyncio.wait({work}, timeout=5)
    assert done
    assert work.exception() is None


@pytest.mark.parametrize(
    ("lease", "watching", "health"),
    [
        pytest.param((False, False), False, Health(False, "waiting for the lease"), id="one that just started"),
        pytest.param((False, True), False, Health(True, "standby: another process leads"), id="a standby is ready"),
        pytest.param((True, False), False, Health(False, "the watches are starting"), id="a leader that sees nothing"),
        pytest.param((True, False), True, Health(True, "leading"), id="a leader that sees"),
    ],
)
async def test_readiness(lease: tuple[bool, bool], watching: bool, health: Health) -> None:
    found = operator(NoKubeRay(), Lease(*lease), asyncio.Event())
    if watching:
        found._watching.set()
    assert found.ready() == health


async def test_a_bindings_events_are_signed_by_the_pod() -> None:
    found = operator(NoKubeRay(), Lease(), asyncio.Event())
    assert found._binding._events._instance == "operator-1"


async def test_what_ends_first_ends_the_others() -> None:
    ended: list[str] = []

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    async def briefly() -> None:
        await asyncio.sleep(0)

    await _first_to_end(for_ever(), briefly())
    assert ended == ["ended"]


async def test_an_error_of_one_part_is_the_processes_error() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        await _first_to_end(asyncio.Event().wait(), fail())  # type: ignore[arg-type]
