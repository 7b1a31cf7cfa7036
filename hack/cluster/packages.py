"""What comes ready-made: Debian packages of the host, wheels and npm packages, each by its registry's own client."""

import os
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Final

from console import ClusterError, run, say, step

__all__ = ["SYSTEM_PATH", "ensure_host", "install_npm", "unpack_wheel"]

SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_HOST_COMMANDS: Final = {
    "buildah": "buildah",
    "containerd": "containerd",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "iptables": "iptables",
    "nft": "nftables",
    "openssl": "openssl",
    "runc": "runc",
    "setpriv": "util-linux",
}
"""A command the cluster calls -> the Debian package it comes from."""

_CNI_PLUGIN: Final = Path("/usr/lib/cni/ptp")


def ensure_host() -> None:
    """Install the Debian packages that are missing; raise ClusterError on a host that cannot run the cluster."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise ClusterError("the local cluster needs Linux and root: it starts containers and sets up a network")
    missing = {package for command, package in _HOST_COMMANDS.items() if not shutil.which(command, path=SYSTEM_PATH)}
    if not _CNI_PLUGIN.exists():
        missing.add("containernetworking-plugins")
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise ClusterError(f"install these yourself, there is no apt-get here: {', '.join(sorted(missing))}")
    with step(f"installing {', '.join(sorted(missing))}"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-q"], env=quiet)
        run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *sorted(missing)], env=quiet)


def unpack_wheel(requirement: str, sha256: dict[str, str], into: Path) -> Path:
    """Fetch one pinned wheel and unpack it to `into`, which appears whole or not at all.

    `sha256` gives the digest per machine type ("x86_64", "any", ...). Returns `into`.
    """
    if into.exists():
        return into
    digest = sha256.get(os.uname().machine) or sha256.get("any")
    if digest is None:
        raise ClusterError(f"{requirement}: no wheel is pinned for {os.uname().machine}")
    into.parent.mkdir(parents=True, exist_ok=True)
    scratch = into.with_name(f".{into.name}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    pins = scratch / "requirements.txt"
    pins.write_text(f"{requirement} --hash=sha256:{digest}\n")
    say(f"fetching {requirement}")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    run([*pip, "--dest", scratch, "--requirement", pins])
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch / "wheel")
    (scratch / "wheel").rename(into)
    shutil.rmtree(scratch)
    return into


def install_npm(npm: list[str | Path], lock_folder: Path, into: Path) -> Path:
    """Install what the package-lock.json in `lock_folder` pins to `into`, whole or not at all. Returns `into`."""
    if into.exists():
        return into
    into.parent.mkdir(parents=True, exist_ok=True)
    scratch = into.with_name(f".{into.name}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(lock_folder, scratch)
    run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=scratch)
    scratch.rename(into)
    return into
