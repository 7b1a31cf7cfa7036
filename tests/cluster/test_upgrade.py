"""An upgrade and a roll-back of the chart while a job runs, and what people see of it through the kubectl plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from testbed import install, tools
from testbed.sandbox import Sandbox

pytestmark = [pytest.mark.disruptive, pytest.mark.timeout(300)]


def plugin(sandbox: Sandbox, *arguments: str) -> str:
    """What `kubectl faceledger` prints; kubectl finds the plugin on the PATH."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = (str(tools.kubectl()), "faceledger", *arguments, "-n", sandbox.namespace)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def started(resource: dict[str, Any]) -> bool:
    return bool(((resource.get("status") or {}).get("attempt") or {}).get("startTime"))


def test_a_job_in_flight_outlives_an_upgrade_and_a_roll_back(ledger: Sandbox) -> None:
    ledger.ready("LedgerBinding", "consortium", 120)
    ledger.apply(ledger.dataset())
    running = ledger.cluster.wait_for("FaceDataset", "staff", ledger.namespace, started, 60, "has started")
    install.install(ledger.cluster, {"operator.logLevel": "DEBUG"})
    ledger.cluster.helm("rollback", "faceledger", "-n", install.NAMESPACE, "--wait", "--timeout", "120s")
    done = ledger.ready("FaceDataset", "staff", 180)
    assert done["status"]["attempt"]["name"] == running["status"]["attempt"]["name"]
    assert done["status"]["attempt"]["failures"] == 0
    assert done["status"]["cost"]["cpuSeconds"] > 0
    assert "leading" in ledger.cluster.helm("test", "faceledger", "-n", install.NAMESPACE, "--logs")
    _told_to_people(ledger)


def _told_to_people(sandbox: Sandbox) -> None:
    told = json.loads(plugin(sandbox, "status", "staff", "--json"))
    assert told["state"] == "Ready"
    assert told["attempt"]["name"] in plugin(sandbox, "logs", "staff")
    described = sandbox.cluster.kubectl("describe", "facedataset", "staff", "-n", sandbox.namespace)
    for story in ([event["reason"] for event in told["events"]], described.partition("Events:")[2].split()):
        assert story.index("AttemptStarted") < story.index("Succeeded")
