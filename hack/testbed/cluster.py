"""A cluster as tests and demo see it: apply, get, wait for a condition until a deadline, exec, logs.

In: KUBECONFIG (or the current kubectl context). Out: plain dictionaries of the API server. Invariant: whatever is
waited for has a deadline, and a missed deadline says what was seen last.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError

from . import tools

__all__ = ["Cluster", "DeadlineMissedError", "condition", "until"]

T = TypeVar("T")

Manifest = dict[str, Any]

FIELD_MANAGER = "kubectl"

SEVERAL_VERSIONS = {"RayJob": "ray.io/v1", "RayCluster": "ray.io/v1", "Event": "events.k8s.io/v1"}
"""Of kinds that the API server knows in several versions or groups, the one that is meant."""


class DeadlineMissedError(AssertionError):
    """What was waited for did not come true in time; the message says what was seen last."""


def until(
    what: str,
    look: Callable[[], T | None],
    seconds: float,
    seen: Callable[[], object] = lambda: "",
    *,
    every: float = 0.2,
) -> T:
    """The first truthy answer of `look`, asked `every` so many seconds for `seconds`."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        if answer := look():
            return answer
        if time.monotonic() > deadline:
            raise DeadlineMissedError(f"{what}: not within {seconds:.0f} s. {seen()}")
        pause.wait(every)


def condition(resource: Manifest | None, kind: str) -> Manifest:
    """The condition `kind` of `resource`; an empty one where it is not there."""
    conditions = ((resource or {}).get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {"status": "", "reason": "", "message": ""})


class Cluster:
    """One Kubernetes cluster."""

    def __init__(self, kubeconfig: str | None = None) -> None:
        self.kubeconfig = kubeconfig or os.environ.get("KUBECONFIG") or None
        self._api = config.new_client_from_config(self.kubeconfig)  # type: ignore[no-untyped-call]
        self._dynamic = DynamicClient(self._api)  # type: ignore[no-untyped-call]
        self.core = client.CoreV1Api(self._api)

    def resource(self, kind: str, api_version: str | None = None) -> Any:
        version = api_version or SEVERAL_VERSIONS.get(kind)
        query = {"kind": kind} if version is None else {"kind": kind, "api_version": version}
        return self._dynamic.resources.get(**query)

    def apply(self, *manifests: Manifest, namespace: str) -> None:
        """Server-side apply, as `kubectl apply --server-side` does it. Raises ApiException where a rule refuses."""
        for manifest in manifests:
            self._dynamic.server_side_apply(  # type: ignore[no-untyped-call]
                self.resource(manifest["kind"], manifest["apiVersion"]),
                body=manifest,
                namespace=namespace,
                field_manager=FIELD_MANAGER,
                force_conflicts=True,
            )

    def apply_folder(self, folder: Path, namespace: str) -> None:
        for file in sorted(folder.glob("*.yaml")):
            self.apply(
                *(document for document in yaml.safe_load_all(file.read_text()) if document), namespace=namespace
            )

    def get(self, kind: str, name: str, namespace: str, api_version: str | None = None) -> Manifest | None:
        try:
            found: Manifest = self.resource(kind, api_version).get(name=name, namespace=namespace).to_dict()
        except NotFoundError:
            return None
        return found

    def list(self, kind: str, namespace: str, labels: str = "", api_version: str | None = None) -> Sequence[Manifest]:
        found: Sequence[Manifest] = (
            self.resource(kind, api_version).get(namespace=namespace, label_selector=labels).to_dict()["items"]
        )
        return found

    def delete(self, kind: str, name: str, namespace: str, *, now: bool = False) -> None:
        options = {"grace_period_seconds": 0} if now else {}
        try:
            self.resource(kind).delete(name=name, namespace=namespace, propagation_policy="Background", **options)
        except (NotFoundError, ApiException) as error:
            if getattr(error, "status", 404) != 404:
                raise

    def patch(self, kind: str, name: str, namespace: str, body: Manifest) -> None:
        self.resource(kind).patch(
            name=name, namespace=namespace, body=body, content_type="application/merge-patch+json"
        )

    def wait_for(
        self, kind: str, name: str, namespace: str, wanted: Callable[[Manifest], bool], seconds: float, what: str
    ) -> Manifest:
        """The resource, once `wanted` holds of it: it is watched, so that nobody is kept busy meanwhile."""
        deadline = time.monotonic() + seconds
        last: Manifest | None = None
        while (left := deadline - time.monotonic()) > 0:
            for last in self._states(kind, name, namespace, math.ceil(left)):
                if wanted(last):
                    return last
        status = json.dumps((last or {}).get("status"), default=str)
        raise DeadlineMissedError(f"{kind}/{name} {what}: not within {seconds:.0f} s. Last status: {status}")

    def _states(self, kind: str, name: str, namespace: str, seconds: int) -> Iterator[Manifest]:
        """What the resource is and becomes within so many seconds."""
        for event in self.resource(kind).watch(namespace=namespace, name=name, timeout=seconds):
            if event["type"] in {"ADDED", "MODIFIED"}:
                yield event["raw_object"]

    def ready(self, kind: str, name: str, namespace: str, seconds: float) -> Manifest:
        """The resource, once it is Ready for its current generation."""
        return self.wait_for(kind, name, namespace, _is_ready, seconds, "is Ready")

    def events(self, name: str, namespace: str) -> Sequence[Manifest]:
        return [
            e for e in self.list("Event", namespace, api_version="events.k8s.io/v1") if e["regarding"]["name"] == name
        ]

    def rpc(self, method: str, *parameters: object, namespace: str = "faceledger-system") -> Any:
        """A JSON-RPC call to the trial chain, through the API server's service proxy."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        path = f"/api/v1/namespaces/{namespace}/services/anvil:8545/proxy/"
        headers = {"Content-Type": "application/json"}
        request = self._api.param_serialize(
            "POST", path, header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        answer = self._api.call_api(*request)
        return json.loads(answer.read())["result"]

    def kubectl(self, *arguments: str, stdin: bytes | None = None) -> str:
        """What `kubectl` prints; CalledProcessError carries its stderr."""
        return self._run(str(tools.kubectl()), *arguments, stdin=stdin)

    def helm(self, *arguments: str) -> str:
        return self._run(str(tools.helm()), *arguments)

    def _run(self, *command: str, stdin: bytes | None = None) -> str:
        environment = os.environ | ({"KUBECONFIG": self.kubeconfig} if self.kubeconfig else {})
        done = subprocess.run(command, input=stdin, capture_output=True, env=environment, check=False)
        if done.returncode:
            raise RuntimeError(
                f"{shutil.which(command[0]) and Path(command[0]).name} {' '.join(command[1:])}:\n{done.stderr.decode()}"
            )
        return done.stdout.decode()


def _is_ready(resource: Manifest) -> bool:
    ready = condition(resource, "Ready")
    return bool(
        ready["status"] == "True" and resource["status"].get("observedGeneration") == resource["metadata"]["generation"]
    )
