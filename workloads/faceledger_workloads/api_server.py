"""Writes the run report into its ConfigMap through the API server, with the pod's own service account.

In: the values of the report. Out: one merge patch. Invariant: an answer that may change by itself (no connection, 401
while a token is renewed, 409, 429, 5xx) is tried again with back-off until the deadline; a refusal (403, 404, 422) is
not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from faceledger_workloads.clock import Clock, backoff
from faceledger_workloads.report import ReportUnavailable

__all__ = ["SERVICE_ACCOUNT", "ConfigMapSink", "read_object", "server_url"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its token and the API server's certificate authority."""

_TRANSIENT = frozenset({401, 408, 409, 429, 500, 502, 503, 504})
_TIMEOUT_S = 5.0
"""For connecting and for each answer: shorter than any deadline of a final report."""


def server_url(environment: Mapping[str, str], service_account: Path = SERVICE_ACCOUNT) -> str | None:
    """Where a pod reaches its API server, no trailing slash; None outside of a cluster."""
    host = environment.get("KUBERNETES_SERVICE_HOST")
    if host is None or not (service_account / "token").exists():
        return None
    return f"https://{f'[{host}]' if ':' in host else host}:{environment.get('KUBERNETES_SERVICE_PORT', '443')}"


def read_object(
    url: str, path: str, clock: Clock, deadline_s: float, service_account: Path = SERVICE_ACCOUNT
) -> dict[str, Any]:
    """The object at `path` of the core API (`namespaces/N/secrets/NAME`). Raises `ReportUnavailable`.

    A right that was given a moment ago may still be refused, so refusals are asked again too, until the deadline.
    """
    end = clock.now() + deadline_s
    attempt = 0
    while True:
        try:
            with requests.Session() as session:
                session.trust_env = False
                token = (service_account / "token").read_text().strip()
                answer = session.get(
                    f"{url}/api/v1/{path}",
                    headers={"Authorization": f"Bearer {token}"},
                    verify=str(service_account / "ca.crt"),
                    timeout=_TIMEOUT_S,
                )
            if answer.ok:
                found: dict[str, Any] = answer.json()
                return found
            what = f"HTTP {answer.status_code}"
        except requests.RequestException as error:
            what = _NO_CONNECTION if isinstance(error, requests.ConnectionError) else _NO_ANSWER
        pause = backoff(attempt)
        if clock.now() + pause > end:
            raise ReportUnavailable(f"{path}: {what}")
        clock.sleep(pause)
        attempt += 1


@dataclass(frozen=True)
class ConfigMapSink:
    """The ConfigMap `name` of `namespace` at the API server `url` (no trailing slash)."""

    url: str
    namespace: str
    name: str
    clock: Clock
    service_account: Path = SERVICE_ACCOUNT

    def write(self, values: Mapping[str, str], deadline_s: float) -> None:
        """Merges `values` into the ConfigMap's data. Raises `ReportUnavailable` naming the last answer."""
        end = self.clock.now() + deadline_s
        attempt = 0
        while answer := self._patch(values, min(_TIMEOUT_S, max(1.0, deadline_s))):
            pause = backoff(attempt)
            if answer not in _TRANSIENT_ANSWERS or self.clock.now() + pause > end:
                raise ReportUnavailable(f"ConfigMap {self.namespace}/{self.name}: {answer}")
            self.clock.sleep(pause)
            attempt += 1

    def _patch(self, values: Mapping[str, str], timeout_s: float) -> str | None:
        """None when written, or what stood in the way."""
        url = f"{self.url}/api/v1/namespaces/{self.namespace}/configmaps/{self.name}"
        try:
            # A fresh session each time: the token is renewed, and a kept connection may lead to a server that left.
            with requests.Session() as session:
                session.trust_env = False
                answer = session.patch(
                    url,
                    json={"data": dict(values)},
                    headers={
                        "Authorization": f"Bearer {self._read('token')}",
                        "Content-Type": "application/merge-patch+json",
                    },
                    verify=str(self.service_account / "ca.crt"),
                    timeout=timeout_s,
                )
        except (requests.ConnectionError, requests.Timeout) as error:
            return _NO_CONNECTION if isinstance(error, requests.ConnectionError) else _NO_ANSWER
        return None if answer.ok else f"HTTP {answer.status_code}"

    def _read(self, name: str) -> str:
        return (self.service_account / name).read_text().strip()


_NO_CONNECTION = "no connection"
_NO_ANSWER = "no answer in time"
_TRANSIENT_ANSWERS = frozenset({_NO_CONNECTION, _NO_ANSWER, *(f"HTTP {status}" for status in _TRANSIENT)})
