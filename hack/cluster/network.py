"""The cluster's addresses, and what the host needs so that they work.

The node has an address of its own on the loopback device, so no port of the host is taken and nothing is reachable
from outside. Pods hang on point-to-point links: all their traffic is routed, which needs no bridge netfilter module.
"""

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from console import ClusterError, run
from places import RUN, STATE

__all__ = [
    "API_SERVER",
    "CNI_FOLDER",
    "DNS_IP",
    "DOMAIN",
    "NODE_IP",
    "POD_RANGE",
    "RESOLV_CONF",
    "SERVICE_IP",
    "SERVICE_RANGE",
    "prepare",
    "withdraw",
]

NODE_IP: Final = "10.245.0.1"
POD_RANGE: Final = "10.244.0.0/16"
SERVICE_RANGE: Final = "10.96.0.0/16"
SERVICE_IP: Final = "10.96.0.1"
DNS_IP: Final = "10.96.0.10"
DOMAIN: Final = "cluster.local"
API_SERVER: Final = f"https://{NODE_IP}:6443"

CNI_FOLDER: Final = STATE / "cni"
RESOLV_CONF: Final = STATE / "resolv.conf"

_TABLE: Final = "faceledger-cluster"
_LEASES: Final = RUN / "pod-addresses"


def prepare() -> None:
    """Give the node its address, route and masquerade pods' traffic, and write the pod network's configuration."""
    withdraw()
    run(["ip", "address", "add", f"{NODE_IP}/32", "dev", "lo"])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    run(
        ["nft", "-f", "-"],
        stdin=f"""table ip {_TABLE} {{
            chain outbound {{
                type nat hook postrouting priority srcnat;
                ip saddr {POD_RANGE} ip daddr != {POD_RANGE} oifname != "lo" masquerade
            }}
        }}""",
    )
    CNI_FOLDER.mkdir(parents=True, exist_ok=True)
    (CNI_FOLDER / "10-faceledger.conflist").write_text(json.dumps(_pod_network(), indent=2))
    RESOLV_CONF.write_text(_host_resolvers())


def withdraw() -> None:
    """Undo `prepare`, and drop the tables kube-proxy leaves behind; harmless when nothing is there."""
    for argv in (
        ["ip", "address", "del", f"{NODE_IP}/32", "dev", "lo"],
        ["nft", "delete", "table", "ip", _TABLE],
        ["nft", "delete", "table", "ip", "kube-proxy"],
    ):
        with suppress(ClusterError):
            run(argv)
    shutil.rmtree(_LEASES, ignore_errors=True)


def _pod_network() -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(_LEASES),
    }
    return {
        "cniVersion": "0.4.0",
        "name": "faceledger",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _host_resolvers() -> str:
    """The host's name servers less those on loopback, which no pod can reach."""
    lines = Path("/etc/resolv.conf").read_text().splitlines() if Path("/etc/resolv.conf").exists() else []
    return "".join(f"{line}\n" for line in lines if line.startswith("nameserver") and " 127." not in line)
