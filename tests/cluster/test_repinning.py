"""An IPFS node whose volume was lost gets the artefacts back from the output claim, on a real cluster."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from testbed import install
from testbed.cluster import condition, until
from testbed.sandbox import Sandbox

pytestmark = pytest.mark.timeout(480)

FACELEDGER = Path(sys.executable).parent / "faceledger"


def test_artefacts_that_no_ipfs_node_has_any_more_are_added_again(sandbox: Sandbox) -> None:
    _own_ipfs(sandbox)
    sandbox.with_ledger(overrides={"content": {"ipfs": {"api": f"http://ipfs.{sandbox.namespace}:5001"}}})
    sandbox.with_photographs(people=2, photos=1, strangers=0)
    sandbox.apply(sandbox.dataset())
    sandbox.ready("FaceDataset", "staff", 240)
    wipe = "rm -rf /data/ipfs/*; kill 1"
    with suppress(RuntimeError):  # the shell may end with its container
        sandbox.cluster.kubectl("exec", "-n", sandbox.namespace, "deploy/ipfs", "--", "sh", "-c", wipe)

    def events() -> set[str]:
        return {event["reason"] for event in sandbox.cluster.events("staff", sandbox.namespace)}

    sandbox.cluster.wait_for("LedgerBinding", "consortium", sandbox.namespace, _tells_of_it, 90, "tells of it")
    until("the artefacts are back", lambda: {"ArtefactsLost", "ArtefactsRepinned"} <= events(), 120, events, every=1)
    sandbox.cluster.wait_for(
        "LedgerBinding", "consortium", sandbox.namespace, lambda r: not _tells_of_it(r), 60, "tells of nothing"
    )
    verify = (str(FACELEDGER), "verify", "facedataset/staff", "-n", sandbox.namespace)
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _tells_of_it(binding: dict[str, Any]) -> bool:
    """In its condition, while it stays Ready: nothing keeps it from committing."""
    ready = condition(binding, "Ready")
    return bool(ready["status"] == "True" and "-repin adds it again" in ready["message"])


def _own_ipfs(sandbox: Sandbox) -> None:
    """The chart's Kubo once more, in the sandbox, so that wiping it disturbs nobody else."""
    chart = str(install.REPOSITORY / "charts" / "faceledger")
    values = ("--set", "ipfs.enabled=true", "--set", f"images.kubo={install.IMAGES['kubo']}")
    rendered = sandbox.cluster.helm("template", "trial", chart, "-n", sandbox.namespace, *values)
    wanted = [m for m in yaml.safe_load_all(rendered) if m and m["metadata"].get("name") == "ipfs"]
    for manifest in wanted:
        manifest["metadata"]["namespace"] = sandbox.namespace
    assert {m["kind"] for m in wanted} >= {"Deployment", "Service"}
    sandbox.apply(*wanted)
