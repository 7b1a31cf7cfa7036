"""The driver of an attempt on a standing Ray cluster, on its head; `faceledger_workloads.standing_start` calls it.

In: the attempt's name; its run spec and run key, fetched with the head's service account, which may read them while
the attempt lasts. Out: what `faceledger_workloads.run` does with them. Invariant: the key lies in memory alone, for
this user alone, and is gone when the driver is.
"""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path

import structlog

from faceledger_workloads import run
from faceledger_workloads.api_server import SERVICE_ACCOUNT, read_object, server_url
from faceledger_workloads.clock import SystemClock
from faceledger_workloads.report import ReportUnavailable
from faceledger_workloads.runspec import parse_report_target
from faceledger_workloads.warm import warm_actors

__all__ = ["main"]

READ_DEADLINE_S = 30.0
"""For the run spec and the key: rights that were given a moment ago are known everywhere by then."""

_log = structlog.get_logger()


def main(arguments: list[str]) -> int:
    """Runs the attempt that is the only argument; the exit status."""
    (attempt,) = arguments
    try:
        spec, key = _fetch(attempt)
        folder = Path(parse_report_target(spec).run_key_file).parent
    except (ReportUnavailable, KeyError, ValueError) as error:
        _log.error("the run cannot be begun", error=str(error) if isinstance(error, ReportUnavailable) else "not ours")
        return 1
    try:
        return run.main([str(_lay_down(folder, spec, key))], warm_actors)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(attempt: str) -> tuple[bytes, bytes]:
    """Run spec (JSON) and run key."""
    url = server_url(os.environ)
    if url is None:
        raise ReportUnavailable("this is no pod of a cluster")
    namespace = (SERVICE_ACCOUNT / "namespace").read_text().strip()
    clock = SystemClock()
    asked = read_object(url, f"namespaces/{namespace}/configmaps/{attempt}-run", clock, READ_DEADLINE_S)
    secret = read_object(url, f"namespaces/{namespace}/secrets/{attempt}-run-key", clock, READ_DEADLINE_S)
    return asked["data"]["run.json"].encode(), base64.b64decode(secret["data"]["private-key"])


def _lay_down(folder: Path, spec: bytes, key: bytes) -> Path:
    """Both files, readable for this user alone; the path of the run spec."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in (("private-key", key), ("run.json", spec)):
        file = folder / name
        file.touch(mode=0o600)
        file.write_bytes(content)
    return folder / "run.json"
