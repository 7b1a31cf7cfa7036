"""The driver of an attempt on a standing Ray cluster, on its head; `faceledger_workloads.standing_start` calls it.

In: the attempt's name; its run spec and run key, fetched with the head's service account, which may read them while
the attempt lasts. Out: what `faceledger_workloads.run` does with them. Invariant: the key is in this process alone and
in no file, so that it is gone when the driver is, however that ends.
"""

from __future__ import annotations

import base64
import os

import structlog

from faceledger_workloads import run
from faceledger_workloads.api_server import SERVICE_ACCOUNT, read_object, server_url
from faceledger_workloads.clock import SystemClock
from faceledger_workloads.report import ReportUnavailable
from faceledger_workloads.warm import warm_actors

__all__ = ["main"]

READ_DEADLINE_S = 30.0
"""For the run spec and the key: rights that were given a moment ago are known everywhere by then."""

_log = structlog.get_logger()


def main(arguments: list[str]) -> int:
    """Runs the attempt that is the only argument; the exit status."""
    (attempt,) = arguments
    run.configure_log()
    try:
        spec, key = _fetch(attempt)
    except (ReportUnavailable, KeyError, ValueError) as error:
        _log.error("the run cannot be begun", error=str(error) if isinstance(error, ReportUnavailable) else "not ours")
        return 1
    return run.conduct_spec(spec, key, warm_actors)


def _fetch(attempt: str) -> tuple[bytes, str]:
    """Run spec (JSON) and run key."""
    url = server_url(os.environ)
    if url is None:
        raise ReportUnavailable("this is no pod of a cluster")
    namespace = (SERVICE_ACCOUNT / "namespace").read_text().strip()
    clock = SystemClock()
    asked = read_object(url, f"namespaces/{namespace}/configmaps/{attempt}-run", clock, READ_DEADLINE_S)
    secret = read_object(url, f"namespaces/{namespace}/secrets/{attempt}-run-key", clock, READ_DEADLINE_S)
    return asked["data"]["run.json"].encode(), base64.b64decode(secret["data"]["private-key"]).decode()
