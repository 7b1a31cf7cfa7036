"""The operator's process: its settings, its probes, and how its parts end together."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from faceledger_operator.health import serve_health
from faceledger_operator.main import _first_to_end
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
    faults: dict[str, str | None] = {"healthz": None, "readyz": "waiting for the lease"}
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with (
        serve_health(unused_tcp_port, lambda: faults["healthz"], lambda: faults["readyz"]),
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{url}/healthz") as answer:
            assert answer.status == 200
        async with session.get(f"{url}/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "waiting for the lease\n")


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
