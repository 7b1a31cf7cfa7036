"""A tiny RecognitionJob on a warm standing cluster (mode Shared), beside the same job on a Ray cluster of its own.

Needs the cluster with the images (`make cluster-up images`). A time is from the apply until the resource knows its
results, which its signed report brings; both modes search the same gallery, whose encodings are stored, for the same
photos, in turn.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

from testbed import install, orl
from testbed.cluster import Cluster, until
from testbed.sandbox import Sandbox

__all__ = ["rows", "seconds_of_job"]

ROUNDS = 3

WORKERS = {"cpu": "200m", "memory": "1500Mi"}


def rows() -> Iterator[dict[str, Any]]:
    """One figure a dictionary, for `testbed.figures.print_figure`."""
    cluster = Cluster()
    install.install(cluster)
    sandbox = Sandbox(cluster)
    try:
        prepare(sandbox)
        seconds_of_job(sandbox, "warming", "Shared")
        shared, ephemeral = [], []
        for number in range(ROUNDS):
            shared.append(seconds_of_job(sandbox, f"shared-{number}", "Shared"))
            ephemeral.append(seconds_of_job(sandbox, f"ephemeral-{number}", "Ephemeral"))
    finally:
        sandbox.close()
    ours, theirs = statistics.median(shared), statistics.median(ephemeral)
    yield {
        "name": "shared_mode_job_s",
        "ours": ours,
        "theirs": theirs,
        "ratio": ours / theirs,
        "unit": "s from apply to result, against mode Ephemeral",
        "target": "<= 4 and ratio <= 0.25",
    }


def prepare(sandbox: Sandbox) -> None:
    """A ledger, and a data set whose encodings a first job stores."""
    sandbox.with_ledger()
    sandbox.claims("staff-photos", "few", "faceledger")
    sandbox.fill({"staff-photos": orl.gallery(range(1, 7), 3), "few": orl.gallery(range(1, 3), 1)})
    sandbox.apply(sandbox.dataset())
    sandbox.ready("FaceDataset", "staff", 300)


def seconds_of_job(sandbox: Sandbox, name: str, mode: str) -> float:
    """From the apply until the results are known; returns once the job is final and its own pods are gone."""
    probes = {"persistentVolumeClaim": {"claimName": "few"}}
    begun = time.monotonic()
    sandbox.apply(sandbox.job(name, probes=probes, compute={"mode": mode, "workers": WORKERS}))
    until("its results", lambda: _knows_results(sandbox, name), 240, every=0.05)
    seconds = time.monotonic() - begun
    sandbox.ready("RecognitionJob", name, 120)
    uid = (sandbox.get("RecognitionJob", name) or {})["metadata"]["uid"]
    until("its pods are gone", lambda: not sandbox.cluster.list("Pod", sandbox.namespace, _own(uid), "v1"), 120)
    return seconds


def _knows_results(sandbox: Sandbox, name: str) -> bool:
    found = sandbox.get("RecognitionJob", name) or {}
    return bool((found.get("status") or {}).get("probes"))


def _own(uid: str) -> str:
    return f"faceledger.dev/subject-uid={uid}"
