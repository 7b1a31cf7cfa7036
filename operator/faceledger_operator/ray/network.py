"""Whom the pods of an attempt may talk to, where the cluster enforces NetworkPolicies: faces must not leave them.

In: the labels of the pods, the IPFS APIs. Out: specs of two policies. Invariants: all that is not listed is denied, in
both directions; workers, which see every photo, reach no one but their own attempt's pods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

__all__ = ["content_policy", "driver_policy", "ray_policy"]

Object = dict[str, Any]

DASHBOARD = 8265
"""Where KubeRay asks how a job stands."""

KUBERAY = {"app.kubernetes.io/component": "kuberay-operator"}
"""The pod of KubeRay's operator, by its chart as by its manifests, in whatever namespace."""

API_SERVER_PORTS = (443, 6443)
"""The API server's Service and, behind it, its usual own port: a policy cannot name the Service."""

_DNS: Object = {"ports": [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]}


def ray_policy(pods: Mapping[str, str]) -> Object:
    """Ray's pods and the submitter among themselves, names, and KubeRay at the dashboard."""
    among = {"podSelector": {"matchLabels": dict(pods)}}
    kuberay = {"namespaceSelector": {}, "podSelector": {"matchLabels": KUBERAY}}
    return {
        "podSelector": {"matchLabels": dict(pods)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [among]}, {"from": [kuberay], "ports": [{"port": DASHBOARD}]}],
        "egress": [{"to": [among]}, _DNS],
    }


def driver_policy(pods: Mapping[str, str], ipfs_apis: Sequence[str]) -> Object:
    """The head besides: the API server for the run report and IPFS for the encrypted artefacts."""
    ports = [*API_SERVER_PORTS, *map(_port, ipfs_apis)]
    return {
        "podSelector": {"matchLabels": {**pods, "ray.io/node-type": "head"}},
        "policyTypes": ["Egress"],
        "egress": [{"ports": [{"port": port} for port in sorted(set(ports))]}],
    }


def content_policy(pods: Mapping[str, str], ipfs_apis: Sequence[str]) -> Object:
    """Pods that nobody reaches, and that reach IPFS nodes alone."""
    return {
        "podSelector": {"matchLabels": dict(pods)},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [{"ports": [{"port": port} for port in sorted(set(map(_port, ipfs_apis)))]}, _DNS],
    }


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
