"""The table that `status` prints: one line a part, with its state, its pid or pods, its version, and since when."""

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import addons
import control_plane
import image_store
import processes
import runtime
from console import ClusterError, run
from images import IMAGES
from versions import COREDNS, ETCD, KUBERNETES

__all__ = ["table"]

_Row = tuple[str, str, str, str, str]

_HEADER: Final[_Row] = ("PART", "STATE", "PID/PODS", "VERSION", "SINCE")
_NOTHING: Final = "-"


def table() -> str:
    """The whole table, for a cluster in any state."""
    rows = [_HEADER, *_daemons()]
    if control_plane.api_server_is_ready():
        rows += _deployments()
    if runtime.serves():
        rows += _images()
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _daemons() -> Iterator[_Row]:
    records = processes.recorded()
    for name in ("containerd", *control_plane.NAMES):
        record = records.get(name)
        if record is None:
            yield (name, "stopped", _NOTHING, _version(name), _NOTHING)
        else:
            state = "running" if record.alive else "dead"
            yield (name, state, str(record.pid), _version(name), _ago(time.time() - record.since))


def _version(daemon: str) -> str:
    match daemon:
        case "containerd":
            try:
                return run(["containerd", "--version"]).split()[2]
            except (ClusterError, FileNotFoundError):
                return _NOTHING
        case "etcd":
            return ETCD
        case "coredns":
            return COREDNS
        case _:
            return KUBERNETES


def _deployments() -> Iterator[_Row]:
    try:
        listing = addons.kubectl("get", "deployments", "--all-namespaces", "--output", "json")
    except (ClusterError, subprocess.TimeoutExpired):
        return
    for deployment in json.loads(listing)["items"]:
        metadata, status = deployment["metadata"], deployment.get("status", {})
        ready, wanted = status.get("readyReplicas", 0), deployment["spec"]["replicas"]
        image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        created = datetime.fromisoformat(metadata["creationTimestamp"]).timestamp()
        yield (
            f"{metadata['namespace']}/{metadata['name']}",
            "available" if ready >= wanted else "waiting",
            f"{ready}/{wanted}",
            image.rpartition(":")[2],
            _ago(time.time() - created),
        )


def _images() -> Iterator[_Row]:
    loaded = image_store.loaded()
    for image in IMAGES.values():
        digest = loaded.get(image.reference)
        version = digest.removeprefix("sha256:")[:12] if digest else _NOTHING
        yield (f"image {image.name}", "loaded" if digest else "absent", _NOTHING, version, _NOTHING)


def _ago(seconds: float) -> str:
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{left:02}s"
