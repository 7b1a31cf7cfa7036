"""Where the local cluster keeps what: one module, so that `down --purge` and the clean-up know every path.

CACHE holds what can be made again (binaries, build storage) and may be shared by several checkouts; STATE holds the
image store, keys and logs of the one cluster of this machine; RUN holds sockets and mounts and means nothing once the
cluster is down.
"""

import os
from pathlib import Path
from typing import Final

__all__ = ["CACHE", "HERE", "KUBECONFIG", "LOGS", "PKI", "REPOSITORY", "RUN", "STATE", "VOLUMES", "VOLUMES_LINK"]

HERE: Final = Path(__file__).resolve().parent
REPOSITORY: Final = HERE.parents[1]
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "faceledger" / "cluster"
STATE: Final = Path("/var/lib/faceledger-cluster")
RUN: Final = Path("/run/faceledger-cluster")

LOGS: Final = STATE / "logs"
PKI: Final = STATE / "pki"
VOLUMES: Final = STATE / "volumes"
VOLUMES_LINK: Final = Path("/tmp/hostpath_pv")
"""The in-tree host-path provisioner knows no other folder; a link to VOLUMES."""

KUBECONFIG: Final = REPOSITORY / ".cluster" / "kubeconfig"
