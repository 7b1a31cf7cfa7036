"""Argo CD's health check, run by a Lua interpreter on every state of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lupa
import pytest
import yaml
from faceledger_operator.api.crd import RESOURCES
from testbed.every_state import State, StateCase, every_state

FILE = Path(__file__).resolve().parents[3] / "deploy" / "argocd" / "health.yaml"

HEALTH: dict[State, str] = {
    "New": "Progressing",
    "Ready": "Healthy",
    "Reconciling": "Progressing",
    "Stalled": "Degraded",
    "Paused": "Suspended",
    "Edited": "Progressing",
    "Deleting": "Healthy",  # Argo CD itself says of what is being deleted that it progresses
}


@pytest.fixture(scope="module")
def customization() -> dict[str, Any]:
    patch = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    found: dict[str, Any] = yaml.safe_load(patch["data"]["resource.customizations"])
    return found


@pytest.fixture(scope="module")
def check(customization: dict[str, Any]) -> Any:
    """The check as Argo CD calls it: with the resource in the global `obj`, in a Lua without libraries of its own."""
    lua = lupa.LuaRuntime(unpack_returned_tuples=True)
    run = lua.eval("function(code, resource) obj = resource; return load(code)() end")
    script = customization["faceledger.dev/*"]["health.lua"]
    return lambda body: run(script, lua.table_from(body, recursive=True))


@pytest.mark.parametrize("case", every_state(), ids=lambda case: case.name)
def test_argo_cd_reads_a_state_as_it_is_meant(case: StateCase, check: Any) -> None:
    health = check(case.body)
    assert health["status"] == HEALTH[case.state]
    ready = next((c["message"] for c in case.body["status"].get("conditions", ()) if c["type"] == "Ready"), None)
    known = case.state not in {"New", "Edited"}
    assert health["message"] == (ready if known else "The operator has not looked at it yet")


def test_a_resource_without_any_status_progresses(check: Any) -> None:
    assert check({"metadata": {"generation": 1}})["status"] == "Progressing"


def test_the_check_is_for_all_kinds_of_the_group(customization: dict[str, Any]) -> None:
    assert list(customization) == ["faceledger.dev/*"]
    assert {resource.model.__module__.split(".")[0] for resource in RESOURCES} == {"faceledger_operator"}
