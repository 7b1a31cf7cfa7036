"""Up, down and status of the one cluster of this machine.

The cluster is either healthy, and `up` leaves it alone, or it is swept away whole and started clean: no half-dead state
is ever repaired. A sweep needs nothing but the control group and the paths of `places`, so it works over whatever a
killed run, or a killed machine, has left.
"""

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import addons
import binaries
import cgroup
import control_plane
import identities
import image_store
import network
import packages
import processes
import runtime
from console import ClusterError, run, say, step
from images import SYSTEM_IMAGES
from places import CACHE, HERE, RUN, STATE, VOLUMES_LINK

__all__ = ["down", "exclusive", "is_healthy", "load_images", "up"]

_DAEMONS: Final = ("containerd", *control_plane.NAMES)


_MADE_OF: Final = STATE / "made-of"
"""What the running cluster was made of; a checkout that would make another one starts anew."""


@contextmanager
def exclusive() -> Iterator[None]:
    """Hold the cluster for one command at a time."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command works on the cluster; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def up(load: Sequence[str]) -> None:
    """Have the cluster run and KubeRay serve, with the named product images loaded."""
    packages.ensure_host()
    # In this order: a cold machine compiles nothing before the images, which take as long, are under way.
    if is_healthy() and _MADE_OF.exists() and _MADE_OF.read_text() == _made_of():
        identities.write_user_kubeconfig()
        load_images(load)
        return
    sweep()
    cgroup.create()
    network.prepare()
    runtime.ensure()
    # Images wait for the disk and compilers for the processor: side by side they take little longer than one of them.
    with ThreadPoolExecutor(max_workers=1) as beside:
        compiled = [name for name in load if name == "kubo"]
        product = beside.submit(_load_each, [name for name in load if name not in compiled])
        control_plane.start(binaries.kube())
        identities.write_user_kubeconfig()
        addons.apply_base()
        _load_each(SYSTEM_IMAGES)
        addons.apply_kuberay()
        _load_each(compiled)
        product.result()
    image_store.tidy()
    with step("waiting for the KubeRay operator"):
        addons.wait_for_kuberay()
    _MADE_OF.write_text(_made_of())


def load_images(names: Sequence[str]) -> None:
    """Have the running cluster hold the named images as their inputs are now."""
    if _load_each(names):
        image_store.tidy()


def down(*, purge: bool) -> None:
    """Stop everything, keeping images and binaries; with `purge`, forget the images and keys too."""
    with step("stopping the cluster"):
        sweep()
    if purge:
        for path in sorted(STATE.iterdir()):
            if path.name != "lock":
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def is_healthy() -> bool:
    """Whether every daemon is the one that was started, the API serves, and KubeRay is available."""
    records = processes.recorded()
    if not all(name in records and records[name].alive for name in _DAEMONS):
        return False
    try:
        return control_plane.api_server_is_ready() and addons.node_is_ready() and addons.kuberay_is_available()
    except (ClusterError, subprocess.TimeoutExpired):
        return False


def sweep() -> None:
    """End every process of the cluster and undo its mounts, addresses and sockets."""
    processes.kill_everything()
    _unmount_below(STATE, RUN, CACHE)
    cgroup.remove()
    network.withdraw()
    shutil.rmtree(RUN, ignore_errors=True)
    if VOLUMES_LINK.is_symlink():
        VOLUMES_LINK.unlink()


def _made_of() -> str:
    """Changes with the binaries and with everything that configures or starts them."""
    digest = hashlib.sha256(f"{binaries.kube().name} {binaries.kuberay().name}".encode())
    for path in sorted([*HERE.glob("*.py"), *(HERE / "manifests").rglob("*.yaml")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _load_each(names: Sequence[str]) -> bool:
    """Load the images one after the other; whether any had to be."""
    had_to_be = [image_store.load(name) for name in names]
    return any(had_to_be)


def _unmount_below(*roots: Path) -> None:
    """Unmount whatever is mounted below the given folders, the innermost first.

    Raises ClusterError when something stays mounted: the folders are deleted next, and a volume's data must not be.
    """
    for point in reversed(_mount_points(roots)):
        with suppress(ClusterError):
            run(["umount", "--lazy", point])
    if left := _mount_points(roots):
        raise ClusterError(f"cannot unmount {left[-1]}; unmount it by hand and try again")


def _mount_points(roots: Sequence[Path]) -> list[Path]:
    """Mount points below the folders, in the order they were mounted."""
    table = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [Path(line.split()[4].encode().decode("unicode_escape")) for line in table]
    return [point for point in points if any(root in point.parents for root in roots)]
