"""The one control group that holds every process of the cluster.

`<group>/daemons` holds the control plane, containerd and its shims; the kubelet makes `<group>/kubepods` beside it.
On version 1 the group exists in every hierarchy, since the kubelet demands that, and the `pids` hierarchy is the one
that membership is read from.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["NAME", "create", "daemons", "is_version_1", "members", "remove"]

NAME: Final = "faceledger-cluster"

_ROOT: Final = Path("/sys/fs/cgroup")


def is_version_1() -> bool:
    """Whether the host mounts the separate hierarchies of version 1."""
    return not (_ROOT / "cgroup.controllers").exists()


def create() -> None:
    """Make the group; harmless when it exists."""
    for hierarchy in _hierarchies():
        group = hierarchy / NAME
        group.mkdir(exist_ok=True)
        if is_version_1():
            _inherit_cpuset(hierarchy, group)
        else:
            _enable_controllers(hierarchy)
            _enable_controllers(group)
    (_tracked() / "daemons").mkdir(exist_ok=True)


def daemons() -> Path:
    """The file a daemon writes its pid to in order to join."""
    return _tracked() / "daemons" / "cgroup.procs"


def members() -> set[int]:
    """The pids of every process in the group and the groups below it."""
    pids: set[int] = set()
    for folder, _, _ in os.walk(_tracked()):
        with suppress(OSError):
            pids.update(int(line) for line in (Path(folder) / "cgroup.procs").read_text().split())
    return pids - {0}


def remove() -> None:
    """Remove the group everywhere; it must be empty."""
    for hierarchy in _hierarchies():
        for folder, _, _ in os.walk(hierarchy / NAME, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()


def _hierarchies() -> Iterator[Path]:
    if not is_version_1():
        yield _ROOT
        return
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount_point, kind, *_ = line.split()
        if kind == "cgroup":
            yield Path(mount_point)


def _tracked() -> Path:
    return (_ROOT / "pids" if is_version_1() else _ROOT) / NAME


def _inherit_cpuset(hierarchy: Path, group: Path) -> None:
    for setting in ("cpuset.cpus", "cpuset.mems"):
        if (hierarchy / setting).exists() and not (group / setting).read_text().strip():
            (group / setting).write_text((hierarchy / setting).read_text())


def _enable_controllers(group: Path) -> None:
    for controller in (group / "cgroup.controllers").read_text().split():
        with suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")
