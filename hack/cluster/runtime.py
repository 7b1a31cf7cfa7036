"""containerd: the container runtime and image store, an instance of our own beside any the host already runs.

Its images survive `down`; its containers never do: before it serves the kubelet, containers that an earlier run left
are removed while the part that would try to revive them (the CRI plugin) is switched off.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import processes
from console import ClusterError, run, step, wait_until
from network import CNI_FOLDER
from places import LOGS, RUN, STATE

__all__ = ["PAUSE_IMAGE", "SOCKET", "ctr", "ctr_command", "ensure", "serves"]

PAUSE_IMAGE: Final = "localhost/faceledger/pause:dev"
SOCKET: Final = RUN / "containerd.sock"

_NAME: Final = "containerd"
_CRI: Final = "io.containerd.grpc.v1.cri"
_ROOT: Final = STATE / "containerd"


def ensure() -> None:
    """Have containerd serve the kubelet, with images and without any container of an earlier run."""
    record = processes.recorded().get(_NAME)
    if record is not None and record.alive and serves():
        return
    RUN.mkdir(parents=True, exist_ok=True)
    if _ROOT.exists():
        _forget_containers()
    _start(cri=True)


def serves() -> bool:
    """Whether containerd answers."""
    try:
        ctr("version", timeout=5)
    except (ClusterError, subprocess.TimeoutExpired):
        return False
    return True


def ctr_command(*words: str | Path) -> list[str]:
    """The command line of containerd's client for the images and containers of Kubernetes."""
    return ["ctr", "--address", str(SOCKET), "--namespace", "k8s.io", *map(str, words)]


def ctr(*words: str | Path, timeout: float | None = None) -> str:
    """Run containerd's client and return what it printed."""
    return run(ctr_command(*words), timeout=timeout)


def _forget_containers() -> None:
    _start(cri=False)
    containers = ctr("containers", "list", "--quiet").split()
    if containers:
        with step(f"removing {len(containers)} containers of an earlier run"):
            ctr("containers", "delete", *containers)
    processes.stop(_NAME)
    shutil.rmtree(_ROOT / _CRI, ignore_errors=True)


def _start(*, cri: bool) -> None:
    config = STATE / "containerd.toml"
    config.write_text(_config(cri=cri))
    SOCKET.unlink(missing_ok=True)
    processes.start(processes.Daemon(_NAME, ["containerd", "--config", str(config)]))
    wait_until(_NAME, serves, seconds=60, hint=f"see {LOGS / 'containerd.log'}")


def _config(*, cri: bool) -> str:
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE runc cannot lower a score and dies with "can't get final
    # child's PID from pipe". The network namespaces lie under RUN so that a clean-up by path finds them.
    return f"""\
version = 2
root = "{_ROOT}"
state = "{RUN / "containerd"}"
disabled_plugins = [{"" if cri else f'"{_CRI}"'}]

[grpc]
  address = "{SOCKET}"

[plugins."{_CRI}"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  max_concurrent_downloads = 8

[plugins."{_CRI}".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{CNI_FOLDER}"

[plugins."{_CRI}".containerd]
  snapshotter = "overlayfs"

[plugins."{_CRI}".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."{_CRI}".containerd.runtimes.runc.options]
  SystemdCgroup = false
"""
