"""Real nodes of a test's or a benchmark's own, on ports of the loopback interface that the system chooses.

In: a folder for what they keep and say. Out: where they listen, while inside of the context. Invariant: a node has no
peers, and ends with whoever started it.
"""

from __future__ import annotations

import base64
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from faceledger_contracts.cid import decode_cid

from . import tools
from .processes import Process

__all__ = ["CHAIN_ID", "IpfsNode", "find_kubo", "running_anvil", "running_kubo"]

CHAIN_ID = 31337
"""anvil's own."""

_FOUNDRY = Path(__file__).resolve().parents[2] / "contracts" / "node_modules" / "@foundry-rs"


@contextmanager
def running_anvil(folder: Path, *options: str, chain_id: int = CHAIN_ID) -> Iterator[str]:
    """The RPC URL of an anvil that makes a block for each transaction and calls all but the last two blocks final."""
    place = ("--port", "0", "--chain-id", str(chain_id), "--slots-in-an-epoch", "1")
    with Process([_find_anvil(), *place, *options], folder / "anvil.log", gently=False) as process:
        yield "http://127.0.0.1:" + process.said(r"Listening on 127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class IpfsNode:
    """A running IPFS node: its API, and the folder in which it keeps its blocks."""

    url: str
    repository: Path
    binary: Path

    def block_file(self, cid: str) -> Path:
        """The file of a block: its multihash in base32, in a folder named by the two letters before the last."""
        key = base64.b32encode(decode_cid(cid)[2:]).decode().rstrip("=")
        return self.repository / "blocks" / key[-3:-1] / f"{key}.data"


@contextmanager
def running_kubo(folder: Path) -> Iterator[IpfsNode]:
    """A Kubo. FileNotFoundError where there is none."""
    program = find_kubo()
    if program is None:
        raise FileNotFoundError("no Kubo binary: `make cluster-up` builds one, or name it in FACELEDGER_KUBO")
    environment = {"IPFS_PATH": str(folder / "ipfs"), "GOLOG_LOG_LEVEL": "error"}
    for arguments in (
        ("init", "--profile", "test"),
        ("config", "Addresses.API", "/ip4/127.0.0.1/tcp/0"),
        ("config", "Addresses.Gateway", ""),
        ("config", "--json", "Addresses.Swarm", "[]"),
        ("config", "Routing.Type", "none"),
    ):
        subprocess.run((program, *arguments), env={**os.environ, **environment}, check=True, capture_output=True)
    with Process([program, "daemon", "--offline"], folder / "ipfs.log", environment) as process:
        url = "http://127.0.0.1:" + process.said(r"RPC API server listening on /ip4/127\.0\.0\.1/tcp/(\d+)")
        yield IpfsNode(url, folder / "ipfs", program)


def find_kubo() -> Path | None:
    """FACELEDGER_KUBO, else the binary that the local cluster built, else `ipfs` on PATH."""
    if named := os.environ.get("FACELEDGER_KUBO"):
        return Path(named)
    on_path = shutil.which("ipfs")
    return tools.binary("kubo-*/ipfs") or (Path(on_path) if on_path else None)


def _find_anvil() -> Path:
    """That of the contract's toolchain, else the one that the local cluster has."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    installed = _FOUNDRY / f"anvil-{platform.system().lower()}-{machine}" / "bin" / "anvil"
    found = installed if installed.exists() else tools.binary("anvil-*/anvil")
    if found is None:
        raise FileNotFoundError(f"{installed} is missing: run `make -C contracts install`")
    return found
