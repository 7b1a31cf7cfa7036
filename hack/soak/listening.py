"""Listens to what pods write, and to how much memory the operator holds, over the whole soak.

In: the pods of two namespaces. Out: texts and memory samples. Invariant: every container that ran for some seconds has
its log read from the first line; a log whose connection broke is read anew.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from testbed import install
from testbed.cluster import Cluster, Manifest

from .seen import MemorySample, Text
from .watching import BREAKS

__all__ = ["OPERATOR", "Ears", "listening", "operators"]

OPERATOR = "app.kubernetes.io/name=faceledger,app.kubernetes.io/component=operator"

LOOK_SECONDS = 1.5
MEMORY_SECONDS = 10.0


class Ears:
    """What was heard so far."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.memory: list[MemorySample] = []
        self._logs: dict[str, list[str]] = {}
        self._followed: set[str] = set()
        self._cluster, self._namespace = cluster, namespace
        self._weighed = -MEMORY_SECONDS

    @property
    def texts(self) -> list[Text]:
        return [Text(f"log of {where}", "".join(chunks)) for where, chunks in list(self._logs.items())]

    def look(self) -> None:
        """Follows the logs of containers that have begun, and weighs the operators when it is time."""
        operators_ = operators(self._cluster)
        for pod in (*operators_, *self._cluster.list("Pod", self._namespace, api_version="v1")):
            for container in (pod.get("status") or {}).get("containerStatuses") or ():
                if "waiting" not in container["state"]:
                    self._follow(pod, container)
        if time.monotonic() - self._weighed >= MEMORY_SECONDS:
            self._weighed = time.monotonic()
            for pod in operators_:
                self._weigh(pod)

    def _follow(self, pod: Manifest, container: Manifest) -> None:
        where = f"{pod['metadata']['name']}/{container['name']}#{container['restartCount']}"
        if where not in self._followed:
            self._followed.add(where)
            place = pod["metadata"]["name"], pod["metadata"]["namespace"], container["name"]
            threading.Thread(target=self._read, args=(where, *place), daemon=True).start()

    def _read(self, where: str, pod: str, namespace: str, container: str) -> None:
        chunks: list[str] = []
        try:
            stream: Any = self._cluster.core.read_namespaced_pod_log(
                pod, namespace, container=container, follow=True, _preload_content=False
            )
            self._logs[where] = chunks  # not before: what was heard stays where there is no more to hear
            for chunk in stream.stream():
                chunks.append(chunk.decode(errors="replace"))
        except BREAKS:
            self._followed.discard(where)  # it is followed anew where it is still there

    def _weigh(self, pod: Manifest) -> None:
        name = pod["metadata"]["name"]
        try:
            status = self._cluster.kubectl("exec", "-n", install.NAMESPACE, name, "--", "cat", "/proc/1/status")
        except RuntimeError:  # it is starting, ending, cut off or stopped: it is weighed again later
            return
        restarts = sum(container["restartCount"] for container in pod["status"]["containerStatuses"])
        if found := re.search(r"VmRSS:\s+(\d+) kB", status):
            self.memory.append(MemorySample(f"{name}#{restarts}", time.monotonic(), int(found[1]) / 1024))


def operators(cluster: Cluster) -> list[Manifest]:
    """The operator's pods."""
    return list(cluster.list("Pod", install.NAMESPACE, OPERATOR, "v1"))


@contextmanager
def listening(namespace: str) -> Iterator[Ears]:
    """Ears that are open for as long as the context is."""
    ears, closing = Ears(Cluster(), namespace), threading.Event()

    def listen() -> None:
        while not closing.wait(LOOK_SECONDS):
            try:
                ears.look()
            except BREAKS:
                continue

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield ears
    finally:
        closing.set()
        thread.join(timeout=10)
