"""What goes wrong, at random: processes killed and stopped, pods cut off, jobs deleted, servers restarted.

In: the cluster, the soak's namespace, a random source. Out: what was done, in words. Invariant: every fault is over
when its call returns; those that need root on the node are chosen on the local cluster alone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random

from testbed import install
from testbed.cluster import Manifest
from testbed.partition import cut_off
from testbed.sandbox import Sandbox

from .listening import OPERATOR

sys.path.insert(0, str(install.REPOSITORY / "hack" / "cluster"))  # its modules import each other by bare names

__all__ = ["Gremlin"]

RAY = "ray.io/cluster"
KUBERAY = "app.kubernetes.io/component=kuberay-operator"
CHAIN = "app.kubernetes.io/component=dev-chain"
IPFS = "app.kubernetes.io/component=ipfs"

SHORT, LONG = 2.0, 25.0
"""Seconds that a fault lasts at least and at most: the longest outlives the operator's lease of 15 s."""


@dataclass
class Gremlin:
    """`act` breaks one thing, waits, mends it, and says what it was."""

    sandbox: Sandbox
    random: Random
    closing: threading.Event

    def act(self) -> str:
        acts, weights = zip(*self._acts(), strict=True)
        act: Callable[[], str] = self.random.choices(acts, weights)[0]
        return act()

    def _acts(self) -> Sequence[tuple[Callable[[], str], int]]:
        anywhere = (
            (self._kill_operator, 3),
            (self._kill_ray_pod, 4),
            (self._delete_rayjob, 2),
            (self._restart_chain, 1),
            (self._restart_ipfs, 1),
            (self._restart_kuberay, 1),
        )
        on_the_node = ((self._cut_off, 4), (self._stop_operator, 2), (self._kill_api_server, 1))
        return (*anywhere, *on_the_node) if os.environ.get("CLUSTER", "local") == "local" else anywhere

    def _kill_operator(self) -> str:
        return self._delete_pod(install.NAMESPACE, OPERATOR, now=True)

    def _kill_ray_pod(self) -> str:
        return self._delete_pod(self.sandbox.namespace, RAY, now=True)

    def _restart_chain(self) -> str:
        """Asked to stop, as when a node is drained: a development chain that is killed loses its last blocks."""
        return self._delete_pod(install.NAMESPACE, CHAIN)

    def _restart_ipfs(self) -> str:
        return self._delete_pod(install.NAMESPACE, IPFS, now=True)

    def _restart_kuberay(self) -> str:
        return self._delete_pod("", KUBERAY, now=True)

    def _delete_rayjob(self) -> str:
        jobs = self.sandbox.rayjobs()
        if not jobs:
            return "delete a RayJob: none is there"
        name = self.random.choice(jobs)["metadata"]["name"]
        self.sandbox.cluster.delete("RayJob", name, self.sandbox.namespace)
        return f"delete RayJob/{name}"

    def _delete_pod(self, namespace: str, labels: str, *, now: bool = False) -> str:
        pod = self._pod(namespace, labels)
        if pod is None:
            return f"delete a pod: none has {labels}"
        name = pod["metadata"]["name"]
        self.sandbox.cluster.delete("Pod", name, pod["metadata"]["namespace"], now=now)
        return f"{'kill' if now else 'restart'} pod {name}"

    def _pod(self, namespace: str, labels: str) -> Manifest | None:
        found = list(self.sandbox.cluster.list("Pod", namespace, labels, "v1"))
        return self.random.choice(found) if found else None

    def _cut_off(self) -> str:
        choices = ((install.NAMESPACE, OPERATOR), (install.NAMESPACE, CHAIN), (self.sandbox.namespace, RAY))
        pod = self._pod(*self.random.choice(choices))
        address = ((pod or {}).get("status") or {}).get("podIP")
        if pod is None or not address:
            return "cut off a pod: none has an address"
        with cut_off(address):
            seconds = self._last()
        return f"cut off pod {pod['metadata']['name']} for {seconds:.0f} s"

    def _stop_operator(self) -> str:
        found = _processes("faceledger_operator.main")
        if not found:
            return "stop an operator: none runs"
        pid = self.random.choice(found)
        with _stopped(pid):
            seconds = self._last()
        return f"stop an operator's process for {seconds:.0f} s"

    def _kill_api_server(self) -> str:
        processes = import_module("processes")
        record = processes.recorded()["kube-apiserver"]
        command = Path(f"/proc/{record.pid}/cmdline").read_text().rstrip("\0").split("\0")
        os.kill(record.pid, signal.SIGKILL)
        seconds = self._last(SHORT)
        processes.start(processes.Daemon("kube-apiserver", command))
        return f"kill the API server for {seconds:.0f} s"

    def _last(self, longest: float = LONG) -> float:
        """Waits as long as the fault lasts, or until the soak ends; the seconds that were meant."""
        seconds = self.random.uniform(SHORT, longest)
        self.closing.wait(seconds)
        return seconds


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return  # its probe failed, and the kubelet killed it


def _processes(module: str) -> list[int]:
    """Processes of the cluster's pods that run a Python module."""
    members: set[int] = import_module("cgroup").members()
    return sorted(pid for pid in members if module in _command(pid))


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []
