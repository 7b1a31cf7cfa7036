"""Looks at what a soak has left: resources, their children, receipts, and commits on the chain.

In: the cluster and what the watches noted. Out: values that invariants are judged on. Invariant: nothing is changed;
what the chain says is asked of the chain, not of the operator.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.evidence import BATCH_COMMITTED, decode_batch_committed
from testbed import install, orl
from testbed.cluster import Cluster, Manifest, condition
from testbed.sandbox import ATTEMPT_KINDS, SUBJECT_UID

from .actions import CROWD
from .listening import operators
from .seen import Batch, Child, Condition, Kept, Resource
from .watching import OWN_KINDS

__all__ = ["batches", "children", "pieces_of_photos", "receipts", "resources"]

FACELEDGER = Path(sys.executable).parent / "faceledger"

CHILD_KINDS = (*ATTEMPT_KINDS, ("RayCluster", "ray.io/v1"), ("Job", "batch/v1"), ("Pod", "v1"))

RECEIPTS = """
import json, os, pathlib, sys
root = pathlib.Path(os.environ["FACELEDGER_RECEIPTS_DIR"]) / sys.argv[1]
found = [json.loads(file.read_text()) for file in sorted(root.rglob("*.json"))]
print(json.dumps([[one["contract"], one["batchId"], one["leaf"], one["record"]["attempt"]] for one in found]))
"""
"""Run in the operator's pod: what matters of the receipts of a namespace on its volume."""

PIECE = 24
"""Bytes of a photo that are looked for, in the middle of it."""


def resources(cluster: Cluster, namespace: str, *, verify: bool) -> tuple[Resource, ...]:
    return tuple(_resource(kind, body, verify=verify) for kind in OWN_KINDS for body in cluster.list(kind, namespace))


def children(cluster: Cluster, namespace: str) -> tuple[Child, ...]:
    """What was made for resources: all that bears a resource's uid, and pods and clusters of Ray, whoever made them."""
    return tuple(_children(cluster, namespace))


def receipts(cluster: Cluster, namespace: str) -> tuple[Kept, ...]:
    name = operators(cluster)[0]["metadata"]["name"]
    told = cluster.kubectl("exec", "-n", install.NAMESPACE, name, "--", "python", "-c", RECEIPTS, namespace)
    return tuple(Kept(*fields) for fields in json.loads(told))


def batches(cluster: Cluster, contracts: Iterable[str]) -> tuple[Batch, ...]:
    """Every commit to one of `contracts` since the chain began."""
    return tuple(batch for contract in sorted(contracts) for batch in _batches(cluster, contract))


def pieces_of_photos() -> frozenset[str]:
    """Pieces of the photos, as a text would spell them: in hex, and in base64 at each of its three offsets."""
    photos = orl.gallery(CROWD, 3) | orl.probes(CROWD, range(36, 37))
    return frozenset(piece for photo in photos.values() for piece in _pieces(photo))


def _pieces(photo: bytes) -> Iterator[str]:
    start = len(photo) // 2
    yield photo[start : start + PIECE].hex()
    for offset in range(3):
        yield base64.b64encode(photo[start + offset : start + offset + PIECE]).decode()


def _resource(kind: str, body: Manifest, *, verify: bool) -> Resource:
    metadata, status = body["metadata"], body.get("status") or {}
    final = (status.get("commitment") or {}).get("state") == "Finalized"
    return Resource(
        kind,
        metadata["name"],
        metadata["uid"],
        tuple(
            Condition(c["type"], c["status"], c["reason"], c.get("message", "")) for c in status.get("conditions") or ()
        ),
        attempt=(status.get("attempt") or {}).get("name", ""),
        current=condition(body, "Ready").get("observedGeneration") == metadata["generation"],
        verified=_is_verified(kind, metadata) if verify and final else None,
    )


def _is_verified(kind: str, metadata: Manifest) -> bool:
    command = (str(FACELEDGER), "verify", f"{kind.lower()}/{metadata['name']}", "-n", metadata["namespace"])
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _children(cluster: Cluster, namespace: str) -> Iterator[Child]:
    for kind, version in CHILD_KINDS:
        for body in cluster.list(kind, namespace, api_version=version):
            metadata = body["metadata"]
            subject = (metadata.get("labels") or {}).get(SUBJECT_UID, "")
            owners = tuple(owner["uid"] for owner in metadata.get("ownerReferences") or ())
            if subject or (owners and kind in {"RayCluster", "Job", "Pod"}):
                yield Child(kind, metadata["name"], metadata["uid"], subject, owners)


def _batches(cluster: Cluster, contract: str) -> Iterator[Batch]:
    wanted = {"address": contract, "topics": [to_hex(BATCH_COMMITTED)], "fromBlock": "0x0", "toBlock": "latest"}
    logs: list[dict[str, Any]] = cluster.rpc("eth_getLogs", wanted)
    for log in logs:
        topics = [from_hex(topic, 32) for topic in log["topics"]]
        commit = decode_batch_committed(topics, bytes.fromhex(log["data"][2:]))
        if commit is not None:
            yield Batch(contract, to_hex(commit.batch_id), commit.count)
