"""Every state of every kind as the real kstatus library reads it: what `kubectl wait`, Flux and others go by."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from testbed.every_state import State, StateCase, every_state

ROOT = Path(__file__).resolve().parents[2]

KSTATUS: dict[State, str] = {
    "New": "InProgress",
    "Ready": "Current",
    "Reconciling": "InProgress",
    "Stalled": "Failed",
    "Paused": "InProgress",
    "Edited": "InProgress",
    "Deleting": "Terminating",
}

CASES = every_state()


@pytest.fixture(scope="module")
def computed() -> dict[str, str]:
    """Name of each case -> status, computed by cli-utils."""
    made = (sys.executable, str(ROOT / "hack" / "cluster"), "kstatus")
    program = subprocess.run(made, capture_output=True, text=True, check=True).stdout.strip()
    bodies = json.dumps([case.body for case in CASES])
    answers = json.loads(subprocess.run([program], input=bodies, capture_output=True, text=True, check=True).stdout)
    return {case.name: answer["status"] for case, answer in zip(CASES, answers, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_kstatus_reads_a_state_as_it_is_meant(case: StateCase, computed: dict[str, str]) -> None:
    assert computed[case.name] == KSTATUS[case.state]


def test_all_states_are_among_them() -> None:
    assert {case.state for case in CASES} == set(KSTATUS)
    assert len({case.name for case in CASES}) == len(CASES)
