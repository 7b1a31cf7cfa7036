"""What comes ready-made: Debian packages of the host, wheels and npm packages, each by its registry's own client."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from console import ClusterError, run, step
from places import CACHE, REPOSITORY
from versions import UV

__all__ = ["SYSTEM_PATH", "ensure_host", "install_npm", "install_wheel", "uv"]

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
    "skopeo": "skopeo",
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


def uv() -> Path:
    """The uv command that `hack/bootstrap` keeps in the cache."""
    command = CACHE.parent / f"uv-{UV}" / "bin" / "uv"
    if not command.exists():
        run([REPOSITORY / "hack" / "bootstrap"])
    if not command.exists():
        raise ClusterError(f"hack/bootstrap made no {command}: its UV_VERSION is not {UV}, the one in versions.py")
    return command


def install_wheel(requirement: str, sha256: Mapping[str, str], into: Path) -> Path:
    """Install one pinned wheel, and nothing it depends on, to `into`, which appears whole or not at all.

    `sha256` gives the digest per machine type ("x86_64", or "any"). Returns `into`.
    """
    if into.exists():
        return into
    digest = sha256.get(os.uname().machine) or sha256.get("any")
    if digest is None:
        raise ClusterError(f"{requirement}: no wheel is pinned for {os.uname().machine}")
    scratch = _scratch(into)
    scratch.mkdir(parents=True)
    pin = f"{requirement} --hash=sha256:{digest}\n"
    # Copies, not links: what is installed here gets its modes changed, and the cache of wheels must not.
    options = ("--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "--link-mode=copy")
    target = (f"--python={sys.executable}", f"--target={scratch}", "--requirement=-")
    run([uv(), "pip", "install", *options, *target], stdin=pin)
    scratch.rename(into)
    return into


def install_npm(npm: list[str | Path], lock_folder: Path, into: Path) -> Path:
    """Install what the package-lock.json in `lock_folder` pins to `into`, whole or not at all. Returns `into`."""
    if into.exists():
        return into
    scratch = _scratch(into)
    shutil.copytree(lock_folder, scratch)
    run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=scratch)
    scratch.rename(into)
    return into


def _scratch(into: Path) -> Path:
    """A free place beside `into`, to be renamed to it."""
    scratch = into.with_name(f".{into.name}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    return scratch
